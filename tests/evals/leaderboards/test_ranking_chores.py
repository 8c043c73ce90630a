"""The chores and the clock: each may run twice, and the sweep gives back what lost messages cost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from evals.collection import schedules
from evals.leaderboards import chores
from evals.models import Leaderboard, Ledger
from evals.voting import ledger as ledgers
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="a chore commits with the vote that caused it")]

STRENGTHS = {"atlas": 0.0, "kestrel": 0.5}


@pytest.fixture
def code():
    contenders(*STRENGTHS)
    return category()


def queued():
    """(function, arguments) of the rank chores that wait."""
    tasks = [(row.func(), row.task["args"]) for row in OrmQ.objects.order_by("pk")]
    return [task for task in tasks if task[0] == "evals.leaderboards.chores.rank"]


def test_the_queued_chore_ranks_up_to_the_last_vote(code):
    for vote in simulate(STRENGTHS, 200, seed=1):
        cast(code, [vote])
    [(path, arguments)] = queued()
    import_string(path)(*arguments)
    ledger = Ledger.objects.get(category=code)
    assert (ledger.seq, ledger.ranked_seq) == (200, 200)
    assert Leaderboard.objects.get().votes == 200


def test_the_same_chore_twice_makes_one_leaderboard(code):
    cast(code, simulate(STRENGTHS, 20, seed=1))
    chores.rank(code.pk)
    chores.rank(code.pk)
    assert Leaderboard.objects.count() == 1


def test_the_sweep_finds_votes_whose_chore_was_lost(code):
    cast(code, simulate(STRENGTHS, 20, seed=1))
    OrmQ.objects.all().delete()
    assert chores.sweep() == 1
    assert queued() == [], "a young mark means that a chore may still be on its way"
    Ledger.objects.update(rank_enqueued_at=timezone.now() - timedelta(seconds=61))
    assert chores.sweep() == 1
    assert queued() == [("evals.leaderboards.chores.rank", (code.pk,))]
    chores.rank(code.pk)
    assert chores.sweep() == 0


def test_the_sweep_finds_a_revision_that_nobody_ranked(code):
    cast(code, simulate(STRENGTHS, 20, seed=1))
    chores.rank(code.pk)
    with transaction.atomic():
        ledgers.raise_revision(code)
    OrmQ.objects.all().delete()
    Ledger.objects.update(rank_enqueued_at=None)
    assert chores.sweep() == 1
    assert queued() == [("evals.leaderboards.chores.rank", (code.pk,))]


def test_the_sweep_leaves_what_is_ranked(code):
    cast(code, simulate(STRENGTHS, 20, seed=1))
    chores.rank(code.pk)
    OrmQ.objects.all().delete()
    assert chores.sweep() == 0
    assert queued() == []


def test_the_sweep_is_scheduled_once_each_minute_and_an_admins_choice_stays():
    schedules.ensure()
    Schedule.objects.filter(func=schedules.SWEEP).update(minutes=5)
    schedules.ensure()
    schedule = Schedule.objects.get(func=schedules.SWEEP)
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 5, -1)
    assert import_string(schedule.func) is chores.sweep
