"""Which battle a reviewer is shown next."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from arena.models import Role
from evals.models import Ballot, Battle, Category, Generation, GoldBattle
from evals.voting import drawing
from evals.voting.casting import cast_vote, reopen, report, skip
from evals.voting.drawing import RESERVED_FOR, draw, draw_hand

from .conftest import World, cast

pytestmark = pytest.mark.on_both(because="a draw is decided in SQL, and reserves a battle")


def draw_all(category, reviewer, **kwargs):
    """Every battle the reviewer can be shown, each voted on."""
    drawn = []
    while (ballot := draw(category=category, reviewer=reviewer, **kwargs)) is not None:
        drawn.append(ballot)
        cast(ballot=ballot, choice="tie", reviewer=reviewer)
    return drawn


def test_a_reviewer_sees_every_battle_once_and_then_nothing(world, reviewer):
    battles = [ballot.battle_id for ballot in draw_all(world.category, reviewer)]
    assert len(battles) == len(set(battles)) == 3 * 4


def test_a_battle_is_two_answers_to_one_task_by_different_contenders(world, reviewer):
    draw_all(world.category, reviewer)
    for battle in Battle.objects.select_related("lo", "hi"):
        assert battle.lo_id < battle.hi_id
        assert battle.task_id == battle.lo.task_id == battle.hi.task_id
        assert battle.lo.contender_id != battle.hi.contender_id


def test_an_open_ballot_is_resumed(world, reviewer):
    first = draw(category=world.category, reviewer=reviewer)
    assert draw(category=world.category, reviewer=reviewer) == first
    later = timezone.now() + timedelta(hours=1)
    resumed = draw(category=world.category, reviewer=reviewer, now=later)
    assert resumed == first
    assert Ballot.objects.get().reserved_until == later + RESERVED_FOR


def test_a_skipped_battle_does_not_come_back(world, reviewer):
    first = draw(category=world.category, reviewer=reviewer)
    skip(ballot=first)
    assert first.battle_id not in {ballot.battle_id for ballot in draw_all(world.category, reviewer)}


def test_two_reviewers_do_not_sit_on_one_battle_while_another_is_free(db, make_reviewer):
    # One pair only, so that the choice is between its battles.
    world = World().fill(contenders=2, tasks=6)
    held = {draw(category=world.category, reviewer=make_reviewer(f"person{n}")).battle_id for n in range(6)}
    assert len(held) == 6


def test_a_reservation_that_ended_holds_nothing(db, make_reviewer):
    world = World().fill(contenders=2, tasks=2)
    now = timezone.now()
    first = draw(category=world.category, reviewer=make_reviewer("a"), now=now)
    second = draw(category=world.category, reviewer=make_reviewer("b"), now=now)
    assert first.battle_id != second.battle_id
    # Both are held; a third reviewer still gets one of them.
    assert draw(category=world.category, reviewer=make_reviewer("c"), now=now) is not None


def test_tasks_take_turns(db, make_reviewer, monkeypatch):
    monkeypatch.setattr(drawing, "REPEATS", 0)
    world = World().fill(contenders=2, tasks=5)
    for n in range(4):
        someone = make_reviewer(f"someone{n}")
        for _ in range(5):
            cast(ballot=draw(category=world.category, reviewer=someone), choice="left", reviewer=someone)
            shown = Counter(Ballot.objects.values_list("battle__task", flat=True))
            counts = [shown.get(task.pk, 0) for task in world.tasks]
            assert max(counts) - min(counts) <= 1


def test_some_draws_repeat_what_others_judged(db, make_reviewer, monkeypatch):
    monkeypatch.setattr(drawing, "REPEATS", 1)
    world = World().fill(contenders=2, tasks=100)
    one, other = make_reviewer("one"), make_reviewer("other")
    first = draw(category=world.category, reviewer=one)
    cast(ballot=first, choice="left", reviewer=one)
    assert draw(category=world.category, reviewer=other).battle_id == first.battle_id


def test_equal_answers_make_no_battle(db, reviewer):
    world = World()
    a, b, c = world.contender("granit"), world.contender("kiesel"), world.contender("basalt")
    task = world.task("Yes or no?")
    world.answer(task, a, "Yes.")
    world.answer(task, b, "Yes.\n")
    world.answer(task, c, "No.")
    pairs = [{ballot.battle.lo.text.strip(), ballot.battle.hi.text} for ballot in draw_all(world.category, reviewer)]
    assert pairs == [{"Yes.", "No."}] * 2


@pytest.mark.parametrize("spoil", ["quarantine", "failed", "retired", "category"])
def test_what_may_not_be_shown_is_not_drawn(db, reviewer, spoil):
    world = World().fill(contenders=2, tasks=1)
    answer = Generation.objects.first()
    if spoil == "quarantine":
        Generation.objects.filter(pk=answer.pk).update(quarantine="names itself")
    elif spoil == "failed":
        Generation.objects.filter(pk=answer.pk).update(state="failed", error="timeout")
    elif spoil == "retired":
        answer.contender.retired_at = timezone.now()
        answer.contender.save()
    else:
        world.category.retired_at = timezone.now()
        world.category.save()
    assert draw(category=world.category, reviewer=reviewer) is None


def test_the_newest_finished_take_is_shown(db, reviewer):
    world = World().fill(contenders=2, tasks=1)
    task, contender = world.tasks[0], world.contenders[0]
    newest = world.answer(task, contender, "A second thought.", take=2)
    world.answer(task, contender, "", take=3, state="waiting")
    battle = draw(category=world.category, reviewer=reviewer).battle
    assert newest.pk in (battle.lo_id, battle.hi_id)
    newest.quarantine = "names itself"
    newest.save()
    assert draw(category=world.category, reviewer=reviewer) is None
    assert Ballot.objects.get().state == Ballot.State.SKIPPED


def test_a_battle_reported_by_one_is_shown_to_nobody(db, make_reviewer):
    world = World().fill(contenders=2, tasks=1)
    one, other = make_reviewer("one"), make_reviewer("other")
    report(ballot=draw(category=world.category, reviewer=one), side="left")
    assert draw(category=world.category, reviewer=other) is None


def test_every_sample_is_an_answer_of_its_own(db, reviewer):
    world = World().fill(contenders=2, tasks=1)
    world.answer(world.tasks[0], world.contenders[0], "Another sample.", sample=2)
    assert len(draw_all(world.category, reviewer)) == 2


def test_contenders_that_share_no_task_are_found_by_looking_everywhere(db, reviewer):
    world = World()
    contenders = [world.contender(f"stone{n}") for n in range(24)]
    for n in range(0, 24, 2):
        task = world.task(f"Question {n}?")
        world.answer(task, contenders[n])
        world.answer(task, contenders[n + 1])
    assert len(draw_all(world.category, reviewer)) == 12


@pytest.mark.runs_once(on="sqlite", because="the coin is tossed in Python")
def test_each_side_gets_its_share_of_the_left(db, make_reviewer):
    world = World().fill(contenders=2, tasks=100)
    reviewer = make_reviewer("mara")
    sides = Counter(ballot.left for ballot in draw_all(world.category, reviewer))
    assert sides["lo"] + sides["hi"] == 100
    assert min(sides.values()) > 20  # fails once in 10^9 runs


def test_a_draw_costs_the_same_few_queries_however_much_there_is(db, reviewer, django_assert_max_num_queries):
    world = World()
    for n in range(12):
        world.contender(f"stone{n}")
    for n in range(40):
        task = world.task(f"Question {n}?")
        Generation.objects.bulk_create(
            Generation(task=task, contender=c, state="done", text=f"{c.slug} {n}") for c in world.contenders
        )
    rng = np.random.default_rng(1)
    with django_assert_max_num_queries(22):
        ballot = draw(category=world.category, reviewer=reviewer, rng=rng)
    with django_assert_max_num_queries(3):
        draw(category=world.category, reviewer=reviewer, rng=rng)
    cast(ballot=ballot, choice="left", reviewer=reviewer)


# One ballot ahead


def test_the_ballot_ahead_is_the_next_on_the_screen(world, reviewer):
    first = draw_hand(category=world.category, reviewer=reviewer)
    assert (first.shown.shown_at is None, first.ahead.shown_at) == (False, None)
    cast_vote(ballot=first.shown, choice="left", reviewer=reviewer)
    second = draw_hand(category=world.category, reviewer=reviewer, after_act=True)
    assert second.shown == first.ahead
    assert second.shown.shown_at is not None
    assert len({first.shown.battle_id, second.shown.battle_id, second.ahead.battle_id}) == 3


def test_an_undo_puts_the_battle_before_those_that_were_drawn_since(world, reviewer):
    first = draw_hand(category=world.category, reviewer=reviewer)
    cast_vote(ballot=first.shown, choice="left", reviewer=reviewer)
    second = draw_hand(category=world.category, reviewer=reviewer)
    reopen(ballot=first.shown, reviewer=reviewer)
    again = draw_hand(category=world.category, reviewer=reviewer)
    assert (again.shown, again.ahead) == (first.shown, second.shown)
    cast_vote(ballot=again.shown, choice="right", reviewer=reviewer)
    assert draw_hand(category=world.category, reviewer=reviewer) == second


def test_what_was_withdrawn_since_it_was_drawn_ahead_is_not_shown(world, reviewer):
    hand = draw_hand(category=world.category, reviewer=reviewer)
    # Both battles may show the same answer.
    on_screen = {hand.shown.battle.lo_id, hand.shown.battle.hi_id}
    gone = next(pk for pk in (hand.ahead.battle.lo_id, hand.ahead.battle.hi_id) if pk not in on_screen)
    Generation.objects.filter(pk=gone).update(quarantine="names itself")
    again = draw_hand(category=world.category, reviewer=reviewer)
    assert again.shown == hand.shown
    assert again.ahead not in (None, hand.ahead)


def test_the_last_battle_has_none_ahead(db, reviewer):
    world = World().fill(contenders=2, tasks=1)
    hand = draw_hand(category=world.category, reviewer=reviewer)
    assert hand.shown is not None
    assert hand.ahead is None


# What a category asks for


def test_a_category_that_wants_overlap_gets_each_battle_judged_so_often_before_another_begins(db, make_reviewer):
    world = World().fill(contenders=2, tasks=6)
    Category.objects.filter(pk=world.category.pk).update(overlap=3)
    world.category.refresh_from_db()
    judged = Counter()
    for n in range(4):
        someone = make_reviewer(f"someone{n}")
        for _ in range(2):
            ballot = draw(category=world.category, reviewer=someone)
            judged[ballot.battle_id] += 1
            cast(ballot=ballot, choice="left", reviewer=someone)
    assert sorted(judged.values()) == [1, 1, 3, 3]


@pytest.mark.parametrize(("percent", "golden"), [(100, True), (0, False)])
def test_gold_battles_are_drawn_at_the_rate_that_the_category_sets(db, make_user, make_reviewer, percent, golden):
    world = World().fill(contenders=3, tasks=40)
    Category.objects.filter(pk=world.category.pk).update(gold_percent=percent)
    world.category.refresh_from_db()
    editor, found = make_user(Role.EDITOR), []
    for task in world.tasks[:3]:
        lo, hi = task.generations.order_by("pk")[:2]
        battle = Battle.objects.create(task=task, lo=lo, hi=hi)
        GoldBattle.objects.create(battle=battle, outcome="lo", why="It is right.", created_by=editor)
    reviewer = make_reviewer("mara")
    for _ in range(3):
        ballot = draw(category=world.category, reviewer=reviewer, rng=np.random.default_rng(5))
        found.append(GoldBattle.objects.filter(battle=ballot.battle_id).exists())
        cast(ballot=ballot, choice="left", reviewer=reviewer)
    assert all(found) == golden
    # Once all of them are judged, draws go on with the others.
    assert draw(category=world.category, reviewer=reviewer) is not None


def test_gold_that_is_retired_or_quarantined_is_not_drawn_as_such(db, make_user, reviewer):
    world = World().fill(contenders=2, tasks=2)
    Category.objects.filter(pk=world.category.pk).update(gold_percent=100)
    world.category.refresh_from_db()
    for task, retired_at in zip(world.tasks, (None, timezone.now()), strict=True):
        lo, hi = task.generations.order_by("pk")
        battle = Battle.objects.create(task=task, lo=lo, hi=hi)
        editor = make_user(Role.EDITOR, f"editor{task.pk}")
        GoldBattle.objects.create(battle=battle, outcome="tie", why="-", created_by=editor, retired_at=retired_at)
    Generation.objects.filter(task=world.tasks[0], contender=world.contenders[0]).update(quarantine="names itself")
    ballots = draw_all(world.category, reviewer)
    assert [ballot.battle.task_id for ballot in ballots] == [world.tasks[1].pk]
