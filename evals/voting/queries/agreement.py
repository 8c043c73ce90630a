"""How reviewers vote: whether they agree, prefer a side, or vote too fast. Read here, computed in `evals.ratings`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import F, Max, QuerySet, Sum, Window
from django.db.models.functions import Length, RowNumber

from evals import kept_figures
from evals.models import Ballot, Category, Ledger, Reviewer, ReviewerVotes, Vote
from evals.ratings import OUTCOMES
from evals.ratings.agreement import Agreement, Alpha, Shared, agreements, reviewer_alpha, shared_battles
from evals.ratings.health import Finding, haste, side_preference
from evals.voting.queries.pace import newest_voted
from evals.voting.standings import newest_standings_of

__all__ = [
    "LAST",
    "agreement_with_others",
    "leaders_without",
    "panel_agreement",
    "refresh",
    "reviewer_agreements",
    "sides_in",
    "speeds",
]

# Agreement of one reviewer is measured over so many of their newest votes, and so many of others on the same battles.
_MINE, _OTHERS = 2000, 50_000
# Speed is measured over the newest votes: enough to be sure, however many there are.
LAST = 200

# Of a category with more votes, and of a reviewer with more, pages show what `refresh` computed last.
MANY, MANY_OF_ONE = 5000, 50
# While its votes move, a large category is read again this often.
_AFTER = timedelta(minutes=10)
# Figures made anew in one go: a chore has a minute.
_AT_ONCE = 40

_CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_CHUNK = 10_000
# While a category gets no votes, its votes are read once an hour.
_KEPT_S = 3600


def panel_agreement(category: Category) -> Alpha:
    """Of the reviewers whose votes count in the category now. One query if no vote was cast since, else three."""
    return _shared(Ledger.objects.filter(category=category).select_related("category"))[category.pk].panel


def reviewer_agreements() -> dict[int, Agreement]:
    """By reviewer, over all categories, of whose verdicts those on a rubric's dimensions are no part; reviewers without
    a vote are missing. Queries as in `panel_agreement`."""
    ledgers = Ledger.objects.filter(category__dimension_of__isnull=True).select_related("category")
    return agreements(_shared(ledgers).values())


def agreement_with_others(reviewer: Reviewer, *, until: datetime | None = None) -> Alpha:
    """Krippendorff's alpha of the reviewer against those whose votes count, on the battles both judged (before
    `until`). Four queries, over the reviewer's newest votes."""
    effective = Vote.objects.filter(superseded_by__isnull=True, outcome__isnull=False).order_by()
    effective = effective.filter(category__dimension_of__isnull=True)
    if until is not None:
        effective = effective.filter(cast_at__lt=until)
    columns = ("outcome", "ballot__battle_id", "task_id", "lo_id", "hi_id")
    mine: dict[tuple[int, ...], int] = {}
    if reviewer.user_id is None:
        own = effective.filter(reviewer=reviewer)
    else:
        # Somebody who votes here: found by their newest ballots alone, not among all votes they ever cast.
        ballots = newest_voted(reviewer, _MINE, until=until).order_by("-closed_at").values_list("pk", flat=True)
        own = effective.filter(ballot__in=list(ballots[:_MINE]))
    for outcome, *where in own.order_by("-pk").values_list(*columns)[:_MINE]:
        mine.setdefault(_unit(*where), _CODES[outcome or ""])
    counts: dict[tuple[int, ...], list[int]] = {}
    for outcome, unit in _by_others(reviewer, set(mine), effective, until):
        if unit in mine:
            counts.setdefault(unit, [0] * len(OUTCOMES))[_CODES[outcome]] += 1
    return reviewer_alpha([mine[unit] for unit in counts], list(counts.values()))


