"""Draws the battle that a reviewer sees next.

The pair is drawn first, then the task. The pair comes from `evals.ratings.draw_pair`: half top-two Thompson, half
uniform, among the pairs this reviewer has left. Then, among the pair's battles this reviewer has not seen: none that
another reviewer has open while one is free, tasks in rotation (least shown first), and now and then one that others
have judged, since only overlap shows agreement. The battle, and the answer shown left, are stored in the ballot.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations, product

import numpy as np
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone

from evals.catalog.conversations import written
from evals.models import Ballot, Battle, Category, Contender, Generation, Reviewer, Task
from evals.models.votes import Side
from evals.ratings import draw_pair
from evals.voting.standings import newest_standings

__all__ = ["RESERVED_FOR", "draw", "is_withdrawn"]

RESERVED_FOR = timedelta(minutes=15)
# Share of draws that repeat a battle judged by another reviewer, if there is one.
OVERLAP = 0.1
# Pairs tried before all battles of the category are searched.
_TRIES = 8
# Tasks read first, taken at random: the least shown of these keeps showings even, and a draw costs the same however
# many tasks there are. Only if they have nothing left are four times as many read, and so on up to the limit.
_TASKS_FIRST, _TASKS_MOST = 16, 1024
# Tasks read to find the contenders that take part.
_TASKS_ASKED = 32
# Answers listed one by one in a query for ballots; SQLite takes some 30,000 values in a statement.
_ANSWERS_NAMED = 2048

# Ids of two generations, lower first; and the same after the id of their task.
Pair = tuple[int, int]
Found = tuple[int, Pair]
# By task, the generations of each contender.
Answers = dict[int, list[list[int]]]


def draw(
    *, category: Category, reviewer: Reviewer, now: datetime | None = None, rng: np.random.Generator | None = None
) -> Ballot | None:
    """The reviewer's open ballot, or a new one; None if they have seen everything in the category."""
    now = now or timezone.now()
    rng = rng or np.random.default_rng()
    while True:
        if (ballot := _resume(category, reviewer, now)) is not None:
            return ballot
        # Searched for outside the transaction that writes: on SQLite that one blocks every other writer.
        if (found := _find(category, reviewer, now, rng)) is None:
            return None
        if (ballot := _open(category, reviewer, now, *found)) is not None:
            return ballot


def is_withdrawn(ballot: Ballot) -> bool:
    """Whether its battle must not be voted on any more: an answer was quarantined, or a contender or the category
    retired. Two short queries, since a join of everything is slow while PostgreSQL has no statistics."""
    battle = ballot.battle
    answers = Generation.objects.filter(pk__in=(battle.lo_id, battle.hi_id))
    if answers.filter(~Q(quarantine="") | Q(contender__retired_at__isnull=False)).exists():
        return True
    return Category.objects.filter(tasks=battle.task_id, retired_at__isnull=False).exists()


def _resume(category: Category, reviewer: Reviewer, now: datetime) -> Ballot | None:
    """The oldest open ballot; those whose battle was withdrawn meanwhile are closed."""
    ballots = Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.OPEN, battle__task__category=category)
    for ballot in ballots.select_related("battle").order_by("pk"):
        if is_withdrawn(ballot):
            Ballot.objects.filter(pk=ballot.pk, state=Ballot.State.OPEN).update(
                state=Ballot.State.SKIPPED, closed_at=now
            )
            continue
        if ballot.reserved_until < now + RESERVED_FOR / 2:
            ballot.reserved_until = now + RESERVED_FOR
            ballot.save(update_fields=["reserved_until"])
        return ballot
    return None


def _open(category: Category, reviewer: Reviewer, now: datetime, task_id: int, battle: Pair) -> Ballot | None:
    """The ballot for this battle; an older open one if another window of the reviewer was first; None if that window
    has already closed this battle."""
    with transaction.atomic():
        Reviewer.objects.select_for_update(no_key=True).get(pk=reviewer.pk)
        if (ballot := _resume(category, reviewer, now)) is not None:
            return ballot
        lo, hi = battle
        made, _ = Battle.objects.get_or_create(task_id=task_id, lo_id=lo, hi_id=hi)
        ballot, created = Ballot.objects.get_or_create(
            battle=made,
            reviewer=reviewer,
            defaults={
                "left": secrets.choice((Side.LO, Side.HI)),
                "reserved_until": now + RESERVED_FOR,
                "shown_at": now,
            },
        )
        return ballot if created else None


def _find(category: Category, reviewer: Reviewer, now: datetime, rng: np.random.Generator) -> Found | None:
    if category.retired_at is not None:
        return None
    tasks = rng.permutation(list(Task.objects.filter(category=category).values_list("pk", flat=True))).tolist()
    contenders = _contenders(tasks[:_TASKS_ASKED])
    slugs = sorted(contenders)
    standings = newest_standings(category)
    exhausted: set[tuple[str, str]] = set()
    for _ in range(_TRIES):
        left = None if not exhausted else [pair for pair in combinations(slugs, 2) if pair not in exhausted]
        pair = draw_pair(contenders=slugs, standings=standings, admissible=left, rng=rng)
        if pair is None:
            break
        ids = [contenders[str(slug)] for slug in pair]
        if (found := _choose(tasks, ids, reviewer, now, rng)) is not None:
            return found
        a, b = sorted(map(str, pair))
        exhausted.add((a, b))
    return _choose(tasks, None, reviewer, now, rng)


