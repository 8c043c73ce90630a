"""Which sample of its contender an imported answer becomes."""

from __future__ import annotations

from collections.abc import Iterable

from evals.catalog.conversations import written
from evals.models import Generation
from evals.transfer.answers import answer_key

__all__ = ["Samples", "Stored", "stored_samples"]


class Samples:
    """The samples of one contender for one task: those stored, and those this import adds.

    An answer that is already stored is recognised, so importing a file twice adds nothing. A different one takes the
    number it asks for or, if that is taken, the next free one: ids whose tasks have equal content are one task, and
    each of them may have its own "sample 1".
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._by_key: dict[bytes, list[int]] = {}
        self._claimed: set[int] = set()

    def store(self, sample: int, key: bytes | None) -> None:
        """`key` None: the number is reserved for an answer that is still being collected."""
        self._taken.add(sample)
        if key is not None:
            self._by_key.setdefault(key, []).append(sample)

    def has(self, key: bytes) -> bool:
        return key in self._by_key

    def place(self, key: bytes, wanted: int | None) -> int | None:
        """The number for a new answer; None if the answer is already stored."""
        there = self._by_key.get(key, [])
        if wanted is None and there:
            self._claimed.add(there[0])
            return None
        if wanted in there:
            self._claimed.add(wanted)
            return None
        if wanted in self._taken:
            # It may have got another number when the file was first imported.
            moved = next((sample for sample in there if sample not in self._claimed), None)
            if moved is not None:
                self._claimed.add(moved)
                return None
        sample = wanted if wanted is not None and wanted not in self._taken else self._next()
        self.store(sample, key)
        self._claimed.add(sample)
        return sample

    def _next(self) -> int:
        return max(self._taken, default=0) + 1


Stored = dict[tuple[int, int], Samples]

_CHUNK = 500


def stored_samples(contender_ids: Iterable[int], task_ids: Iterable[int]) -> Stored:
    """The samples of these contenders for these tasks, including those still being collected. Texts are read, not
    kept."""
    samples: Stored = {}
    finished = (Generation.State.DONE, Generation.State.FAILED)
    by = sorted(set(contender_ids))
    ids = sorted(set(task_ids))
    for start in range(0, len(ids), _CHUNK):
        rows = Generation.objects.filter(contender__in=by, task__in=ids[start : start + _CHUNK])
        told = ("error", "error_detail", "text", "tool_calls", "turns", "images")
        columns = ("task_id", "contender_id", "sample", "state", *told)
        for task_id, contender_id, sample, state, error, detail, text, calls, turns, images in (
            rows.order_by("sample", "take").values_list(*columns).iterator()
        ):
            answers = written(text=text, tool_calls=calls, turns=turns)
            key = answer_key(text, detail if error else "", answers, images) if state in finished else None
            samples.setdefault((task_id, contender_id), Samples()).store(sample, key)
    return samples