def _by_others(
    reviewer: Reviewer, units: Collection[tuple[int, ...]], effective: QuerySet[Vote], until: datetime | None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Outcomes by others whose votes count, on what the reviewer judged and some more. One query."""
    battles = {battle for battle, *_ in units if battle}
    if not battles:
        # An imported vote has no battle: its task and pair say what was judged.
        others = effective.filter(ballot__isnull=True, task__in={task for _, task, *_ in units})
        counted = others.filter(reviewer__excluded_at__isnull=True).exclude(reviewer=reviewer)
        for outcome, *where in counted.values_list("outcome", "task_id", "lo_id", "hi_id")[:_OTHERS]:
            yield outcome or "", _unit(None, *where)
        return
    # From the battles' ballots: begun from the votes it would read all there are.
    ballots = Ballot.objects.filter(battle__in=battles, reviewer__excluded_at__isnull=True).exclude(reviewer=reviewer)
    rows = ballots.order_by().values_list(
        "votes__outcome", "votes__superseded_by", "votes__category__dimension_of", "votes__cast_at",
        "battle_id", "votes__task", "votes__lo", "votes__hi",
    )  # fmt: skip
    for outcome, superseded, dimension_of, at, *where in rows[:_OTHERS]:
        if outcome and superseded is None and dimension_of is None and (until is None or at < until):
            yield outcome, _unit(*where)


def _unit(battle: int | None, task: int, lo: int, hi: int) -> tuple[int, ...]:
    return (battle or 0, task, lo, hi)


def _shared(ledgers: Iterable[Ledger]) -> defaultdict[int, Shared]:
    """By category, cached until the category's ledger moves; its time of creation distinguishes the categories of two
    databases. Of a large category as kept."""
    books = list(ledgers)
    large = [one.category_id for one in books if one.votes + one.excluded > MANY]
    figures = kept_figures.kept(map(_agreement, large))
    found = {pk: _from_json(figures[_agreement(pk)]) for pk in large if _agreement(pk) in figures}
    keys = {
        one.category_id: f"shared:{one.category_id}:{one.category.created_at.timestamp()}:{_version(one)}"
        for one in books
        if one.category_id not in found
    }
    cached = cache.get_many(keys.values())
    found |= {category: cached[key] for category, key in keys.items() if key in cached}
    unread = [category for category in keys if category not in found]
    if unread:
        read = _read(unread)
        cache.set_many({keys[category]: shared for category, shared in read.items()}, _KEPT_S)
        found |= read
    return defaultdict(lambda: shared_battles([], [], [], []), found)


def _agreement(category: int) -> str:
    return f"agreement:{category}"


def _speed(reviewer: int) -> str:
    return f"speed:{reviewer}"


def _version(ledger: Ledger) -> str:
    return f"{ledger.seq}:{ledger.revision}"


def _to_json(shared: Shared) -> dict[str, Any]:
    return {
        "panel": asdict(shared.panel),
        "reviewers": np.asarray(shared.reviewers).tolist(),
        "sums": np.asarray(shared.sums).tolist(),
    }


def _from_json(figures: dict[str, Any]) -> Shared:
    panel = figures["panel"]
    return Shared(
        Alpha(**{**panel, "ci95": panel["ci95"] and tuple(panel["ci95"])}),
        np.array(figures["reviewers"], np.int64),
        np.array(figures["sums"], np.float64).reshape(len(figures["reviewers"]), -1),
    )


def refresh() -> int:
    """Make anew what pages show of large categories and of reviewers with many votes, where it has moved; how much.
    Some of it: a chore comes back every minute."""
    ledgers = Ledger.objects.filter(category__retired_at__isnull=True, votes__gt=0)
    large = {one.category_id: one for one in ledgers if one.votes + one.excluded > MANY}
    versions = {_agreement(pk): _version(one) for pk, one in large.items()}
    # One in a go: a million votes take seconds.
    categories = {_agreement(pk): pk for pk in large}
    made = 0
    for name in kept_figures.due(versions, after=_AFTER)[:1]:
        pk = categories[name]
        kept_figures.keep(name, versions[name], _to_json(_read([pk])[pk]))
        made += 1
    voted = ReviewerVotes.objects.order_by().values_list("reviewer").annotate(n=Sum("votes"), last=Max("last_cast_at"))
    newest = {_speed(pk): f"{n}:{last and last.timestamp()}" for pk, n, last in voted if n > MANY_OF_ONE}
    some = kept_figures.due(newest, after=_AFTER)[:_AT_ONCE]
    speed = _speeds([int(name.partition(":")[2]) for name in some], None)
    for name in some:
        # Imported votes were not timed.
        finding = speed.get(int(name.partition(":")[2]))
        kept_figures.keep(name, newest[name], finding and asdict(finding))
    return made + len(some)


def _read(categories: Collection[int]) -> dict[int, Shared]:
    """Imported votes have no battle: there the task and the pair say what was judged."""
    excluded = np.array(list(Reviewer.objects.filter(excluded_at__isnull=False).values_list("pk", flat=True)), np.int64)
    votes = (
        Vote.objects.filter(category__in=categories, superseded_by__isnull=True, outcome__isnull=False)
        .order_by("pk")  # within a category the same order as `seq`: both are assigned under its ledger's lock
        .values_list("category_id", "reviewer_id", "outcome", "ballot__battle_id", "task_id", "lo_id", "hi_id")
    )
    rows = [
        (category, reviewer, _CODES[outcome or ""], battle or 0, task, lo, hi)
        for category, reviewer, outcome, battle, task, lo, hi in votes.iterator(chunk_size=_CHUNK)
    ]
    table = np.array(rows, np.int64).reshape(-1, 7)
    found = {}
    for category in categories:
        mine = table[table[:, 0] == category]
        battle = np.unique(mine[:, 3:], axis=0, return_inverse=True)[1].reshape(-1)
        found[category] = shared_battles(battle, mine[:, 1], mine[:, 2], ~np.isin(mine[:, 1], excluded))
    return found


def sides_in(category: Category) -> Finding:
    """Of all reviewers whose votes count there. One query, of a row a reviewer."""
    counted = ReviewerVotes.objects.filter(category=category, reviewer__excluded_at__isnull=True)
    won = counted.aggregate(left=Sum("left_won"), right=Sum("right_won"))
    return side_preference(won["left"] or 0, won["right"] or 0)


def speeds(reviewers: Iterable[Reviewer], *, until: datetime | None = None) -> dict[int, Finding]:
    """By reviewer, over the `LAST` ballots they voted on (before `until`); reviewers without one are missing. Of those
    with many votes as kept, unless `until` is given, for one reviewer. Three queries."""
    people = list(reviewers)
    if until is not None:
        return {pk: finding for one in people for pk, finding in _speeds([one.pk], until, one).items()}
    votes = (
        ReviewerVotes.objects.filter(reviewer__in=people).order_by().values_list("reviewer").annotate(n=Sum("votes"))
    )
    many = [pk for pk, n in votes if n > MANY_OF_ONE]
    figures = kept_figures.kept(map(_speed, many))
    known = {pk: figures[_speed(pk)] for pk in many if _speed(pk) in figures}
    found = _speeds([one.pk for one in people if one.pk not in known], None)
    return found | {pk: _finding(kept) for pk, kept in known.items() if kept}


def _finding(kept: dict[str, Any]) -> Finding:
    return Finding(**{**kept, "ci95": kept["ci95"] and tuple(kept["ci95"])})


def _speeds(ids: Collection[int], until: datetime | None, one: Reviewer | None = None) -> dict[int, Finding]:
    if not ids:
        return {}
    if one is not None:
        newest = newest_voted(one, LAST, until=until).filter(shown_at__isnull=False).order_by("-closed_at")[:LAST]
        chosen: Any = list(newest.values_list("pk", flat=True))
    else:
        place = Window(RowNumber(), partition_by=F("reviewer"), order_by=F("closed_at").desc())
        voted = Ballot.objects.filter(reviewer__in=ids, state=Ballot.State.VOTED, shown_at__isnull=False)
        chosen = voted.annotate(place=place).filter(place__lte=LAST).order_by().values("pk")
    characters = Length("battle__lo__text") + Length("battle__hi__text")
    seconds: dict[int, list[float]] = defaultdict(list)
    lengths: dict[int, list[int]] = defaultdict(list)
    rows = Ballot.objects.filter(pk__in=chosen).order_by()
    for reviewer, shown, closed, length in rows.values_list("reviewer", "shown_at", "closed_at", characters):
        seconds[reviewer].append((closed - shown).total_seconds())
        lengths[reviewer].append(length)
    return {reviewer: haste(seconds[reviewer], lengths[reviewer]) for reviewer in seconds}


def leaders_without(reviewers: Iterable[Reviewer]) -> dict[int, dict[str, str | None]]:
    """By reviewer and category's name: the contender that would lead without their votes, None if it leads anyway.

    Only in categories where other reviewers count too and all contenders were compared, by the newest leaderboard.
    Three queries, four if one is not cached.
    """
    counted = ReviewerVotes.objects.filter(
        reviewer__in=list(reviewers),
        reviewer__excluded_at__isnull=True,
        category__retired_at__isnull=True,
        category__dimension_of__isnull=True,
        votes__gt=0,
    )
    pairs = set(counted.values_list("reviewer", "category", "category__name").order_by())
    newest = newest_standings_of({category for _, category, _ in pairs})
    without = {category: standings.leader_without() for category, standings in newest.items()}
    found: dict[int, dict[str, str | None]] = defaultdict(dict)
    for reviewer, category, name in pairs:
        if category in newest and newest[category].reviewers > 1 and newest[category].connected:
            # A reviewer who was not left out of a refit has cast too few votes to make a difference.
            leader = without[category].get(reviewer, newest[category].leader)
            found[reviewer][name] = None if leader == newest[category].leader else str(leader)
    return found