def _contenders(tasks: list[int]) -> dict[str, int]:
    """Ids, by slug, of contenders that may be shown on one of these tasks. With 32 random tasks, a contender that
    answered one task in ten is found 29 times in 30; reading all tasks would mean reading all answers."""
    answered = Generation.objects.filter(task__in=tasks, state=Generation.State.DONE, quarantine="").order_by()
    shown = Contender.objects.filter(pk__in=answered.values("contender"), retired_at__isnull=True).order_by()
    return dict(shown.values_list("slug", "pk"))


def _choose(
    tasks: list[int], two: list[int] | None, reviewer: Reviewer, now: datetime, rng: np.random.Generator
) -> Found | None:
    """The first unseen battle, in order of preference, between these two contenders (or any) whose answers differ:
    equal ones leave nothing to vote on."""
    repeat = rng.random() < OVERLAP
    if repeat and two is not None:
        judged = _judged(two, reviewer)
        tasks = sorted(tasks, key=lambda task: task not in judged)
    for portion in _portions(tasks):
        answers = _answers(portion, two)
        ballots = _ballots(answers, reviewer, now)
        unseen = [(task, pair) for task in answers for pair in _pairs(answers[task]) if pair not in ballots.seen]
        shown = _showings({task for task, _ in unseen}) if unseen else {}
        # Reserved ones last; in some draws judged ones first; then tasks in rotation, then at random.
        battles = sorted(
            (pair in ballots.reserved, repeat and pair not in ballots.judged, shown[task], rng.random(), task, pair)
            for task, pair in unseen
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


def _answers(tasks: list[int], two: list[int] | None) -> Answers:
    """By task, the answers that may be shown of each of the two contenders, or of all: the newest finished take of each
    sample, unless it is quarantined. Read from ids only."""
    newest: dict[tuple[int, int, int], tuple[int, int, str]] = {}
    shown = Q(contender__in=two) if two is not None else Q(contender__retired_at__isnull=True)
    answers = Generation.objects.filter(shown, task__in=tasks).order_by()
    columns = ("task_id", "contender_id", "sample", "take", "pk", "quarantine", "state")
    for task, who, sample, take, pk, quarantine, state in answers.values_list(*columns):
        # Filtered here: with the states in the query, SQLite would read every answer of the contenders.
        if state == Generation.State.DONE:
            newest[task, who, sample] = max(newest.get((task, who, sample), (0, 0, "")), (take, pk, quarantine))
    by_task: dict[int, dict[int, list[int]]] = {}
    for (task, who, _), (_, pk, quarantine) in newest.items():
        if not quarantine:
            by_task.setdefault(task, {}).setdefault(who, []).append(pk)
    return {task: list(answers.values()) for task, answers in by_task.items() if len(answers) > 1}


@dataclass(frozen=True, slots=True)
class _Ballots:
    """Ballots so far, by battle: seen by this reviewer, open for others, judged by others."""

    seen: set[Pair] = field(default_factory=set)
    reserved: set[Pair] = field(default_factory=set)
    judged: set[Pair] = field(default_factory=set)


def _ballots(answers: Answers, reviewer: Reviewer, now: datetime) -> _Ballots:
    """Of battles between these answers; if there are many, of all battles of their tasks, which costs more."""
    ids = [pk for by_contender in answers.values() for samples in by_contender for pk in samples]
    if len(ids) <= _ANSWERS_NAMED:
        ballots = Ballot.objects.filter(battle__lo__in=ids, battle__hi__in=ids)
    else:
        ballots = Ballot.objects.filter(battle__task__in=answers)
    found = _Ballots()
    columns = ("battle__lo_id", "battle__hi_id", "reviewer_id", "state", "reserved_until")
    for lo, hi, reviewer_id, state, until in ballots.values_list(*columns):
        if reviewer_id == reviewer.pk:
            found.seen.add((lo, hi))
        elif state == Ballot.State.VOTED:
            found.judged.add((lo, hi))
        elif state == Ballot.State.OPEN and until > now:
            found.reserved.add((lo, hi))
    return found


def _showings(tasks: Iterable[int]) -> dict[int, int]:
    """Counted task by task: with one join and grouping, PostgreSQL would read every ballot."""
    shown = Ballot.objects.filter(battle__task=OuterRef("pk")).order_by().values("battle__task")
    counts = Task.objects.filter(pk__in=tasks).values_list("pk", Subquery(shown.annotate(n=Count("pk")).values("n")))
    return {task: n or 0 for task, n in counts.order_by()}


def _pairs(answers: list[list[int]]) -> Iterator[Pair]:
    for ones, others in combinations(answers, 2):
        for a, b in product(ones, others):
            yield min(a, b), max(a, b)


def _first_that_differs(battles: list[Found]) -> Found | None:
    """Reads texts, usually only two: each further step reads four times as many battles."""
    start, size = 0, 1
    while start < len(battles):
        some = battles[start : start + size]
        ids = {pk for _, pair in some for pk in pair}
        rows = Generation.objects.filter(pk__in=ids).values_list("pk", "text", "tool_calls", "turns", "images")
        shown = {
            pk: (written(text=text, tool_calls=calls, turns=turns), images) for pk, text, calls, turns, images in rows
        }
        for task, (lo, hi) in some:
            if shown[lo] != shown[hi]:
                return task, (lo, hi)
        start, size = start + size, size * 4
    return None
