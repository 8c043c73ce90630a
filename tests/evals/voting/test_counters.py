"""What pages count follows what it counts, whichever code moves that, and can be counted anew to the same numbers."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import Max, Sum
from django.utils import timezone

from arena.triggers import install_after_migrate, lift_before_migrate, missing
from evals import kept_figures
from evals.collection.services import settle
from evals.counters import FOLLOWERS
from evals.leaderboards import evidence as measured
from evals.leaderboards.queries import all_latest
from evals.leaderboards.ranking import rank_category
from evals.models import (
    AnswerCount,
    Category,
    Contender,
    ContenderVotes,
    Generation,
    KeptFigures,
    Provider,
    ReviewerVotes,
    Run,
    RunCount,
    RunItem,
    Task,
    TaskSet,
    TaskSetVersion,
)
from evals.models.bulk import insert
from evals.models.counts import fold, recount, recount_after_migrate, recount_runs
from evals.voting.drawing import draw
from evals.voting.queries import agreement
from evals.voting.queries.queue import queue
from evals.voting.queries.reviewer_page import own_figures, reviewer_page
from evals.voting.queries.reviewers import voters_in
from tests.evals.voting.conftest import World, cast

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.on_both(because="triggers keep the counts, and each engine has its own"),
]
DONE, FAILED, WAITING = (Generation.State(state) for state in ("done", "failed", "waiting"))


class Desk:
    """A category with three tasks and two contenders, and a run of them."""

    def __init__(self) -> None:
        self.category = Category.objects.create(slug="code", name="Code")
        self.tasks = [Task.objects.create(category=self.category, digest=f"{n:064d}") for n in range(3)]
        provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
        self.contenders = [
            Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug)
            for slug in ("granit", "kiesel")
        ]
        task_set = TaskSet.objects.create(slug="stones", name="Stones")
        version = TaskSetVersion.objects.create(task_set=task_set, n=1, sha256="0" * 64)
        self.run = Run.objects.create(version=version)

    def answer(self, task: int, who: int, state: Generation.State = DONE, **columns) -> Generation:
        error = "empty" if state == FAILED else ""
        return Generation.objects.create(
            task=self.tasks[task], contender=self.contenders[who], state=state, error=error, **columns
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def answers() -> dict[str, tuple[int, int]]:
    rows = AnswerCount.objects.order_by().values_list("contender__slug").annotate(Sum("done"), Sum("failed"))
    return {slug: (done, failed) for slug, done, failed in rows}


def items() -> dict[str, tuple[int, int, int]]:
    rows = RunCount.objects.order_by().values_list("contender__slug")
    return {slug: tuple(n) for slug, *n in rows.annotate(Sum("total"), Sum("done"), Sum("failed"))}


def moved() -> int:
    return AnswerCount.objects.aggregate(n=Sum("moved"))["n"] or 0


def test_answers_are_counted_as_they_end_begin_again_and_are_scored(desk):
    desk.answer(0, 0)
    waiting = desk.answer(1, 0, WAITING)
    assert answers() == {"granit": (1, 0)}
    Generation.objects.filter(pk=waiting.pk).update(state=FAILED, error="empty")
    assert answers() == {"granit": (1, 1)}
    Generation.objects.filter(pk=waiting.pk).update(state=WAITING, error="")
    assert answers() == {"granit": (1, 0)}
    before = moved()
    Generation.objects.filter(state=WAITING).update(attempts_made=1)
    assert moved() == before
    Generation.objects.filter(state=DONE).update(checks=[{"type": "contains", "ok": False, "detail": ""}])
    assert moved() == before + 1
    waiting.delete()
    Generation.objects.filter(state=DONE).delete()
    assert answers() == {"granit": (0, 0)}


def test_a_run_counts_what_it_links_and_what_ends_later(desk):
    linked, asked, other = desk.answer(0, 0), desk.answer(1, 0, WAITING), desk.answer(0, 1, FAILED)
    rows = ((desk.run.pk, one.pk, one.state == DONE) for one in (linked, asked, other))
    insert(RunItem, ("run_id", "generation_id", "linked"), rows)
    assert items() == {"granit": (2, 1, 0), "kiesel": (1, 0, 1)}
    Generation.objects.filter(pk=asked.pk).update(state=DONE)
    assert items() == {"granit": (2, 2, 0), "kiesel": (1, 0, 1)}
    # A run that has ended is counted anew, whatever another one did at the moment it began.
    RunCount.objects.update(done=7)
    assert settle(run=desk.run) == 1
    assert items() == {"granit": (2, 2, 0), "kiesel": (1, 0, 1)}
    recount_runs([desk.run.pk])
    RunItem.objects.filter(generation=other).delete()
    assert items() == {"granit": (2, 2, 0), "kiesel": (0, 0, 0)}


def test_counted_anew_and_added_up_they_are_the_same(desk, make_reviewer):
    world = World("prose")
    task = world.task("Which stone?")
    for contender in desk.contenders:
        world.answer(task, contender)
    desk.answer(0, 0)
    desk.answer(1, 0)
    desk.answer(0, 1, FAILED)
    reviewer = make_reviewer("mara")
    cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    before = everything()
    assert before[2]
    fold()
    assert everything() == before
    keys = AnswerCount.objects.values("category", "contender").distinct().count()
    assert AnswerCount.objects.count() == keys
    assert fold() == 0
    said = StringIO()
    call_command("recount", "--tallies", stdout=said)
    assert everything() == before
    assert said.getvalue() == "Counted 5 answers, 0 items of runs, 1 votes.\n"


def everything():
    votes = ReviewerVotes.objects.order_by("reviewer").values_list("reviewer")
    return (
        answers(),
        items(),
        list(votes.annotate(Sum("votes"), Sum("left_won"), Sum("right_won"), Max("last_cast_at"))),
        Counter(dict(ContenderVotes.objects.values_list("contender__slug", "votes"))),
    )


def test_nothing_is_added_to_a_row_of_another_writer(desk):
    """On PostgreSQL: two transactions that store answers in opposite orders would wait for each other."""
    desk.answer(0, 0)
    desk.answer(1, 0)
    assert AnswerCount.objects.count() == (2 if connection.vendor == "postgresql" else 1)


def test_large_categories_show_what_was_kept_until_it_is_computed_again(desk, monkeypatch):
    monkeypatch.setattr(measured, "MANY", 1)
    desk.answer(0, 0, latency_ms=100.0)
    desk.answer(1, 0, latency_ms=100.0)
    assert measured.refresh() == 1
    assert measured.refresh() == 0
    assert measured.recent_evidence("code") == measured.evidence("code")
    desk.answer(2, 0, latency_ms=900.0)
    assert measured.recent_evidence("code")["granit"].n == 2
    assert measured.refresh() == 0  # it was measured a moment ago
    KeptFigures.objects.update(computed_at=timezone.now() - timedelta(hours=1))
    assert measured.refresh() == 1
    kept = kept_figures.kept(["evidence:code"])["evidence:code"]
    assert kept["granit"]["n"] == 3
    recount()
    assert not KeptFigures.objects.exists()


def test_followers_are_away_while_tables_are_changed_and_what_was_missed_is_counted(desk):
    evals = apps.get_app_config("evals")
    lift_before_migrate(evals, using="default", plan=[1])
    if connection.vendor == "sqlite":
        assert {one.name for one in missing()} == {one.name for one in FOLLOWERS}
    desk.answer(0, 0)
    install_after_migrate(evals, using="default")
    recount_after_migrate(evals, using="default", plan=[1])
    assert missing() == []
    assert answers() == {"granit": (1, 0)}
    desk.answer(1, 0)
    assert answers() == {"granit": (2, 0)}


def test_agreement_and_speed_are_read_as_they_were_kept(make_reviewer, monkeypatch):
    world = World("prose")
    world.fill(contenders=2, tasks=3)
    people = [make_reviewer(name) for name in ("mara", "noor")]
    for reviewer in people:
        for _ in range(3):
            cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    now = agreement.panel_agreement(world.category), agreement.reviewer_agreements(), agreement.speeds(people)
    monkeypatch.setattr(agreement, "MANY", 1)
    monkeypatch.setattr(agreement, "MANY_OF_ONE", 1)
    assert agreement.refresh() == 1 + len(people)
    assert KeptFigures.objects.count() == 1 + len(people)
    kept = agreement.panel_agreement(world.category), agreement.reviewer_agreements(), agreement.speeds(people)
    assert kept == now
    assert agreement.refresh() == 0


def test_a_reviewers_own_figures_end_at_midnight(make_reviewer):
    world = World("prose").fill(contenders=2, tasks=3)
    reviewer = make_reviewer("mara")
    for _ in range(3):
        cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    figures, _comments = own_figures(reviewer)
    assert (figures.cast.votes, figures.categories, figures.seconds) == (0, (), None)
    now = reviewer_page(reviewer).figures
    assert (now.cast.votes, now.cast.left_won, now.categories) == (3, 3, (("Prose", 3),))
    assert [(voter.name, voter.votes) for voter in voters_in(world.category)] == [(reviewer.name, 3)]
    assert agreement.sides_in(world.category).n == 3
    assert queue(reviewer).lines[0].left == 0
    rank_category(category_id=world.category.pk)
    assert [board.votes for board in all_latest()] == [3]
