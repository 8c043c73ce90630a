"""How contenders bear long prompts: success and time to the first token by length, and by where in the filler the task
stands; beside them, the same tasks as they are.

A contender that does not take prompts so long, by its context or by its provider's word, has not failed: it is told
apart. What providers counted stands beside the estimate, and shows where one cut the prompt without a word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef

from arena.ui.numbers import rate, whole
from arena.ui.wording import listed
from evals.catalog.queries.long_context import POSITIONS, Probe, as_they_are, derived_from, probes_of, short_length
from evals.collection.quantiles import Quantiles
from evals.models import Contender, Generation, TaskSet, TaskSetVersion
from evals.models.generations import ErrorCategory
from evals.ratings import ClusteredShare, clustered_share

__all__ = ["ContenderAtLength", "LengthRow", "LongContext", "PositionCell", "long_context"]

_STATE = Generation.State
_ENDED = (_STATE.DONE, _STATE.FAILED)
_IN_WORDS = {"start": "at the start", "middle": "in the middle", "end": "at the end"}
# A provider that counts fewer tokens than this share of the estimate cut the prompt: tokenizers do not differ so much.
_CUT_BELOW = 0.7


@dataclass(frozen=True)
class PositionCell:
    """Answers that ended, refusals of the length aside. `success` is over tasks: samples of one that agree count as
    little more than one."""

    position: str
    success: ClusteredShare
    ttft_ms: Quantiles

    @property
    def interval(self) -> str:
        """In per cent, without the unit, which stands with the figure before it: `72.2–100`; empty without answers."""
        ends = (f"{100 * end:.1f}" for end in self.success.ci95 or ())
        return "–".join(end.removesuffix(".0") if end in ("0.0", "100.0") else end for end in ends)


@dataclass(frozen=True)
class LengthRow:
    """One contender at one length. `tokens` is the estimate, None for the tasks as they are; `counted` the median of
    what its provider counted. `refused`: answers that the provider refused as too long. `waiting`: not asked yet."""

    tokens: int | None
    takes: bool
    positions: tuple[PositionCell, ...]
    whole: PositionCell
    counted: float | None
    refused: int
    waiting: int
    # Why it does not take it, or what else one should know; empty if nothing.
    note: str

    @property
    def name(self) -> str:
        return "as it is" if self.tokens is None else short_length(self.tokens)

    @property
    def cut(self) -> bool:
        """Whether the provider seems to have cut the prompts."""
        return self.tokens is not None and self.counted is not None and self.counted < _CUT_BELOW * self.tokens


@dataclass(frozen=True)
class ContenderAtLength:
    """`rows`: the tasks as they are, then by length. `findings`: in sentences what is surely so, at 95%."""

    slug: str
    context_tokens: int | None
    rows: tuple[LengthRow, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True)
class LongContext:
    """Of the newest version of the long prompts that were made of a task set."""

    task_set: TaskSet
    version: TaskSetVersion
    tasks: int
    lengths: tuple[int, ...]
    filler: int
    contenders: tuple[ContenderAtLength, ...]


def long_context(task_set: TaskSet) -> LongContext | None:
    """None before long prompts were made of it. Some seven queries, over every answer to them."""
    derived = derived_from(task_set)
    versions = TaskSetVersion.objects.select_related("task_set").filter(task_set=derived).order_by("-n")
    version = versions.first() if derived is not None else None
    if version is None:
        return None
    probes = probes_of(version)
    counts: dict[int, _Counts] = defaultdict(_Counts)
    for contender, task, *row in _answers(list(probes)):
        counts[contender].add(probes[task], *row)
    plain = dict(as_they_are(version).values_list("pk", "digest"))
    for contender, task, *row in _answers(list(plain)):
        counts[contender].add_plain(plain[task], *row)
    asked = Contender.objects.filter(runs__version__task_set=derived, retired_at=None).distinct()
    with_answers = Contender.objects.filter(pk__in=[pk for pk, one in counts.items() if one.long], retired_at=None)
    lengths = tuple(sorted({probe.tokens for probe in probes.values()}))
    return LongContext(
        task_set=task_set,
        version=version,
        tasks=len({probe.digest for probe in probes.values()}),
        lengths=lengths,
        filler=max(probe.filler for probe in probes.values()),
        contenders=tuple(
            _contender(one, counts[one.pk], lengths)
            for one in sorted({*asked, *with_answers}, key=lambda one: one.slug)
        ),
    )


def _answers(tasks: Sequence[int]) -> Iterable[tuple[Any, ...]]:
    """Of the newest take of each: contender and task, then what `_Counts` takes."""
    newer = Generation.objects.filter(
        task=OuterRef("task"), contender=OuterRef("contender"), sample=OuterRef("sample"), take__gt=OuterRef("take")
    )
    rows = Generation.objects.filter(~Exists(newer), task__in=tasks).order_by()
    return rows.values_list("contender_id", "task_id", "state", "error", "checks", "ttft_ms", "tokens_in").iterator()


@dataclass
class _Cell:
    """Of one length and position: hits and answers by task."""

    by_task: dict[str, tuple[int, int]] = field(default_factory=dict)
    ttft: list[float] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    refused: int = 0
    waiting: int = 0

    def add(
        self,
        task: str,
        state: str,
        error: str,
        checks: Sequence[Mapping[str, Any]],
        ttft_ms: float | None,
        tokens_in: int | None,
    ) -> None:
        if state not in _ENDED:
            self.waiting += 1
            return
        if error == ErrorCategory.CONTEXT_LENGTH:
            self.refused += 1
            return
        passed = state == _STATE.DONE and all(check["ok"] for check in checks)
        hits, n = self.by_task.get(task, (0, 0))
        self.by_task[task] = (hits + passed, n + 1)
        if state == _STATE.DONE and ttft_ms is not None:
            self.ttft.append(ttft_ms)
        if state == _STATE.DONE and tokens_in is not None:
            self.counted.append(tokens_in)

    def cell(self, position: str) -> PositionCell:
        return PositionCell(position, clustered_share(self.by_task.values()), Quantiles.of(self.ttft))


@dataclass
class _Counts:
    """Of one contender."""

    long: dict[tuple[int, str], _Cell] = field(default_factory=lambda: defaultdict(_Cell))
    plain: _Cell = field(default_factory=_Cell)

    def add(self, probe: Probe, *row: Any) -> None:
        self.long[probe.tokens, probe.position].add(probe.digest, *row)

    def add_plain(self, digest: str, *row: Any) -> None:
        self.plain.add(digest, *row)


def _contender(contender: Contender, counts: _Counts, lengths: Sequence[int]) -> ContenderAtLength:
    plain = _row(None, [], counts.plain, takes=True, note="")
    rows = [_at_length(contender, counts, tokens) for tokens in lengths]
    return ContenderAtLength(contender.slug, contender.context_tokens, (plain, *rows), tuple(_findings(plain, rows)))


def _at_length(contender: Contender, counts: _Counts, tokens: int) -> LengthRow:
    cells = [counts.long.get((tokens, position), _Cell()) for position in POSITIONS]
    together = _Cell()
    for cell in cells:
        together.ttft += cell.ttft
        together.counted += cell.counted
        together.refused += cell.refused
        together.waiting += cell.waiting
        for task, (hits, n) in cell.by_task.items():
            before = together.by_task.get(task, (0, 0))
            together.by_task[task] = (before[0] + hits, before[1] + n)
    known = contender.context_tokens
    answered = bool(together.by_task)
    note = ""
    if not answered and known is not None and known < tokens:
        note = f"does not take it: its context has {whole(known)} tokens"
    elif not answered and together.refused:
        note = "does not take it: its provider refuses prompts so long"
    elif together.refused:
        note = f"{whole(together.refused)} refused by its provider as too long, and left out"
    takes = answered or not note
    return _row(tokens, cells, together, takes=takes, note=note)


def _row(tokens: int | None, cells: Sequence[_Cell], together: _Cell, *, takes: bool, note: str) -> LengthRow:
    return LengthRow(
        tokens=tokens,
        takes=takes,
        positions=tuple(cell.cell(position) for position, cell in zip(POSITIONS, cells, strict=False)),
        whole=together.cell(""),
        counted=Quantiles.of(together.counted).p50,
        refused=together.refused,
        waiting=together.waiting,
        note=note,
    )


def _findings(plain: LengthRow, rows: Sequence[LengthRow]) -> Iterable[str]:
    for row in rows:
        if row.cut and row.tokens is not None and row.counted is not None:
            yield (
                f"At {row.name}, its provider counted {whole(row.counted)} tokens of about {whole(row.tokens)}: it "
                "seems to cut the prompt."
            )
        lost = [one for one in row.positions if _below_the_others(one, row.positions)]
        for one in lost:
            others = [other for other in row.positions if other is not one]
            yield (
                f"At {row.name}, it loses what stands {_IN_WORDS[one.position]}: {rate(one.success.rate)} there, "
                "against "
                + listed([f"{rate(other.success.rate)} {_IN_WORDS[other.position]}" for other in others])
                + "."
            )
        if not lost and _surely_below(row.whole.success, plain.whole.success):
            yield (
                f"At {row.name}, it is surely worse than without filler: {rate(row.whole.success.rate)} against "
                f"{rate(plain.whole.success.rate)}."
            )


def _below_the_others(one: PositionCell, cells: Sequence[PositionCell]) -> bool:
    return all(_surely_below(one.success, other.success) for other in cells if other is not one)


def _surely_below(one: ClusteredShare, other: ClusteredShare) -> bool:
    """Their 95% intervals do not meet."""
    return one.ci95 is not None and other.ci95 is not None and one.ci95[1] < other.ci95[0]
