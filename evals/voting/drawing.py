"""Draws the battle that a reviewer sees next.

The pair is drawn first, then the task. The pair comes from `evals.ratings.draw_pair`: half top-two Thompson, half
uniform, among the pairs this reviewer has left. Then, among the pair's battles this reviewer has not seen: none that
another reviewer has open while one is free, those that still want reviewers where the category asks for overlap, tasks
in rotation (fewest votes first), and now and then one that others have judged, since only overlap shows agreement. At
a set rate the battle is a gold one, whose right outcome is known. The battle, and the answer shown left, are stored in
the ballot. Nothing is drawn for a reviewer who is in none of the category's groups.

A reviewer has one ballot on the screen and one drawn ahead, so that the next pair is there when a key is pressed. Of
two windows that draw ahead at once, one draws; the database holds that (`ballot_one_ahead`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations, product
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone

from arena.statements import Insert, Statement, Update
from evals.catalog.conversations import written
from evals.models import Ballot, Battle, Category, Contender, Generation, GoldBattle, Reviewer, Task
from evals.models.battles import new_token
from evals.models.votes import Side
from evals.ratings import Standings, draw_pair
from evals.voting.kept import Kept
from evals.voting.standings import newest_standings

__all__ = ["RESERVED_FOR", "Hand", "draw", "draw_hand", "is_withdrawn", "loaded", "whole", "withdrawal"]

RESERVED_FOR = timedelta(minutes=15)
# Share of draws that repeat a battle judged by another reviewer, if there is one and the category asks for no overlap.
REPEATS = 0.1
# Pairs tried before all battles of the category are searched.
_TRIES = 8
# Tasks read first, taken at random: the least voted on of these keeps votes even, and a draw costs the same however
# many tasks there are. Only if they have nothing left are four times as many read, and so on up to the limit.
_TASKS_FIRST, _TASKS_MOST = 16, 1024
# Tasks read to find the contenders that take part.
_TASKS_ASKED = 32
# Answers listed one by one in a query for ballots; SQLite takes some 30,000 values in a statement.
_ANSWERS_NAMED = 2048

# Ids of two generations, lower first; and the same after the id of their task.
Pair = tuple[int, int]
Found = tuple[int, Pair]


@dataclass(frozen=True, slots=True)
class Hand:
    """The ballot on the reviewer's screen, and the one that follows it; None where there is none."""

    shown: Ballot | None
    ahead: Ballot | None


def draw(
    *, category: Category, reviewer: Reviewer, now: datetime | None = None, rng: np.random.Generator | None = None
) -> Ballot | None:
    """The reviewer's open ballot, or a new one; None if they have seen everything in the category."""
    return _draw(category, reviewer, 1, now or timezone.now(), rng or np.random.default_rng(), _open_ballots).shown


def draw_hand(
    *,
    category: Category,
    reviewer: Reviewer,
    after_act: bool = False,
    now: datetime | None = None,
    rng: np.random.Generator | None = None,
) -> Hand:
    """As `draw`, and one ballot ahead.

    `after_act`: the ballots that are open are in the reviewer's browser already, so whether they were withdrawn is not
    looked up again; a vote on one that was is refused.
    """
    open_ballots = _ballots_in_browser if after_act else _open_ballots
    return _draw(category, reviewer, 2, now or timezone.now(), rng or np.random.default_rng(), open_ballots)


def withdrawal(*, lo: Any, hi: Any, category: Any) -> Q:
    """The condition that a battle must not be voted on any more: an answer was quarantined, or a contender or the
    category retired. It names the rows by their ids, so that it can stand in any statement."""
    answers = Generation.objects.filter(pk__in=(lo, hi))
    gone = answers.filter(~Q(quarantine="") | Q(contender__retired_at__isnull=False))
    return Q(Exists(gone)) | Q(Exists(Category.objects.filter(pk=category, retired_at__isnull=False)))


def is_withdrawn(ballot: Ballot) -> bool:
    """As `withdrawal` says, by what was read with the ballot (see `whole`)."""
    answers = (ballot.battle.lo, ballot.battle.hi)
    return ballot.category.retired_at is not None or any(
        answer.quarantine or answer.contender.retired_at is not None for answer in answers
    )


