"""How the style of answers sways a category's votes: counted once for each answer, fitted in a chore, stored.

A report is due once the votes have grown by a twentieth since the last one, or count differently. So all fits of a
category together cost about twenty times its last one, however many votes come in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evals.models import AnswerStyle, Category, Contender, Generation, Leaderboard, StyleReport, Vote
from evals.ratings import FEATURES, Standings, StyledVotes, count_style, fit_style
from evals.ratings.types import Floats, Ints

__all__ = ["compute_style", "latest_style", "measure_answers", "style_is_due"]

# Answers read by one chore, and the newest votes fitted: both stay within its time.
MOST_ANSWERS = 20_000
MOST_VOTES = 200_000
# A report on fewer votes would say nothing.
FEWEST_VOTES = 100
GROWTH = 1.05
_CHUNK = 500
_OUTCOMES = {"lo": 0, "hi": 1, "tie": 2}


def latest_style(category: Category) -> StyleReport | None:
    """The newest report. One query."""
    return StyleReport.objects.filter(category=category).order_by("-seq", "-revision").first()


def style_is_due(category_id: int) -> bool:
    """Two small queries."""
    board = _newest_board(category_id)
    if board is None or board.votes < FEWEST_VOTES:
        return False
    last = StyleReport.objects.filter(category=category_id).order_by("-seq", "-revision").defer("result").first()
    return last is None or last.revision != board.revision or board.votes >= GROWTH * last.votes


def measure_answers(category: Category) -> bool:
    """Count the style of answers to the category's tasks that were not read yet, at most MOST_ANSWERS of them. Returns
    whether some are left. A second process that reads the same ones adds nothing."""
    unread = Generation.objects.filter(
        task__category=category.dimension_of_id or category.pk, state=Generation.State.DONE, style__isnull=True
    )
    found = unread.order_by("pk").values_list("pk", "text")[:MOST_ANSWERS]
    rows, read = [], 0
    for pk, text in found.iterator(chunk_size=_CHUNK):
        read += 1
        # An answer without text (an image, a call of a tool) has length 0, and its votes stay out of the fit.
        counts = asdict(count_style(text if text.strip() else ""))
        rows.append(AnswerStyle(generation_id=pk, **counts))
    for at in range(0, len(rows), _CHUNK):
        AnswerStyle.objects.bulk_create(rows[at : at + _CHUNK], ignore_conflicts=True)
    return read == MOST_ANSWERS


def compute_style(category_id: int) -> StyleReport | None:
    """The report on the votes of the newest leaderboard, computed unless it is stored; None if too few votes are on two
    answers whose texts are here. Reads the newest MOST_VOTES votes one by one."""
    board = _newest_board(category_id)
    if board is None:
        return None
    stored = StyleReport.objects.filter(category=category_id, seq=board.seq, revision=board.revision).first()
    if stored is not None:
        return stored
    result = _result(board)
    report, _ = StyleReport.objects.get_or_create(
        category_id=category_id,
        seq=board.seq,
        revision=board.revision,
        defaults={"votes": board.votes, "result": result},
    )
    return report


def _newest_board(category_id: int) -> Leaderboard | None:
    boards = Leaderboard.objects.filter(category=category_id).order_by("-seq", "-revision", "-pk")
    return boards.select_related("category").first()


@dataclass(frozen=True, eq=False)
class _Read:
    """(n,) each: reviewer, contenders and generations by id (0: not known), and the outcome by `_OUTCOMES`."""

    reviewer: Ints
    lo: Ints
    hi: Ints
    answer_lo: Ints
    answer_hi: Ints
    outcome: Ints


def _result(board: Leaderboard) -> dict[str, Any]:
    """The stored document: `effects` by feature, `ratings` best first, both null where there was too little to fit;
    `votes` that were fitted, and how many were `left_out` because a text is not here or is empty."""
    read = _read(board)
    ids, logs = _logs(board.category)
    lo, known_lo = _places(ids, read.answer_lo)
    hi, known_hi = _places(ids, read.answer_hi)
    use = known_lo & known_hi
    left_out = int((~use).sum())
    standings = Standings.from_json(board.result)
    slugs = dict(Contender.objects.values_list("pk", "slug"))
    place = {key: n for n, key in enumerate(standings.contenders)}
    number = np.full(max(slugs, default=0) + 1, -1)
    for pk, slug in slugs.items():
        number[pk] = place.get(slug, -1)
    use &= (number[read.lo] >= 0) & (number[read.hi] >= 0)
    empty: dict[str, Any] = {"votes": int(use.sum()), "left_out": left_out, "reviewers": 0, "effects": None}
    if use.sum() < FEWEST_VOTES:
        return empty | {"ratings": None}
    seen = np.unique(np.concatenate([lo[use], hi[use]]))
    sds = logs[seen].std(axis=0).tolist()
    outcome = read.outcome[use]
    counted = StyledVotes(
        read.reviewer[use],
        number[read.lo[use]],
        number[read.hi[use]],
        (outcome == 0).astype(np.int64),
        (outcome == 1).astype(np.int64),
        (outcome == 2).astype(np.int64),
        logs[lo[use]] - logs[hi[use]],
    )
    fit = fit_style(
        counted,
        contenders=len(standings.contenders),
        features=FEATURES,
        sds=sds,
        ranked=[key not in standings.retired for key in standings.contenders],
        components=standings.components,
        task_factor=standings.task_factor,
        seed=standings.digest,
    )
    names = standings.contenders
    return {
        "votes": fit.votes,
        "left_out": left_out,
        "reviewers": fit.reviewers,
        "effects": [asdict(effect) for effect in fit.effects],
        "ratings": [asdict(row) | {"contender": str(names[row.contender])} for row in fit.ratings],
        "most_moved": fit.most_moved,
    }


def _read(board: Leaderboard) -> _Read:
    """Votes that compare and count, up to the board's; imported ones by the first sample of each answer."""
    votes = Vote.objects.filter(
        category=board.category_id,
        seq__lte=board.seq,
        seq__gt=board.seq - MOST_VOTES,
        superseded_by__isnull=True,
        outcome__in=_OUTCOMES,
        reviewer__excluded_at__isnull=True,
    ).order_by()
    columns = ("reviewer_id", "task_id", "lo_id", "hi_id", "outcome", "ballot__battle__lo_id", "ballot__battle__hi_id")
    answers: dict[tuple[int, int], int] = {}
    if votes.filter(ballot__isnull=True).exists():
        top = board.category.dimension_of_id or board.category_id
        done = Generation.objects.filter(task__category=top, state=Generation.State.DONE)
        # Of several samples and takes the first sample's newest take comes last, and stays.
        rows = done.order_by("-sample", "take").values_list("task_id", "contender_id", "pk")
        answers = {(task, contender): pk for task, contender, pk in rows.iterator(chunk_size=5000)}

    def flat() -> Iterator[int]:
        for reviewer, task, lo, hi, outcome, of_lo, of_hi in votes.values_list(*columns).iterator(chunk_size=5000):
            yield reviewer
            yield lo
            yield hi
            yield of_lo or answers.get((task, lo), 0)
            yield of_hi or answers.get((task, hi), 0)
            yield _OUTCOMES[outcome]

    table = np.fromiter(flat(), np.int64).reshape(-1, 6)
    return _Read(*table.T)


def _logs(category: Category) -> tuple[Ints, Floats]:
    """Ids, ascending, of the answers that have a text, and ln(1 + count) of each feature, (n, features)."""
    top = category.dimension_of_id or category.pk
    styles = AnswerStyle.objects.filter(generation__task__category=top, length__gt=0).order_by("generation_id")
    rows = list(styles.values_list("generation_id", *FEATURES).iterator(chunk_size=5000))
    table = np.array(rows, np.int64).reshape(-1, 1 + len(FEATURES))
    return table[:, 0], np.log1p(table[:, 1:])


def _places(ids: Ints, wanted: Ints) -> tuple[Ints, np.ndarray]:
    """Where each of `wanted` stands in `ids`, and whether it does."""
    if not len(ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return at, ids[at] == wanted
