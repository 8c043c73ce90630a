"""What waits for a reviewer, at what pace, and what finding out costs."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from evals.models import Ballot
from evals.voting.casting import cast_vote, skip
from evals.voting.drawing import draw
from evals.voting.queries.queue import MANY, queue

from .conftest import World

pytestmark = pytest.mark.runs_once(on="sqlite", because="what a page says, and its number of queries")


def test_battles_that_are_left_and_the_time_they_take(world, reviewer):
    (line,) = queue(reviewer).lines
    assert (line.left, line.more, line.words, line.minutes) == (12, False, "12 battles", "about 7 minutes")
    for n in range(6):
        ballot = draw(category=world.category, reviewer=reviewer)
        if n:
            cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
        else:
            skip(ballot=ballot)
    now = timezone.now()
    Ballot.objects.filter(state="voted").update(shown_at=now - timedelta(seconds=120), closed_at=now)
    found = queue(reviewer)
    assert (found.today, found.pace_s, found.is_own) == (5, 120.0, True)
    assert (found.lines[0].left, found.lines[0].minutes) == (6, "about 12 minutes")


def test_many_battles_are_not_counted(db, reviewer):
    World().fill(contenders=6, tasks=40)
    (line,) = queue(reviewer).lines
    assert (line.left, line.more) == (MANY + 1, True)
    assert line.words == "more than 200 battles"
    assert line.minutes == "more than 2 hours"


def test_what_has_nothing_left_comes_last_and_has_no_button(world, reviewer, reviewer_user, client_of):
    World("anew")
    page = client_of(reviewer_user).get("/vote/").text
    assert page.index("Code") < page.index("Anew")
    assert "Nothing waits" in page
    assert 'href="/vote/anew/"' not in page


def test_who_is_in_no_category_is_told_why(reviewer_user, client_of, world):
    world.category.groups.create(slug="experts", name="Experts")
    page = client_of(reviewer_user).get("/vote/").text
    assert "No category is open to you" in page


def test_the_page_costs_the_same_few_queries_however_many_categories_there_are(world, client_of, reviewer_user):
    client = client_of(reviewer_user)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/vote/").status_code == 200
        return len(queries)

    client.get("/vote/")
    few = cost()
    for n in range(8):
        other = World(f"other-{n}")
        other.contenders = world.contenders
        for contender in world.contenders:
            other.answer(other.tasks[0] if other.tasks else other.task("One?"), contender)
    client.get("/vote/")
    assert cost() == few <= 12
    cache.clear()
    assert cost() <= few + 3
