"""Who takes an answer out, who decides about it, and that nothing is lost or undone on the way."""

from __future__ import annotations

from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError

from arena.models import Role
from evals.collection.quarantine import cases, recheck
from evals.collection.quarantine.cases import DecisionError, confirm, detected, release
from evals.models import (
    Ballot,
    Battle,
    Category,
    Generation,
    GoldBattle,
    QuarantineAct,
    QuarantineCase,
    QuarantineRecheck,
    TaskSet,
    TaskSetItem,
    TaskSetVersion,
    Vote,
)
from evals.transfer.exports import export_generations
from evals.voting.casting import BattleWithdrawnError, TooManyReportsError, cast_vote, report
from evals.voting.counting import count_votes
from evals.voting.drawing import draw, is_withdrawn
from evals.voting.reviewers import reviewer_of
from tests.evals.images.pictures import picture, store_image
from tests.evals.voting.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    return World().fill()


@pytest.fixture
def make_reviewer(make_user):
    return lambda username: reviewer_of(make_user(Role.REVIEWER, username))


@pytest.fixture
def reviewer(make_reviewer):
    return make_reviewer("mara")


@pytest.fixture
def editor(make_user):
    return make_user(Role.EDITOR, "erik")


def reported(world, reviewer, detail="signs as X", side="left"):
    ballot = draw(category=world.category, reviewer=reviewer)
    report(ballot=ballot, side=side, detail=detail)
    return ballot


def told(case):
    return list(case.acts.values_list("kind", "who", "why"))


def assert_the_fact_follows_from_the_cases():
    """`Generation.quarantine` is set where, and only where, a case stands."""
    standing = QuarantineCase.objects.exclude(state="released").values_list("generation", flat=True)
    assert set(Generation.objects.exclude(quarantine="").values_list("pk", flat=True)) == set(standing)


def test_a_report_opens_a_case_with_its_reporter_ballot_and_side(world, reviewer):
    ballot = reported(world, reviewer, "  signs\nas X ", side="right")
    case = QuarantineCase.objects.get()
    shown_right = ballot.battle.hi if ballot.left == "lo" else ballot.battle.lo
    assert (case.generation, case.category, case.contender) == (shown_right, world.category, shown_right.contender)
    assert (case.source, case.state, case.why, case.reporter) == ("reviewer", "open", "signs as X", reviewer)
    assert (case.ballot, case.side) == (ballot, "right")
    assert told(case) == [("opened", reviewer.name, "signs as X")]
    assert_the_fact_follows_from_the_cases()


def test_released_the_answer_is_drawn_again_but_the_reporters_ballot_stays_closed(
    world, reviewer, editor, make_reviewer
):
    ballot = reported(world, reviewer)
    [case] = QuarantineCase.objects.all()
    other = make_reviewer("other")
    held = Ballot.objects.create(
        battle=ballot.battle, category=world.category, reviewer=other, left="lo", reserved_until=ballot.reserved_until
    )
    assert is_withdrawn(Ballot.objects.get(pk=held.pk))
    release(case=case, reason="it names a bridge", who=editor.name, user=editor)
    case.refresh_from_db()
    assert (case.state, case.decided_by, case.decision) == ("released", editor.name, "it names a bridge")
    assert told(case)[-1] == ("released", editor.name, "it names a bridge")
    assert not is_withdrawn(Ballot.objects.get(pk=held.pk))
    ballot.refresh_from_db()
    assert ballot.state == Ballot.State.REPORTED
    assert_the_fact_follows_from_the_cases()
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (editor, "Released: it names a bridge")


def test_a_confirmed_answer_stays_out_and_may_be_released_later(world, reviewer, editor):
    reported(world, reviewer)
    [case] = QuarantineCase.objects.all()
    confirm(case=case, reason="it does", who="token ci")
    assert Generation.objects.exclude(quarantine="").count() == 1
    release(case=case, reason="it does not", who=editor.name)
    confirm(case=case, reason="it does after all", who=editor.name)
    assert [kind for kind, *_ in told(case)] == ["opened", "confirmed", "released", "confirmed"]
    assert Generation.objects.exclude(quarantine="").get().quarantine == f"reported by {reviewer.name}: signs as X"
    assert not LogEntry.objects.exists()


def test_a_decision_needs_a_reason_and_is_made_once(world, reviewer, editor):
    reported(world, reviewer)
    [case] = QuarantineCase.objects.all()
    for reason, words in ((" ", "Give a reason"), ("x" * 256, "256 characters; the limit is 255")):
        with pytest.raises(DecisionError, match=words):
            release(case=case, reason=reason, who="erik")
    release(case=case, reason="fine", who="erik")
    with pytest.raises(DecisionError, match="erik has released this already: fine"):
        release(case=case, reason="fine", who="anna")
    assert case.acts.count() == 2


