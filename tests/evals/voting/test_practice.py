"""The practice round: what is right is said at once, and nothing is stored but that it was done."""

from __future__ import annotations

import pytest
from django.utils import timezone

from arena.models import User
from evals.models import Ballot, GoldBattle, Reviewer
from evals.voting.drawing import draw
from evals.voting.practice import exercises
from evals.voting.reviewers import reviewer_of

from .conftest import count_now

pytestmark = pytest.mark.runs_once(on="sqlite", because="what pages say, the same on both engines")


@pytest.mark.on_both(because="the only one that asks for a practice round")
def test_a_round_tells_the_right_verdict_at_once_and_ends_as_practised(client_of, reviewer_user: User):
    client = client_of(reviewer_user)
    page = client.get("/vote/practice/")
    assert "Pair 1 of 4" in page.text
    assert "You chose: B is better. So would we." in client.post("/vote/practice/?n=1", {"choice": "right"}).text
    wrong = client.post("/vote/practice/?n=2", {"choice": "right"})
    assert "You chose: B is better. We would say: A is better." in wrong.text
    assert "/vote/practice/?n=3" in wrong.text
    assert Reviewer.objects.get().practised_at is None
    client.post("/vote/practice/?n=4", {"choice": "tie"})
    assert Reviewer.objects.get().practised_at is not None
    assert not Ballot.objects.exists()


@pytest.mark.parametrize("query", ["?n=0", "?n=-1", "?n=x", "?n=²", "?category=nothing", "?n="])
def test_an_odd_address_shows_the_first_pair(client_of, reviewer_user: User, query: str):
    assert "Pair 1 of 4" in client_of(reviewer_user).get(f"/vote/practice/{query}").text


def test_the_pairs_are_there_in_each_language(client_of, reviewer_user: User):
    german = client_of(reviewer_user).get("/vote/practice/", HTTP_ACCEPT_LANGUAGE="de")
    assert "Eine Jacke kostet 100 €." in german.text
    reviewer = reviewer_of(reviewer_user)
    rounds = [exercises(language=one, category=None, reviewer=reviewer) for one in ("en", "de")]
    assert [[one.verdict for one in round_] for round_ in rounds] == [["right", "left", "tie", "both_bad"]] * 2


def test_gold_battles_come_once_they_are_judged_and_count(client_of, world, reviewer_user: User, admin_user: User):
    client = client_of(reviewer_user)
    ballot = draw(category=world.category, reviewer=reviewer_of(reviewer_user))
    GoldBattle.objects.create(battle=ballot.battle, outcome=ballot.left, why="It runs.", created_by=admin_user)
    assert "of 4." in client.get("/vote/practice/?category=code").text
    client.post(f"/vote/b/{ballot.token}/", {"choice": "right"})
    assert "of 4." in client.get("/vote/practice/?category=code").text
    count_now(world.category)
    told = client.post("/vote/practice/?n=5&category=code", {"choice": "right"}).text
    assert "You chose: B is better. We would say: A is better." in told
    assert "It runs." in told
    GoldBattle.objects.update(retired_at=timezone.now())
    assert "of 4." in client.get("/vote/practice/?category=code").text
