"""The answers of two runs as columns: what was measured of each, without any text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Case, F, Q, When

from evals.collection.comparison.matching import Match
from evals.models import Generation, Run, RunItem

__all__ = ["LEVELS", "MOST_ANSWERS", "Answers", "TooManyAnswersError", "read_answers"]

# Of both runs together: some seconds, and 100 MB.
MOST_ANSWERS = 500_000
_CHUNK = 5000
# What is compared as a ratio, in the order of `Answers.levels`: generations' columns.
LEVELS = ("latency_ms", "ttft_ms", "tokens_out", "cost_usd")

_STATE = Generation.State
_ENDED = (_STATE.DONE, _STATE.FAILED)


class TooManyAnswersError(ValueError):
    """More than MOST_ANSWERS; the message says so."""


@dataclass(frozen=True, eq=False)
class Answers:
    """One entry an answer of a matched contender. `match` is its place among the matches, `side` 0 before and 1 after.
    `ended`: done, or failed for good. `right`: done, and all checks pass. `levels` (n, 4) as LEVELS; NaN where not
    measured. `shared`: both runs link this very answer, so it says nothing of a change."""

    side: npt.NDArray[np.int8]
    match: npt.NDArray[np.int32]
    generation: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    category: npt.NDArray[np.int64]
    sample: npt.NDArray[np.int32]
    ended: npt.NDArray[np.bool_]
    done: npt.NDArray[np.bool_]
    right: npt.NDArray[np.bool_]
    levels: npt.NDArray[np.float64]
    shared: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.side)


def read_answers(before: Run, after: Run, matches: tuple[Match, ...]) -> Answers:
    """Two queries, whatever the runs' size: one counts, one reads. Raises TooManyAnswersError."""
    items = RunItem.objects.filter(
        Q(run=before, generation__contender__in=[one.before for one in matches])
        | Q(run=after, generation__contender__in=[one.after for one in matches])
    )
    n = items.count()
    if n > MOST_ANSWERS:
        raise TooManyAnswersError(
            f"The runs have {n:,} answers of the contenders that match; at most {MOST_ANSWERS:,} are compared. "
            "Compare runs of fewer contenders."
        )
    places = [
        {one.before: place for place, one in enumerate(matches)},
        {one.after: place for place, one in enumerate(matches)},
    ]
    results = Case(When(~Q(generation__checks=[]), then=F("generation__checks")), default=None)
    rows = items.annotate(check_results=results).values_list(
        "run_id", "generation__contender_id", "generation_id", "generation__task_id", "generation__task__category_id",
        "generation__sample", "generation__state", "check_results", *(f"generation__{name}" for name in LEVELS),
    )  # fmt: skip
    chunks = [_columns(chunk, before.pk, places) for chunk in _chunks(rows.order_by().iterator(_CHUNK))]
    whole, levels = (
        (np.concatenate([one[0] for one in chunks]), np.concatenate([one[1] for one in chunks]))
        if chunks
        else (np.empty((0, 9), np.int64), np.empty((0, len(LEVELS))))
    )
    side, place, generation, task, category, sample, ended, done, right = whole.T
    return Answers(
        side=side.astype(np.int8),
        match=place.astype(np.int32),
        generation=generation,
        task=task,
        category=category,
        sample=sample.astype(np.int32),
        ended=ended.astype(np.bool_),
        done=done.astype(np.bool_),
        right=right.astype(np.bool_),
        levels=levels,
        shared=np.isin(generation, np.intersect1d(generation[side == 0], generation[side == 1])),
    )


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _columns(
    rows: list[tuple[Any, ...]], before: int, places: list[dict[int, int]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    whole, levels = [], []
    for run, contender, generation, task, category, sample, state, results, *measured in rows:
        side = 0 if run == before else 1
        done = state == _STATE.DONE
        right = done and all(check["ok"] for check in results or ())
        ended = state in _ENDED
        whole.append((side, places[side][contender], generation, task, category, sample, ended, done, right))
        levels.append([np.nan if value is None else float(value) for value in measured])
    return np.array(whole, np.int64), np.array(levels, np.float64)