# Named, since the hundred other columns of these tables cost more than the rest of the query.
_FACTS = (
    *(field.name for field in Ballot._meta.concrete_fields),
    *(f"battle__{name}" for name in ("task", "lo", "hi")),
    *(f"battle__{side}__{name}" for side in ("lo", "hi") for name in ("quarantine", "contender__retired_at")),
)
_WHOLE = (
    *_FACTS,
    *(f"battle__{side}__{name}" for side in ("lo", "hi") for name in ("text", "turns", "tool_calls", "images")),
    *(f"battle__task__{name}" for name in ("messages", "images", "tools")),
    *(f"category__{field.name}" for field in Category._meta.concrete_fields),
    *(f"reviewer__{field.name}" for field in Reviewer._meta.concrete_fields),
)


_BY_TOKEN = Statement(
    lambda token: (
        Ballot.objects.select_related(
            "battle__lo__contender", "battle__hi__contender", "battle__task", "category", "reviewer"
        )
        .only(*_WHOLE)
        .filter(token=token)
        .order_by()
    )
)


def whole(token: str) -> Ballot | None:
    """The ballot with all that its page shows, in one query."""
    return next(iter(_BY_TOKEN.rows(token=token)), None)


def loaded(ballot: Ballot) -> Ballot:
    """The ballot with all that its page shows; no query if it was drawn just now."""
    battle, task = Ballot._meta.get_field("battle"), Battle._meta.get_field("task")
    if battle.is_cached(ballot) and task.is_cached(ballot.battle):
        return ballot
    return whole(ballot.token) or ballot


def _draw(
    category: Category,
    reviewer: Reviewer,
    wanted: int,
    now: datetime,
    rng: np.random.Generator,
    open_ballots: Callable[[Category, Reviewer, datetime], list[Ballot]],
) -> Hand:
    hand = open_ballots(category, reviewer, now)
    # A draw comes back empty if another window was first: what that one drew is then found.
    for _ in range(_TRIES):
        if len(hand) >= wanted:
            break
        # Searched for outside the transaction that writes: on SQLite that one blocks every other writer.
        if (found := _find(category, reviewer, now, rng)) is None:
            break
        ahead = any(ballot.shown_at is None for ballot in hand)
        if ahead and not _show(hand[0], now):
            hand = open_ballots(category, reviewer, now)
            continue
        made = _open(category, reviewer, now, *found)
        # Where nothing was open, another window may have put its first ballot on the screen meanwhile.
        hand = [*hand, made] if made is not None and hand else open_ballots(category, reviewer, now)
    shown = hand[0] if hand else None
    if shown is not None and shown.shown_at is None and not _show(shown, now):
        return _draw(category, reviewer, wanted, now, rng, open_ballots)
    return Hand(shown, hand[1] if len(hand) > 1 else None)


_SHOW = Update(lambda pk: Ballot.objects.filter(pk=pk, state=Ballot.State.OPEN), "shown_at", "reserved_until")


def _show(ballot: Ballot, now: datetime) -> bool:
    """Puts a ballot that was drawn ahead on the screen. False if it was closed meanwhile, from another window."""
    if ballot.shown_at is None:
        shown = _SHOW.run(pk=ballot.pk, shown_at=now, reserved_until=now + RESERVED_FOR)
        ballot.shown_at, ballot.reserved_until = now, now + RESERVED_FOR
        return bool(shown)
    return True


def _open_ballots(category: Category, reviewer: Reviewer, now: datetime) -> list[Ballot]:
    """The reviewer's open ballots in the order they were drawn; those whose battle was withdrawn meanwhile are
    closed, and an old reservation is renewed."""
    mine = Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.OPEN, category=category)
    related = mine.select_related("battle__lo__contender", "battle__hi__contender").only(*_FACTS)
    found = []
    for ballot in related.order_by("pk"):
        ballot.category = category
        if is_withdrawn(ballot):
            Ballot.objects.filter(pk=ballot.pk, state=Ballot.State.OPEN).update(
                state=Ballot.State.SKIPPED, closed_at=now
            )
            continue
        if ballot.reserved_until < now + RESERVED_FOR / 2:
            ballot.reserved_until = now + RESERVED_FOR
            Ballot.objects.filter(pk=ballot.pk).update(reserved_until=ballot.reserved_until)
        found.append(ballot)
    return found


_OPEN = Statement(
    lambda reviewer, category: Ballot.objects.filter(
        reviewer=reviewer, state=Ballot.State.OPEN, category=category
    ).order_by("pk")
)


