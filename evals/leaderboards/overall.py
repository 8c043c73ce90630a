"""A leaderboard over categories: which of them count, by which weights, and the table and heat map of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from arena.ui import charts, scales
from evals.leaderboards.page import rank_words
from evals.leaderboards.queries import LeaderboardView, all_latest
from evals.models import Category
from evals.ratings import CENTRE, Audience, rate_across
from evals.voting.queries.blinding import Blinding

__all__ = ["FEWEST_VOTES", "Overall", "overall", "read_weights"]

# A category with fewer votes that compare would add an interval so wide that it hides the others.
FEWEST_VOTES = 100
# Weights in an address are `w-code=2`, so that a category may have any name.
PREFIX = "w-"
MOST_WEIGHT = 1_000_000


@dataclass(frozen=True)
class ReadWeights:
    """`errors` by category; `written` as it was typed."""

    weights: dict[str, float]
    written: dict[str, str]
    errors: dict[str, str]


def read_weights(given: Mapping[str, str]) -> ReadWeights:
    """From an address. Of a weight that cannot be read, an error: then the default counts."""
    written = {name.removeprefix(PREFIX): text.strip() for name, text in given.items() if name.startswith(PREFIX)}
    weights, errors = {}, {}
    for slug, text in written.items():
        if not text:
            continue
        try:
            weight = float(text)
        except ValueError:
            weight = math.nan
        if 0 <= weight <= MOST_WEIGHT:
            weights[slug] = weight
        else:
            errors[slug] = f"“{text[:40]}” is not a weight. Write a number from 0 to {MOST_WEIGHT:,}."
    return ReadWeights(weights, written, errors)


@dataclass(frozen=True)
class CountedCategory:
    """`share` of all weights, from 0 to 1. `weight` and `written` are for its field."""

    slug: str
    name: str
    votes: int
    tasks: int
    weight: float
    share: float
    written: str
    error: str


@dataclass(frozen=True)
class LeftOut:
    """`slug` is empty where its leaderboard is not open to the reader."""

    slug: str
    name: str
    why: str


@dataclass(frozen=True)
class OverallRow:
    slug: str
    rank: str
    rating: float
    half: float
    whisker: charts.Whisker
    p_best: float | None
    battles: str


@dataclass(frozen=True)
class OverallCell:
    """`kind` is the class of its shade; `half` None where the contender is not rated in the category."""

    rating: float | None
    half: float | None
    kind: str
    title: str
    battles: str


@dataclass(frozen=True)
class Overall:
    """`categories` have a field for their weight; those of weight 0 are in `left_out` too. `missing` by contender, the
    names of the categories in which it is not rated."""

    categories: tuple[CountedCategory, ...]
    left_out: tuple[LeftOut, ...]
    audience: Audience
    rows: tuple[OverallRow, ...]
    axis: scales.Axis | None
    heat: tuple[tuple[str, tuple[OverallCell, ...]], ...]
    missing: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def counted(self) -> tuple[CountedCategory, ...]:
        return tuple(one for one in self.categories if one.weight > 0)


def overall(
    *, blinding: Blinding, given: ReadWeights, audience: Audience | None, battles: Callable[[str, str], str]
) -> Overall:
    """Of all categories that are not retired. Without a weight of its own, a category counts by the tasks that its
    votes are on. `battles` gives the address of a category's ("": every category's) battles of one contender. Three
    queries at most."""
    boards = {board.category: board for board in all_latest()}
    used: list[LeaderboardView] = []
    left_out = []
    for slug, name in Category.objects.filter(retired_at=None).order_by("name").values_list("slug", "name"):
        board = boards.get(slug)
        if blinding.hides(slug):
            left_out.append(LeftOut("", name, "closed while you vote in it"))
        elif board is None:
            left_out.append(LeftOut(slug, name, "no leaderboard yet"))
        elif board.compared < FEWEST_VOTES:
            words = f"too few votes: {board.compared} of {FEWEST_VOTES} that compare two answers"
            left_out.append(LeftOut(slug, name, words))
        else:
            used.append(board)
    weights = [given.weights.get(board.category, float(board.tasks)) for board in used]
    total = math.fsum(weights) or 1.0
    categories = tuple(
        CountedCategory(
            slug=board.category,
            name=board.name,
            votes=board.compared,
            tasks=board.tasks,
            weight=weight,
            share=weight / total,
            written=given.written.get(board.category, "") or f"{weight:g}",
            error=given.errors.get(board.category, ""),
        )
        for board, weight in zip(used, weights, strict=True)
    )
    left_out += [LeftOut(one.slug, one.name, "its weight is 0") for one in categories if not one.weight]
    counted = [(board, weight) for board, weight in zip(used, weights, strict=True) if weight > 0]
    speaks_for = audience or ("people" if counted and all(b.speaks_for == "people" for b, _ in counted) else "panel")
    across = rate_across([board.standings for board, _ in counted], [weight for _, weight in counted], speaks_for)
    intervals = [scales.Interval(one.rating - one.half, one.rating, one.rating + one.half) for one in across.ratings]
    axis = scales.fit_axis(intervals) if intervals else None
    rows = tuple(
        OverallRow(
            slug=str(one.contender),
            rank=rank_words(one.rank),
            rating=one.rating,
            half=one.half,
            whisker=charts.whisker(interval, axis),
            p_best=one.p_best,
            battles=battles("", str(one.contender)),
        )
        for one, interval in zip(across.ratings, intervals, strict=True)
        if axis is not None
    )
    missing = tuple((str(key), tuple(counted[n][0].name for n in places)) for key, places in across.missing.items())
    names = [row.slug for row in rows] + [slug for slug, _ in missing]
    return Overall(
        categories, tuple(left_out), speaks_for, rows, axis,
        _heat(names, [board for board, _ in counted], speaks_for, battles), missing,
    )  # fmt: skip


def _heat(
    names: Sequence[str], boards: Sequence[LeaderboardView], audience: Audience, battles: Callable[[str, str], str]
) -> tuple[tuple[str, tuple[OverallCell, ...]], ...]:
    """Shaded by the share of votes that the rating promises against an average contender of its category."""
    rated = [{str(one.contender): one for one in board.ratings if one.component == 0} for board in boards]

    def cell(slug: str, place: int) -> OverallCell:
        name, found = boards[place].name, rated[place].get(slug)
        if found is None:
            return OverallCell(None, None, "unmet", f"{slug} is not rated in {name}", "")
        low, high = found.people if audience == "people" else found.panel
        kind = charts.heat_step(1 / (1 + 10 ** ((CENTRE - found.rating) / 400)))
        if found.wins + found.losses + found.ties < charts.THIN:
            kind = f"{kind} thin".strip()
        half = (high - low) / 2
        title = f"{slug} in {name}: {found.rating:.0f}, plus or minus {half:.0f}"
        return OverallCell(found.rating, half, kind, title, battles(boards[place].category, slug))

    return tuple((slug, tuple(cell(slug, place) for place in range(len(boards)))) for slug in names)