def test_the_same_report_does_not_undo_a_release_and_another_one_opens_a_new_case(
    world, reviewer, editor, make_reviewer
):
    ballot = reported(world, reviewer)
    [first] = QuarantineCase.objects.all()
    release(case=first, reason="fine", who="erik")
    again = {"generation": first.generation, "ballot": ballot, "side": "left"}
    assert cases.open_case(reporter=reviewer, why="Signs as x", **again) == first
    assert told(first)[-1] == ("repeated", reviewer.name, "Signs as x")
    assert not Generation.objects.exclude(quarantine="").exists()
    second = cases.open_case(reporter=reviewer, why="names its maker in line 9", **again)
    assert (second.is_out, second != first) == (True, True)
    with pytest.raises(DecisionError, match="reported again since"):
        confirm(case=first, reason="no", who="erik")
    release(case=second, reason="no", who="erik")
    third = cases.open_case(reporter=make_reviewer("other"), why="signs as X", **again)
    assert third not in (first, second)
    assert_the_fact_follows_from_the_cases()


def test_a_report_of_what_is_out_already_is_kept_with_its_case(world, reviewer, make_reviewer):
    ballot = reported(world, reviewer)
    case = QuarantineCase.objects.get()
    other = make_reviewer("other")
    assert cases.open_case(generation=case.generation, reporter=other, why="", ballot=ballot, side="left") == case
    assert told(case)[-1] == ("repeated", other.name, "reveals which model wrote it")


def test_reports_that_nobody_confirms_have_a_limit_and_leave_the_ballot_open(world, reviewer, monkeypatch):
    monkeypatch.setattr(cases, "UNDECIDED_REPORTS", 2)
    reported(world, reviewer)
    reported(world, reviewer)
    with pytest.raises(TooManyReportsError, match="2 answers within a day"):
        reported(world, reviewer)
    ballot = Ballot.objects.get(state=Ballot.State.OPEN)
    assert QuarantineCase.objects.count() == 2
    confirm(case=QuarantineCase.objects.first(), reason="it does", who="erik")
    report(ballot=ballot, side="left")
    assert QuarantineCase.objects.count() == 3
    assert_the_fact_follows_from_the_cases()


def test_votes_cast_on_it_count_whatever_becomes_of_it(world, reviewer, editor, make_reviewer):
    voted = draw(category=world.category, reviewer=reviewer)
    cast_vote(ballot=voted, choice="left", reviewer=reviewer)
    detected({voted.battle.lo_id: "introduces itself"})
    Generation.objects.filter(pk=voted.battle.lo_id).update(quarantine="introduces itself")
    count_votes(category=world.category, now=voted.closed_at.replace(year=voted.closed_at.year + 1))
    confirm(case=QuarantineCase.objects.get(), reason="it does", who="erik")
    assert Vote.objects.count() == 1
    second = Ballot.objects.create(
        battle=voted.battle,
        category=world.category,
        reviewer=make_reviewer("b"),
        left="lo",
        reserved_until=voted.shown_at,
    )
    with pytest.raises(BattleWithdrawnError):
        cast_vote(ballot=second, choice="left", reviewer=second.reviewer)


