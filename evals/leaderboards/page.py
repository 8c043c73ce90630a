"""The parts of a leaderboard's page: the ratings table, the plot, the heat map. Nothing here queries the database or
computes statistics: queries hand in the figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from arena.ui import charts, numbers, plots, scales
from evals.catalog.model_size import billion_parameters
from evals.catalog.queries.contenders import ContenderCard
from evals.collection.concurrency import Concurrency
from evals.leaderboards.evidence import Evidence
from evals.leaderboards.queries import HeadToHead, LeaderboardView, head_to_head
from evals.ratings import Audience, Rating, Standings

__all__ = [
    "PLOT_AXES",
    "MeasuredRow",
    "PlotAxis",
    "RatingsTable",
    "Row",
    "heat_map",
    "measured_rows",
    "quality_plot",
    "rank_words",
    "ratings_table",
]

# A wider matrix cannot be read; the table above it lists every contender.
HEAT_LIMIT = 20


@dataclass(frozen=True)
class Row:
    """One contender's line. Figures are None where nothing was measured; `cost` is written for its column."""

    slug: str
    local: bool
    group: int
    rank: str
    rating: float
    half: float
    whisker: charts.Whisker
    p_best: float | None
    elo: float | None
    record: str
    both_bad: float | None
    both_bad_range: str
    success: float | None
    latency_p95: float | None
    in_flight: int | None
    cost: str
    # Where the battles behind the figures can be read; empty where the reader may not.
    battles: str = ""


@dataclass(frozen=True)
class RatingsTable:
    rows: tuple[Row, ...]
    axis: scales.Axis
    unchecked: bool
    groups: tuple[tuple[str, ...], ...]
    # At how many calls at once the latencies were measured.
    concurrency: Concurrency

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(row.slug for row in self.rows)


def ratings_table(
    board: LeaderboardView,
    *,
    audience: Audience,
    evidence: Mapping[str, Evidence],
    cards: Iterable[ContenderCard],
    battles: Callable[..., str] | None = None,
    shown: Collection[str] | None = None,
) -> RatingsTable:
    """Best first within each group of contenders that were compared, the largest group on top: a handful of votes apart
    from the rest can rate a contender highest. All share one axis. `audience` says for whom ± and ranks are written;
    the whisker shows both. `battles` gives the address of a contender's battles. `shown`: only these have rows, at the
    ranks they have among all.
    """
    ratings = sorted(_shown(board, shown), key=lambda rating: rating.component)
    intervals = [_interval(rating) for rating in ratings]
    axis = scales.fit_axis(intervals) if intervals else scales.Axis(scales.Scale(0, 1), ())
    figures = board.rank_figures(audience)
    local = {card.slug for card in cards if card.locality == "local"}
    costs = {slug: measured.usd_per_success for slug, measured in evidence.items()}
    digits = numbers.money_digits(costs.get(str(rating.contender)) for rating in ratings)
    rows = []
    for rating, interval in zip(ratings, intervals, strict=True):
        slug = str(rating.contender)
        low, high = rating.people if audience == "people" else rating.panel
        measured = evidence.get(slug)
        own = figures[rating.contender]
        rows.append(
            Row(
                slug=slug,
                local=slug in local,
                group=rating.component + 1,
                rank=rank_words(own.rank),
                rating=rating.rating,
                half=(high - low) / 2,
                whisker=charts.whisker(interval, axis),
                p_best=own.p_best,
                elo=rating.elo,
                record=f"{rating.wins} won, {rating.losses} lost, {rating.ties} tied, {rating.both_bad} both bad",
                both_bad=rating.both_bad_rate,
                both_bad_range=_range(rating.both_bad_ci95),
                success=measured.success_rate if measured else None,
                in_flight=measured.in_flight if measured else None,
                latency_p95=measured.latency_ms.p95 if measured and measured.latency_ms else None,
                cost=numbers.money(costs.get(slug), digits),
                battles=battles(slug) if battles else "",
            )
        )
    unchecked = any(measured.success_basis == "completion" for measured in evidence.values())
    return RatingsTable(
        tuple(rows), axis, unchecked, _groups(board.standings), Concurrency.of(row.in_flight for row in rows)
    )


@dataclass(frozen=True)
class MeasuredRow:
    """What runs measured of one contender beside the figures of its `Row`. None where nothing was measured;
    `wrong_range` is the interval of the hallucination rate, over `answered` answers."""

    slug: str
    errors: float | None
    refusals: float | None
    wrong: float | None
    wrong_range: str
    answered: int
    ttft_p95: float | None
    tokens_per_second: float | None
    gap_p95: float | None


def measured_rows(slugs: Iterable[str], evidence: Mapping[str, Evidence]) -> tuple[MeasuredRow, ...]:
    """In the order of the names. Empty if nothing was measured of any."""
    return tuple(_measured_row(slug, evidence[slug]) for slug in slugs if slug in evidence)


