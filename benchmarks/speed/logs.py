"""Votes between contenders of known strengths: as arrays, as tallies, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from evals.ratings import Tallies
from evals.ratings.davidson import chances
from evals.ratings.tallies import CountTable

# What files call the outcomes, in the order of evals.ratings.OUTCOMES: Chatbot Arena's words.
LABELS = ("model_a", "model_b", "tie", "tie (bothbad)")
LN_TIES = float(np.log(0.5))


class Columns(NamedTuple):
    """A vote an element: places of the two contenders, and in `OUTCOMES` (never both bad)."""

    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray


def names(K: int) -> list[str]:
    """In the order of their places."""
    return [f"contender-{place:03}" for place in range(K)]


def strengths(K: int) -> np.ndarray:
    return np.random.default_rng(K).normal(0, 0.6, K)


def draw(n: int, K: int) -> Columns:
    """Uniform pairs, outcomes by Davidson's model. The same for the same arguments."""
    rng = np.random.default_rng((n, K))
    first = rng.integers(K, size=n)
    second = (first + 1 + rng.integers(K - 1, size=n)) % K
    win, tie = chances(strengths(K), LN_TIES)
    chance, at = rng.random(n), first * K + second
    outcome = (chance > win.take(at)).astype(np.int64)
    outcome[chance > (1 - tie).take(at)] = 2
    return Columns(first, second, outcome)


def draw_tallies(n: int, K: int, reviewers: int) -> Tallies:
    """Of n such votes shared evenly by the reviewers, as the application stores them, without those by task."""
    win, tie = chances(strengths(K), LN_TIES)
    lo, hi = np.triu_indices(K, 1)
    each = np.column_stack([win[lo, hi], win[hi, lo], tie[lo, hi]]) / (len(lo) * reviewers)
    drawn = np.random.default_rng((n, K, reviewers)).multinomial(n, np.tile(each.ravel(), reviewers)).reshape(-1, 3)
    seen = np.flatnonzero(drawn.any(axis=1))
    counts = np.zeros((len(seen), 4), np.int64, order="F")
    counts[:, :3] = drawn[seen]
    pair = seen % len(lo)
    none = seen[:0]
    table = CountTable(tuple(range(reviewers)), seen // len(lo), lo[pair], hi[pair], counts)
    return Tallies(tuple(names(K)), table, CountTable((), none, none, none, counts[:0]))


class Shape(Protocol):
    """What a file of votes needs to know beside the votes themselves."""

    @property
    def contenders(self) -> int: ...
    @property
    def reviewers(self) -> int: ...
    @property
    def tasks(self) -> int: ...


def write_csv(columns: Columns, shape: Shape, file: Path) -> None:
    """LMArena's columns, which `import_votes` and the peers read; each vote by one of the reviewers on one of the
    tasks, drawn uniformly."""
    n = len(columns.outcome)
    rng = np.random.default_rng((n, shape.reviewers))
    known, labels = np.array(names(shape.contenders), object), np.array(LABELS, object)
    log = {
        "question_id": rng.integers(shape.tasks, size=n),
        "model_a": known[columns.first],
        "model_b": known[columns.second],
        "winner": labels[columns.outcome],
        "judge": [f"reviewer {number}" for number in rng.integers(shape.reviewers, size=n)],
    }
    pd.DataFrame(log).to_csv(file, index=False)