def test_what_happened_to_a_case_is_kept_and_says_who_and_why(world, reviewer):
    reported(world, reviewer)
    for change in (lambda: QuarantineAct.objects.update(why="another"), lambda: QuarantineAct.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    case = QuarantineCase.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        QuarantineAct.objects.create(case=case, kind="released", who="", why="x")
    with pytest.raises(DatabaseError), transaction.atomic():
        QuarantineCase.objects.filter(pk=case.pk).update(state="released")


def test_no_answer_has_two_cases_that_stand(world, reviewer):
    reported(world, reviewer)
    case = QuarantineCase.objects.get()
    assert detected({case.generation_id: "introduces itself"}) == 0
    with pytest.raises(DatabaseError), transaction.atomic():
        QuarantineCase.objects.create(
            generation=case.generation, category=case.category, contender=case.contender, source="detector", why="x"
        )


# Looking through stored answers again


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_stored_answers_are_looked_through_once_and_decided_ones_left_alone(world, monkeypatch):
    monkeypatch.setattr(recheck, "_BATCH", 5)
    Generation.objects.update(text="Lima.")
    named, released, failed = Generation.objects.order_by("pk")[:3]
    for answer in (named, released, failed):
        Generation.objects.filter(pk=answer.pk).update(text="Ich bin ChatGPT.")
    Generation.objects.filter(pk=failed.pk).update(state="failed", error="empty")
    detected({released.pk: "introduces itself"})
    release(case=QuarantineCase.objects.get(), reason="fine", who="erik")

    assert recheck.recheck(seconds=0) == recheck.Recheck(read=5, found=1, finished=False)
    assert recheck.recheck() == recheck.Recheck(read=5, found=0, finished=True)
    case = QuarantineCase.objects.get(state="open")
    assert (case.generation, case.source) == (named, "detector")
    assert told(case) == [("opened", "Arena", "introduces itself: “Ich bin ChatGPT”")]
    assert_the_fact_follows_from_the_cases()
    assert recheck.recheck() == recheck.Recheck(0, 0, finished=True)

    recheck.start_over()
    assert recheck.recheck() == recheck.Recheck(read=9, found=0, finished=True)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_portion_that_another_has_stored_meanwhile_is_left_to_it(world, monkeypatch):
    answer = Generation.objects.first()
    Generation.objects.update(text="Lima.")
    Generation.objects.filter(pk=answer.pk).update(text="我是ChatGPT。")
    slow = QuarantineRecheck.objects.create(version=recheck.VERSION)
    assert recheck.recheck().found == 1
    assert recheck._portion(slow) == (0, 0)
    call_command("recheck_quarantine", "--again", stdout=StringIO())
    assert QuarantineCase.objects.count() == 1


def test_what_was_out_before_cases_were_kept_gets_one(world, reviewer):
    """As the migration does it, on today's tables."""
    ballot = draw(category=world.category, reviewer=reviewer)
    Ballot.objects.filter(pk=ballot.pk).update(state="reported", closed_at=ballot.shown_at)
    found = Generation.objects.exclude(pk__in=(ballot.battle.lo_id, ballot.battle.hi_id)).first()
    Generation.objects.filter(pk=ballot.battle.hi_id).update(quarantine=f"reported by {reviewer.name}: signs as X")
    Generation.objects.filter(pk=found.pk).update(quarantine="introduces itself: “I am X”")
    import_module("evals.migrations.0014_quarantine").open_cases(apps, connection.schema_editor())
    of_report = QuarantineCase.objects.get(source="reviewer")
    side = "right" if ballot.left == "lo" else "left"
    assert (of_report.reporter, of_report.ballot, of_report.side) == (reviewer, ballot, side)
    assert (of_report.why, of_report.opened_at) == ("signs as X", ballot.shown_at)
    assert told(of_report) == [("opened", reviewer.name, "signs as X")]
    of_detector = QuarantineCase.objects.get(source="detector")
    assert (of_detector.generation, of_detector.why) == (found, "introduces itself: “I am X”")
    assert_the_fact_follows_from_the_cases()


# Where it is not shown


def test_an_answer_that_is_out_is_drawn_nowhere_and_its_images_are_not_served(
    world, reviewer, editor, client_of, tmp_path
):
    """Neither in a battle nor in a gold one; files of answers have it as before."""
    task = world.tasks[0]
    image = store_image(picture(), only_png=True).sha256
    two = enumerate(world.contenders[:2])
    one, other = (world.answer(task, who, f"A picture {n}.", sample=2, images=[image]) for n, who in two)
    battle = Battle.objects.create(task=task, lo=one, hi=other)
    GoldBattle.objects.create(battle=battle, outcome="lo", why="It has the picture.", created_by=editor)
    Category.objects.filter(pk=world.category.pk).update(gold_percent=100)
    world.category.refresh_from_db()
    ballot = draw(category=world.category, reviewer=reviewer)
    assert ballot.battle == battle
    browser, address = client_of(reviewer.user), f"/vote/b/{ballot.token}/image/left/1/"
    assert browser.get(address).status_code == 200

    detected({one.pk: "introduces itself"})
    Generation.objects.filter(pk=one.pk).update(quarantine="introduces itself")
    assert browser.get(address).status_code == 404
    drawn = []
    while (ballot := draw(category=world.category, reviewer=reviewer)) is not None:
        drawn.append(ballot.battle)
        cast_vote(ballot=ballot, choice="tie", reviewer=reviewer)
    assert drawn
    assert not [battle for battle in drawn if one.pk in (battle.lo_id, battle.hi_id)]
    version = TaskSetVersion.objects.create(task_set=TaskSet.objects.create(slug="all"), n=1, sha256="0" * 64)
    TaskSetItem.objects.create(version=version, task=task, external_id="1", position=1)
    export_generations(path=tmp_path / "answers.jsonl", task_set="all")
    assert "A picture 0." in (tmp_path / "answers.jsonl").read_text()
