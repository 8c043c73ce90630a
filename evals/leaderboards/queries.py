"""Leaderboards, read by pages, the API and routing: the newest of each category, an earlier one as it was, its matrix,
and how far each category is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from arena.ui.wording import describe_votes
from evals.models import Category, Leaderboard, Ledger
from evals.ratings import (
    Audience,
    Contest,
    RankFigures,
    Rating,
    Standings,
    closest_contest,
    rank_figures,
)
from evals.ratings.types import Key
from evals.voting.queries.blinding import NOTHING_HIDDEN, Blinding
from evals.voting.queries.categories import CategoryProgress, category_progress
from evals.voting.queries.reviewers import NOTHING_EXCLUDED, Excluded
from evals.voting.standings import standings_of

__all__ = [
    "CategoryState",
    "Cell",
    "HeadToHead",
    "LeaderboardView",
    "all_latest",
    "category_states",
    "dimension_boards",
    "dimension_views",
    "head_to_head",
    "lagging",
    "latest",
    "leaderboard_at",
    "newest_ids",
    "view",
]

# Fewer direct votes than this are shown, hatched: too few to read anything from.
FEW = 10
_NEWEST = ("-seq", "-revision", "-pk")
_CATEGORIES = Q(category__dimension_of__isnull=True, category__long_context_of__isnull=True)
# Decimals of numbers in documents: far below what matters, so that a rebuild prints the same text.
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class LeaderboardView:
    """A stored leaderboard. `standings` answers what it does not: leads between any two, groups, records. `votes` are
    all that count, `compared` those of them that compare two answers (without "both bad"), and `reviewers` the people
    who cast these."""

    id: int
    category: str
    name: str
    seq: int
    revision: int
    votes: int
    reviewers: int
    computed_at: datetime
    method: str
    digest: str
    standings: Standings
    waiting: int
    excluded: Excluded = NOTHING_EXCLUDED
    # The slug of the category whose rubric it is a dimension of; empty for a category.
    dimension_of: str = ""

    @property
    def compared(self) -> int:
        return self.standings.fitted_votes

    @property
    def votes_words(self) -> str:
        return describe_votes(self.votes, self.compared, self.reviewers)

    @cached_property
    def ratings(self) -> tuple[Rating, ...]:
        """Best first; retired contenders are in `retired`."""
        return tuple(rating for rating in self.standings.ratings if not rating.retired)

    @cached_property
    def retired(self) -> tuple[Rating, ...]:
        return tuple(rating for rating in self.standings.ratings if rating.retired)

    @property
    def speaks_for(self) -> Audience:
        return "people" if self.standings.params.speaks_for == "people" else "panel"

    @cached_property
    def contest(self) -> Contest | None:
        """The first contender against the next one it was compared with."""
        return closest_contest(self.standings)

    def rank_figures(self, audience: Audience) -> dict[Key, RankFigures]:
        """Draws ranks anew unless the category speaks for this audience."""
        return rank_figures(self.standings, audience)

    @property
    def tasks(self) -> int:
        return self.standings.tasks

    @property
    def connected(self) -> bool:
        """False: contenders fall into `standings.groups` never compared with each other; ranks hold within one."""
        return self.standings.connected

    def document(self) -> dict[str, Any]:
        """The public form: `rank --json` and `GET /api/v1/leaderboards/{category}`."""
        return {
            "category": self.category,
            "name": self.name,
            "dimension_of": self.dimension_of or None,
            "votes": self.votes,
            "votes_compared": self.compared,
            "reviewers": self.reviewers,
            "tasks": self.tasks,
            "excluded_votes": self.excluded.excluded,
            "computed_at": self.computed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "method": self.method,
            "digest": self.digest,
            "seq": self.seq,
            "revision": self.revision,
            "speaks_for": self.speaks_for,
            "connected": self.connected,
            "groups": [list(group) for group in self.standings.groups],
            "ratings": [_row(rating) for rating in self.ratings],
            "retired": [_row(rating) for rating in self.retired],
        }


@dataclass(frozen=True)
class Cell:
    """How often the row beats the column, in percent of their `n` direct votes, a tie as half; None without any."""

    percent: float | None
    n: int

    @property
    def few(self) -> bool:
        return self.n < FEW


@dataclass(frozen=True)
class HeadToHead:
    """Contenders best first; `rows[i][j]` is contender i against j, None on the diagonal."""

    contenders: tuple[str, ...]
    rows: tuple[tuple[Cell | None, ...], ...]


def latest(category_slug: str) -> LeaderboardView | None:
    """The newest leaderboard of the category; None before the first. One query, two if its standings were not read
    yet."""
    found = _with_category().filter(category__slug=category_slug).order_by(*_NEWEST)[:1]
    return next(iter(_views(found)), None)


def all_latest() -> list[LeaderboardView]:
    """The newest of each category that is not retired, by category name; without dimensions of rubrics. One query, two
    if some standings were not read yet."""
    return _views(_newest(_with_category()).filter(_CATEGORIES).order_by("category__name"))


def newest_ids() -> dict[str, int]:
    """Category slug to the id of its leaderboard in `all_latest`: one small query tells whether anything is new."""
    return dict(_newest(Leaderboard.objects.filter(_CATEGORIES)).values_list("category__slug", "pk"))


def dimension_boards(categories: Collection[str]) -> dict[str, list[LeaderboardView]]:
    """By category, the newest boards of its rubric's dimensions, in the order these were added. One query, two if some
    standings were not read yet."""
    below = _newest(_with_category().filter(category__dimension_of__slug__in=list(categories)))
    found: dict[str, list[LeaderboardView]] = {}
    for board in _views(below.order_by("category")):
        found.setdefault(board.dimension_of, []).append(board)
    return found


def dimension_views(category: Category) -> list[Category]:
    """The category and its rubric's dimensions, in the order these were added: the views of one leaderboard. Without
    those that were retired before a vote. One query."""
    top = category.dimension_of_id or category.pk
    used = Q(retired_at__isnull=True) | Q(ledger__votes__gt=0)
    return list(Category.with_dimensions.filter(Q(pk=top) | Q(used, dimension_of=top)).order_by("dimension_of", "pk"))


def _newest(leaderboards: QuerySet[Leaderboard]) -> QuerySet[Leaderboard]:
    # Begun from the categories: there is a leaderboard for every ranking ever made.
    newest = Leaderboard.objects.filter(category=OuterRef("pk")).order_by(*_NEWEST).values("pk")[:1]
    categories = Category.with_dimensions.filter(retired_at__isnull=True).order_by()
    return leaderboards.filter(pk__in=categories.values(newest=Subquery(newest)))


def _with_category() -> QuerySet[Leaderboard]:
    return Leaderboard.objects.select_related("category__ledger", "category__dimension_of")


def _views(leaderboards: QuerySet[Leaderboard]) -> list[LeaderboardView]:
    found = list(leaderboards.defer("result"))
    standings = standings_of(found)
    return [view(one, standings[one.pk]) for one in found]


def view(leaderboard: Leaderboard, standings: Standings | None = None) -> LeaderboardView:
    """Reads `leaderboard.category.ledger`: two queries unless they were selected along. `standings`: its own, if they
    were read already."""
    category, ledger = leaderboard.category, leaderboard.category.ledger
    return LeaderboardView(
        id=leaderboard.pk,
        category=category.slug,
        name=category.name,
        seq=leaderboard.seq,
        revision=leaderboard.revision,
        votes=leaderboard.votes,
        reviewers=leaderboard.reviewers,
        computed_at=leaderboard.computed_at,
        method=leaderboard.method,
        digest=leaderboard.digest,
        standings=standings or Standings.from_json(leaderboard.result),
        waiting=max(0, ledger.seq - leaderboard.seq),
        excluded=Excluded(ledger.excluded, ledger.votes + ledger.excluded),
        dimension_of=category.dimension_of.slug if category.dimension_of else "",
    )


def head_to_head(standings: Standings) -> HeadToHead:
    """How often each contender beats each other one; "both bad" compares nothing and is left out."""
    names = standings.active

    def cell(row: Any, column: Any) -> Cell | None:
        if row == column:
            return None
        record = standings.record(row, column)
        return Cell(100 * (record.wins + record.ties / 2) / record.n if record.n else None, record.n)

    rows = tuple(tuple(cell(row, column) for column in names) for row in names)
    return HeadToHead(tuple(str(name) for name in names), rows)


def lagging() -> list[int]:
    """Ids of categories whose ledger is ahead of what was ranked."""
    behind = Q(ranked_seq__lt=F("seq")) | Q(ranked_revision__lt=F("revision"))
    return list(Ledger.objects.filter(behind).values_list("category_id", flat=True))


def _row(rating: Rating) -> dict[str, Any]:
    return {
        "contender": rating.contender,
        "rating": _number(rating.rating),
        "ci95": _numbers(rating.ci95),
        "ci95_panel": _numbers(rating.panel),
        "ci95_people": _numbers(rating.people),
        "rank": list(rating.rank) if rating.rank else None,
        "p_best": _number(rating.p_best),
        "elo": _number(rating.elo),
        "wins": rating.wins,
        "losses": rating.losses,
        "ties": rating.ties,
        "both_bad": rating.both_bad,
        "both_bad_rate": _number(rating.both_bad_rate),
        "both_bad_ci95": _numbers(rating.both_bad_ci95),
        "group": rating.component,
    }


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _numbers(values: tuple[float, float] | None) -> list[float | None] | None:
    return None if values is None else [_number(value) for value in values]


def leaderboard_at(category_slug: str, *, seq: int, revision: int | None = None) -> LeaderboardView | None:
    """The leaderboard of the votes up to `seq`, as they counted at `revision`, or most recently. One query."""
    found = _with_category().filter(category__slug=category_slug, seq=seq)
    if revision is not None:
        found = found.filter(revision=revision)
    stored = found.order_by("-revision", "-pk").first()
    return view(stored) if stored else None


@dataclass(frozen=True, eq=False)
class CategoryState(CategoryProgress):
    """`board` is None before the first ranking, and where it is `closed` to the reader, who votes in the category."""

    board: LeaderboardView | None
    closed: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The contenders of its leaderboard, best first."""
        return tuple(str(rating.contender) for rating in self.board.ratings) if self.board else ()


def category_states(blinding: Blinding = NOTHING_HIDDEN) -> list[CategoryState]:
    """Of every category that is not retired, by name, as somebody may see it. Six queries."""
    boards = {board.category: board for board in all_latest() if not blinding.hides(board.category)}
    return [
        CategoryState(**vars(one), board=boards.get(one.slug), closed=blinding.hides(one.slug))
        for one in category_progress()
    ]