def _measured_row(slug: str, measured: Evidence) -> MeasuredRow:
    verified = measured.hallucination
    return MeasuredRow(
        slug=slug,
        errors=measured.error_rate,
        refusals=measured.refusal_rate,
        wrong=verified.rate,
        wrong_range=_range(verified.ci95),
        answered=verified.n,
        ttft_p95=measured.ttft_ms.p95,
        tokens_per_second=measured.tokens_per_second,
        gap_p95=measured.gap_ms.p95,
    )


def _groups(standings: Standings) -> tuple[tuple[str, ...], ...]:
    """Contenders that were compared with each other, largest group first, of those in the table."""
    groups = [[str(slug) for slug in group if slug not in standings.retired] for group in standings.groups]
    return tuple(tuple(group) for group in sorted(groups, key=len, reverse=True) if group)


def _shown(board: LeaderboardView, shown: Collection[str] | None) -> list[Rating]:
    return [rating for rating in board.ratings if shown is None or str(rating.contender) in shown]


@dataclass(frozen=True)
class PlotAxis:
    """What quality is drawn against. `value` of a contender is None, or 0, where it is not known."""

    name: str
    against: str
    better: str
    unknown: str
    empty: str
    value: Callable[[Evidence | None, ContenderCard | None], float | None]
    words: Callable[[float], str] | None = None


def _cost(measured: Evidence | None, _: ContenderCard | None) -> float | None:
    return float(measured.usd_per_success) if measured and measured.usd_per_success else None


def _latency(measured: Evidence | None, _: ContenderCard | None) -> float | None:
    return measured.latency_ms.p95 / 1000 if measured and measured.latency_ms.p95 else None


def _size(_: Evidence | None, card: ContenderCard | None) -> float | None:
    return billion_parameters(card.model_name) if card else None


# By the value of `x` in the address; the first is the default.
PLOT_AXES = {
    "cost": PlotAxis(
        "cost", "cost per success", "cheaper", "no price is known",
        "have no known cost per success. Give them prices, and collect answers through Arena so that every call is "
        "counted.",
        _cost,
    ),
    "latency": PlotAxis(
        "latency", "latency p95", "faster", "no latency was measured",
        "have no measured latency. Collect answers through Arena so that every call is timed.",
        _latency, lambda value: f"{value:g} s",
    ),
    "size": PlotAxis(
        "size", "parameters", "smaller", "the model’s name says no size",
        "have no size in the name of their model, such as 8B.",
        _size, lambda value: f"{value:g}B" if value >= 1 else f"{1000 * value:g}M",
    ),
}  # fmt: skip


def quality_plot(
    board: LeaderboardView,
    axis: PlotAxis,
    *,
    evidence: Mapping[str, Evidence],
    cards: Iterable[ContenderCard],
    shown: Collection[str] | None = None,
) -> tuple[plots.Plot | None, tuple[str, ...]]:
    """Quality against what the axis says, and the contenders left out of it, of which that is not known."""
    by_slug = {card.slug: card for card in cards}
    entries, left_out = [], []
    for rating in _shown(board, shown):
        slug = str(rating.contender)
        value = axis.value(evidence.get(slug), by_slug.get(slug))
        if value:
            entries.append(plots.Entry(slug, value, _interval(rating)))
        else:
            left_out.append(slug)
    return plots.plot(entries, against=axis.against, better=axis.better, words=axis.words), tuple(left_out)


def heat_map(
    standings: Standings,
    battles: Callable[[str, str], str] | None = None,
    shown: Collection[str] | None = None,
) -> charts.Heat:
    """How often each of the first `HEAT_LIMIT` contenders beats the others. `battles` gives the address of the battles
    of two."""
    matrix: HeadToHead = head_to_head(standings)
    names = [name for name in matrix.contenders if shown is None or name in shown][:HEAT_LIMIT]
    wins = {
        (row, column): (cell.percent * cell.n / 100, cell.n)
        for row, cells in zip(matrix.contenders, matrix.rows, strict=True)
        for column, cell in zip(matrix.contenders, cells, strict=True)
        if cell is not None and cell.percent is not None
    }
    return charts.heat(names, wins, battles)


def _interval(rating: Rating) -> scales.Interval:
    return scales.Interval(rating.panel[0], rating.rating, rating.panel[1], rating.people)


def _range(shares: tuple[float, float] | None) -> str:
    """`1.4–6.0`, `0–2.9`: the unit stands with the figure before it."""
    ends = (f"{100 * share:.1f}" for share in shares or ())
    return "–".join(end.removesuffix(".0") if end in ("0.0", "100.0") else end for end in ends)


def rank_words(rank: Sequence[int] | None) -> str:
    """`2` or `1–3`."""
    if rank is None:
        return numbers.NONE
    best, worst = rank
    return str(best) if best == worst else f"{best}–{worst}"
