"""A sample of rows, drawn evenly over categories and lengths, in two passes over a file.

The first pass notes each row: some 150 bytes, whatever its text. `draw` then says which rows to take, and the second
pass takes them. The same rows and the same seed give the same sample.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.transfer.sampling.minhash import ENTRIES, NearDuplicates, sketch

__all__ = ["DEFAULT_SEED", "By", "Drawn", "Sampler", "length_class", "length_name"]

DEFAULT_SEED = 1
# Classes of lengths in characters, each four times as long as the one before.
_BOUNDS = (64, 256, 1_024, 4_096, 16_384, 65_536)


class By(StrEnum):
    """EVEN: as many of each category, and of each length, as of any other, as far as there are so many. SHARE: as the
    rows have them, repeated requests counted each time."""

    EVEN = "even"
    SHARE = "share"


def length_class(characters: int) -> int:
    return sum(characters >= bound for bound in _BOUNDS)


def length_name(number: int) -> str:
    """In characters, such as "256 to 1,023"."""
    if number == 0:
        return f"under {_BOUNDS[0]}"
    low = _BOUNDS[number - 1]
    return f"{low:,} to {_BOUNDS[number] - 1:,}" if number < len(_BOUNDS) else f"{low:,} and more"


@dataclass(frozen=True)
class Drawn:
    """`rows` are numbers of rows, in the file's order, each with how often its request was made. `categories` and
    `lengths` count rows of the file, and of the sample. `alike` were passed over as near-duplicates of one taken."""

    rows: Mapping[int, int]
    seen: int
    distinct: int
    alike: int
    categories: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lengths: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def by_category(self) -> list[tuple[str, tuple[int, int]]]:
        return list(self.categories.items())

    @property
    def by_length(self) -> list[tuple[str, tuple[int, int]]]:
        """From short to long, with what each class is called."""
        return [(f"{length_name(at)} characters", counts) for at, counts in sorted(self.lengths.items())]


class Sampler:
    """Notes rows one by one. A row whose content is already known is counted with the first one."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._categories = array("i")
        self._lengths = array("b")
        self._contents = array("Q")
        self._sketches = bytearray()

    def add(self, *, category: str, text: str, content: str) -> None:
        """`text` is what is compared and measured; `content` identifies the whole request, such as by a digest."""
        self._categories.append(self._names.setdefault(category, len(self._names)))
        self._lengths.append(length_class(len(text)))
        hashed = hashlib.blake2b(f"{category}\n{content}".encode(), digest_size=8).digest()
        self._contents.append(int.from_bytes(hashed, "big"))
        self._sketches += sketch(text).tobytes()

    def draw(self, size: int, *, seed: int = DEFAULT_SEED, by: By = By.EVEN) -> Drawn:
        """`size` rows, or fewer if there are not so many that differ."""
        categories = np.frombuffer(self._categories, dtype=np.intc)
        lengths = np.frombuffer(self._lengths, dtype=np.int8)
        contents = np.frombuffer(self._contents, dtype=np.uint64)
        sketches = np.frombuffer(self._sketches, dtype=np.uint16).reshape(-1, ENTRIES)
        _, first, times = np.unique(contents, return_index=True, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(first))
        waiting: dict[tuple[int, int], list[int]] = {}
        for n in order:
            row = int(first[n])
            waiting.setdefault((int(categories[row]), int(lengths[row])), []).append(row)
        goals = _Goals.of(categories, lengths, waiting, size, by)
        taken: list[int] = []
        alike = 0
        near = NearDuplicates()
        while len(taken) < size and waiting:
            cell = goals.neediest(waiting)
            row = waiting[cell].pop()
            if not waiting[cell]:
                del waiting[cell]
            if near.has_like(sketches[row]):
                alike += 1
                continue
            near.add(sketches[row])
            taken.append(row)
            goals.count(cell)
        often = dict(zip(first.tolist(), times.tolist(), strict=True))
        names = {number: name for name, number in self._names.items()}
        return Drawn(
            rows={row: often[row] for row in sorted(taken)},
            seen=len(contents),
            distinct=len(first),
            alike=alike,
            categories={names[at]: counted for at, counted in _counted(categories, taken).items()},
            lengths=_counted(lengths, taken),
        )


def _counted(values: NDArray[Any], taken: list[int]) -> dict[int, tuple[int, int]]:
    """How often each value is among all rows, and among those taken; the frequent ones first."""
    every, some = Counter(values.tolist()), Counter(values[taken].tolist())
    return {value: (count, some[value]) for value, count in every.most_common()}


@dataclass
class _Goals:
    """How many rows each category and each class of lengths should have. A cell, which is one of either, is taken from
    where both are furthest behind."""

    categories: dict[int, float]
    lengths: dict[int, float]

    @classmethod
    def of(
        cls,
        categories: NDArray[Any],
        lengths: NDArray[Any],
        waiting: Mapping[tuple[int, int], list[int]],
        size: int,
        by: By,
    ) -> _Goals:
        if by is By.SHARE:
            total = len(categories)
            return cls(
                *({at: size * n / total for at, n in Counter(v.tolist()).items()} for v in (categories, lengths))
            )
        there: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        for (category, length), rows in waiting.items():
            there[0][category] += len(rows)
            there[1][length] += len(rows)
        return cls(_level(there[0], size), _level(there[1], size))

    def neediest(self, waiting: Mapping[tuple[int, int], list[int]]) -> tuple[int, int]:
        """Ties go to the cell that comes first, so that a seed decides everything else."""
        return max(
            waiting,
            key=lambda cell: (
                min(1.0, self.categories[cell[0]]) + min(1.0, self.lengths[cell[1]]),
                self.categories[cell[0]] + self.lengths[cell[1]],
                -cell[0],
                -cell[1],
            ),
        )

    def count(self, cell: tuple[int, int]) -> None:
        self.categories[cell[0]] -= 1
        self.lengths[cell[1]] -= 1


def _level(there: Mapping[int, int], size: int) -> dict[int, float]:
    """Equal parts of `size`; what a group does not have is divided among the others."""
    goals: dict[int, float] = {}
    left, groups = float(size), sorted(there.items(), key=lambda item: (item[1], item[0]))
    for n, (at, count) in enumerate(groups):
        goals[at] = min(float(count), left / (len(groups) - n))
        left -= goals[at]
    return goals