def _ballots_in_browser(category: Category, reviewer: Reviewer, now: datetime) -> list[Ballot]:
    """As `_open_ballots`, without looking at their battles."""
    return _OPEN.rows(reviewer=reviewer.pk, category=category.pk)


_BATTLE = Insert(Battle, same=("task_id", "lo_id", "hi_id"))
_BALLOT = Insert(Ballot)


@transaction.atomic
def _open(category: Category, reviewer: Reviewer, now: datetime, task_id: int, pair: Pair) -> Ballot | None:
    """A ballot ahead for this battle, with all that its page shows; None if another window of the reviewer was
    first."""
    lo, hi = pair
    token = new_token()
    battle = Battle(task_id=task_id, lo_id=lo, hi_id=hi)
    battle.pk = _BATTLE.run(battle)
    _BALLOT.run(
        Ballot(
            token=token,
            battle=battle,
            category=category,
            reviewer=reviewer,
            left=secrets.choice((Side.LO, Side.HI)),
            reserved_until=now + RESERVED_FOR,
            shown_at=None,
        )
    )
    return whole(token)


@dataclass(frozen=True, slots=True)
class _Pool:
    """What a category has to draw from: tasks, contenders by slug, and whether it has gold battles. `members`: the ids
    of reviewers who may vote here, None if every reviewer may."""

    tasks: Sequence[int]
    contenders: dict[str, int]
    standings: Standings | None
    gold: bool
    members: frozenset[int] | None


# What is new is drawn that much later. What was withdrawn meanwhile is noticed when the battle's texts are read.
_pools: Kept[tuple[int, datetime], _Pool] = Kept()


def _pool(category: Category, rng: np.random.Generator, *, fresh: bool) -> _Pool:
    key = (category.pk, category.created_at)
    kept = _pools.get(key)
    if kept is not None and not fresh:
        return kept
    tasks = list(Task.objects.filter(category=category).values_list("pk", flat=True))
    asked = rng.permutation(tasks)[:_TASKS_ASKED].tolist()
    gold = category.gold_percent > 0 and _gold(category).exists()
    return _pools.put(key, _Pool(tasks, _contenders(asked), newest_standings(category), gold, _members(category)))


def _members(category: Category) -> frozenset[int] | None:
    """None without groups; a group without members gives one row of None."""
    members = list(category.groups.values_list("reviewers", flat=True).order_by())
    return frozenset(pk for pk in members if pk is not None) if members else None


def _find(category: Category, reviewer: Reviewer, now: datetime, rng: np.random.Generator) -> Found | None:
    if category.retired_at is not None:
        return None
    for fresh in (False, True):
        found = _find_in(_pool(category, rng, fresh=fresh), category, reviewer, now, rng)
        if found is not None:
            return found
    return None


def _find_in(
    pool: _Pool, category: Category, reviewer: Reviewer, now: datetime, rng: np.random.Generator
) -> Found | None:
    if pool.members is not None and reviewer.pk not in pool.members:
        return None
    # Both are looked for whichever is drawn: the time that a draw takes must not tell gold from the rest.
    gold = _unseen_gold(category, reviewer, rng) if pool.gold else None
    is_gold = rng.random() * 100 < category.gold_percent
    found = _find_any(pool, category, reviewer, now, rng)
    return gold if is_gold and gold is not None else found


def _find_any(
    pool: _Pool, category: Category, reviewer: Reviewer, now: datetime, rng: np.random.Generator
) -> Found | None:
    tasks = rng.permutation(pool.tasks).tolist() if pool.tasks else []
    slugs = sorted(pool.contenders)
    exhausted: set[tuple[str, str]] = set()
    for _ in range(_TRIES):
        left = None if not exhausted else [pair for pair in combinations(slugs, 2) if pair not in exhausted]
        pair = draw_pair(contenders=slugs, standings=pool.standings, admissible=left, rng=rng)
        if pair is None:
            break
        ids = [pool.contenders[str(slug)] for slug in pair]
        if (found := _choose(tasks, ids, category, reviewer, now, rng)) is not None:
            return found
        a, b = sorted(map(str, pair))
        exhausted.add((a, b))
    return _choose(tasks, None, category, reviewer, now, rng)


def _gold(category: Category) -> QuerySet[GoldBattle]:
    return GoldBattle.objects.filter(battle__task__category=category, retired_at__isnull=True)


