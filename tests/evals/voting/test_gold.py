"""Gold battles: marked by an editor, drawn at a rate, and what they say of a reviewer."""

import pytest

from evals.models import Ballot, GoldBattle
from evals.voting.casting import cast_vote
from evals.voting.drawing import draw
from evals.voting.gold import GoldError, mark_gold, retire_gold
from evals.voting.kept import forget_all
from evals.voting.queries.gold import gold_findings
from evals.voting.reviewers import reviewer_of

from .conftest import count_now

pytestmark = pytest.mark.on_both(because="a draw is decided in SQL")


def judge(reviewer, category, choices):
    """Ballots in the order in which they were voted on."""
    ballots = []
    for choice in choices:
        ballots.append(draw(category=category, reviewer=reviewer))
        cast_vote(ballot=ballots[-1], choice=choice, reviewer=reviewer)
    count_now(category)
    return ballots


def test_a_choice_is_right_on_whichever_side_it_was_shown(world, reviewer, editor_user):
    ballots = judge(reviewer, world.category, ["left", "right", "tie", "both_bad", "left"])
    right = [ballots[0].left, {"lo": "hi", "hi": "lo"}[ballots[1].left], "tie", "both_bad"]
    for ballot, outcome in zip(ballots, right, strict=False):
        mark_gold(battle=ballot.battle, outcome=outcome, why="seen", actor=editor_user)
    assert gold_findings([reviewer])[reviewer.pk].share == 1.0
    mark_gold(
        battle=ballots[4].battle, outcome={"lo": "hi", "hi": "lo"}[ballots[4].left], why="seen", actor=editor_user
    )
    mark_gold(battle=ballots[2].battle, outcome="lo", why="looked again", actor=editor_user)
    found = gold_findings([reviewer])[reviewer.pk]
    assert (found.state, found.n, found.share) == ("unknown", 5, 0.6)
    retire_gold(gold=ballots[4].battle.gold, actor=editor_user)
    assert gold_findings([reviewer])[reviewer.pk].n == 4
    assert gold_findings([reviewer], until=Ballot.objects.earliest("closed_at").closed_at) == {}


def test_ones_own_mark_says_nothing_about_ones_own_vote(world, editor_user, reviewer):
    (ballot,) = judge(editor := reviewer_of(editor_user), world.category, ["tie"])
    mark_gold(battle=ballot.battle, outcome="tie", why="seen", actor=editor_user)
    assert gold_findings([editor, reviewer]) == {}


def test_a_held_vote_is_not_measured_yet(world, reviewer, editor_user):
    ballot = draw(category=world.category, reviewer=reviewer)
    mark_gold(battle=ballot.battle, outcome="tie", why="seen", actor=editor_user)
    cast_vote(ballot=ballot, choice="tie", reviewer=reviewer)
    assert gold_findings([reviewer]) == {}


def test_a_mark_is_drawn_and_a_retired_one_is_not(world, make_reviewer, editor_user):
    world.category.gold_percent = 100
    world.category.save()
    (ballot,) = judge(make_reviewer("mara"), world.category, ["tie"])
    gold = mark_gold(battle=ballot.battle, outcome="tie", why="seen", actor=editor_user)
    forget_all()
    assert draw(category=world.category, reviewer=make_reviewer("jo")).battle == ballot.battle
    assert retire_gold(gold=gold, actor=editor_user)
    assert not retire_gold(gold=gold, actor=editor_user)
    forget_all()
    draws = {draw(category=world.category, reviewer=make_reviewer(f"r{n}")).battle_id for n in range(6)}
    assert draws != {ballot.battle_id}


@pytest.mark.parametrize(("outcome", "why"), [("left", "seen"), ("lo", " "), ("lo", "w" * 501)])
def test_a_mark_needs_an_outcome_and_a_reason(world, reviewer, editor_user, outcome, why):
    ballot = draw(category=world.category, reviewer=reviewer)
    with pytest.raises(GoldError):
        mark_gold(battle=ballot.battle, outcome=outcome, why=why, actor=editor_user)
    assert not GoldBattle.objects.exists()