def _unseen_gold(category: Category, reviewer: Reviewer, rng: np.random.Generator) -> Found | None:
    """One whose answers may still be shown, drawn at random. There are few: somebody judged each by hand."""
    shown = _gold(category)
    for side in ("lo", "hi"):
        shown = shown.filter(
            **{f"battle__{side}__quarantine": "", f"battle__{side}__contender__retired_at__isnull": True}
        )
    rows = shown.exclude(battle__ballots__reviewer=reviewer).order_by("pk")
    found = list(rows.values_list("battle__task", "battle__lo", "battle__hi"))
    if not found:
        return None
    task, lo, hi = found[rng.integers(len(found))]
    return task, (lo, hi)


def _contenders(tasks: list[int]) -> dict[str, int]:
    """Ids, by slug, of contenders that may be shown on one of these tasks. With 32 random tasks, a contender that
    answered one task in ten is found 29 times in 30; reading all tasks would mean reading all answers."""
    answered = Generation.objects.filter(task__in=tasks, state=Generation.State.DONE, quarantine="").order_by()
    shown = Contender.objects.filter(pk__in=answered.values("contender"), retired_at__isnull=True).order_by()
    return dict(shown.values_list("slug", "pk"))


def _choose(
    tasks: list[int],
    two: list[int] | None,
    category: Category,
    reviewer: Reviewer,
    now: datetime,
    rng: np.random.Generator,
) -> Found | None:
    """The first unseen battle, in order of preference, between these two contenders (or any) whose answers differ:
    equal ones leave nothing to vote on."""
    overlap = category.overlap
    repeat = overlap == 1 and rng.random() < REPEATS
    if two is not None and (repeat or overlap > 1):
        judged = _judged(two, reviewer)
        tasks = sorted(tasks, key=lambda task: task not in judged)
    for portion in _portions(tasks):
        answers = _answers(portion, two)
        ballots = _ballots(answers, reviewer, now)

        # Then tasks in rotation, then at random.
        battles = sorted(
            (
                *ballots.turn(pair, overlap=overlap, repeat=repeat),
                one.votes + ballots.uncounted.get(task, 0),
                rng.random(),
                task,
                pair,
            )
            for task, one in answers.items()
            for pair in _pairs(one.samples)
            if pair not in ballots.seen
        )
        if (found := _first_that_differs([battle[-2:] for battle in battles])) is not None:
            return found
    return None


def _judged(two: list[int], reviewer: Reviewer) -> set[int]:
    """Tasks on which others judged this pair: so few that a random portion might contain none."""
    ballots = Ballot.objects.filter(
        battle__lo__contender__in=two, battle__hi__contender__in=two, state=Ballot.State.VOTED
    )
    return set(ballots.exclude(reviewer=reviewer).values_list("battle__task", flat=True))


def _portions(tasks: list[int]) -> Iterator[list[int]]:
    start, size = 0, _TASKS_FIRST
    while start < len(tasks):
        yield tasks[start : start + size]
        start, size = start + size, min(size * 4, _TASKS_MOST)


@dataclass(slots=True)
class _Answered:
    """Of one task: the votes on it that count, and the answers of each contender."""

    votes: int
    samples: list[list[int]] = field(default_factory=list)


_ANSWER = ("task_id", "contender_id", "sample", "take", "pk", "quarantine", "state", "task__votes_cast")
_OF_TWO = Statement(
    lambda tasks, two: (
        Generation.objects.filter(contender__pk__in=two, task__pk__in=tasks).order_by().values_list(*_ANSWER)
    ),
    lists=("tasks", "two"),
)
_OF_ALL = Statement(
    lambda tasks: (
        Generation.objects.filter(contender__retired_at__isnull=True, task__pk__in=tasks)
        .order_by()
        .values_list(*_ANSWER)
    ),
    lists=("tasks",),
)


def _answers(tasks: list[int], two: list[int] | None) -> dict[int, _Answered]:
    """By task, the answers that may be shown of each of the two contenders, or of all: the newest finished take of each
    sample, unless it is quarantined. Read from ids only."""
    newest: dict[tuple[int, int, int], tuple[int, int, str]] = {}
    votes: dict[int, int] = {}
    answers = _OF_ALL.rows(tasks=tasks) if two is None else _OF_TWO.rows(tasks=tasks, two=two)
    for task, who, sample, take, pk, quarantine, state, cast in answers:
        # Filtered here: with the states in the query, SQLite would read every answer of the contenders.
        if state == Generation.State.DONE:
            newest[task, who, sample] = max(newest.get((task, who, sample), (0, 0, "")), (take, pk, quarantine))
            votes[task] = cast
    by_task: dict[int, dict[int, list[int]]] = {}
    for (task, who, _), (_, pk, quarantine) in newest.items():
        if not quarantine:
            by_task.setdefault(task, {}).setdefault(who, []).append(pk)
    return {
        task: _Answered(votes[task], list(answers.values())) for task, answers in by_task.items() if len(answers) > 1
    }


@dataclass(frozen=True, slots=True)
class _Ballots:
    """Ballots so far, by battle: seen by this reviewer, open for others, and by how many others judged; and by task
    those that its votes do not count yet."""

    seen: set[Pair] = field(default_factory=set)
    reserved: set[Pair] = field(default_factory=set)
    judged: dict[Pair, int] = field(default_factory=dict)
    uncounted: dict[int, int] = field(default_factory=dict)

    def turn(self, pair: Pair, *, overlap: int, repeat: bool) -> tuple[bool, bool]:
        """Sorts reserved ones last; before the rest those that others judged but not yet often enough for the
        category, or in some draws those that others judged at all."""
        judges = self.judged.get(pair, 0)
        wanted = 0 < judges < overlap if overlap > 1 else judges > 0
        return pair in self.reserved, (repeat or overlap > 1) and not wanted


_BALLOT_OF = (
    "battle__lo_id",
    "battle__hi_id",
    "battle__task_id",
    "reviewer_id",
    "state",
    "reserved_until",
    "counted_at",
)
_BETWEEN = Statement(
    lambda ids: (
        Ballot.objects.filter(battle__lo__pk__in=ids, battle__hi__pk__in=ids).order_by().values_list(*_BALLOT_OF)
    ),
    lists=("ids",),
)
_ON_TASKS = Statement(
    lambda tasks: Ballot.objects.filter(battle__task__pk__in=tasks).order_by().values_list(*_BALLOT_OF),
    lists=("tasks",),
)


def _ballots(answers: dict[int, _Answered], reviewer: Reviewer, now: datetime) -> _Ballots:
    """Of battles between these answers; if there are many, of all battles of their tasks, which costs more."""
    ids = [pk for one in answers.values() for samples in one.samples for pk in samples]
    found = _Ballots()
    if not ids:
        return found
    ballots = _BETWEEN.rows(ids=ids) if len(ids) <= _ANSWERS_NAMED else _ON_TASKS.rows(tasks=list(answers))
    for lo, hi, task, reviewer_id, state, until, counted_at in ballots:
        if counted_at is None:
            found.uncounted[task] = found.uncounted.get(task, 0) + 1
        if reviewer_id == reviewer.pk:
            found.seen.add((lo, hi))
        elif state == Ballot.State.VOTED:
            found.judged[lo, hi] = found.judged.get((lo, hi), 0) + 1
        elif state == Ballot.State.OPEN and until > now:
            found.reserved.add((lo, hi))
    return found


def _pairs(answers: list[list[int]]) -> Iterator[Pair]:
    for ones, others in combinations(answers, 2):
        for a, b in product(ones, others):
            yield min(a, b), max(a, b)


_TEXTS = Statement(
    lambda ids: (
        Generation.objects.filter(pk__in=ids, quarantine="", contender__retired_at__isnull=True)
        .order_by()
        .values_list("pk", "text", "tool_calls", "turns", "images")
    ),
    lists=("ids",),
)


def _first_that_differs(battles: list[Found]) -> Found | None:
    """Reads texts, usually only two: each further step reads four times as many battles. Answers that were withdrawn
    since the pool was read are passed over."""
    start, size = 0, 1
    while start < len(battles):
        some = battles[start : start + size]
        rows = _TEXTS.rows(ids=sorted({pk for _, pair in some for pk in pair}))
        shown = {
            pk: (written(text=text, tool_calls=calls, turns=turns), images) for pk, text, calls, turns, images in rows
        }
        for task, (lo, hi) in some:
            if lo in shown and hi in shown and shown[lo] != shown[hi]:
                return task, (lo, hi)
        start, size = start + size, size * 4
    return None
