"""Twenty vote at once, each click a double one, while the real cluster ranks: nothing is lost, doubled or forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_q.models import Failure

from arena.machine import parts
from arena.models import Role, User
from evals.leaderboards.queries import lagging
from evals.models import Ballot, Leaderboard, Ledger, Vote
from evals.voting.casting import cast_vote, reopen
from evals.voting.choices import Choice
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World
from tests.evals.voting.test_tallies import assert_equal_to_a_rebuild
from tests.processes import Processes, free_port, listens, wait_until

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

Result = TypeVar("Result")

VOTERS = 20
VERDICTS: tuple[Choice, ...] = ("left", "right", "tie")


@pytest.fixture
def world(transactional_db: None) -> World:
    """Thirty battles for each voter, of whom each sees three."""
    made: World = World().fill(contenders=4, tasks=5)
    return made


@pytest.fixture
def voters(make_user: Callable[..., User]) -> list[User]:
    return [make_user(Role.REVIEWER, f"voter{n}") for n in range(VOTERS)]


def at_once(acts: list[Callable[[], Result]]) -> list[Result]:
    """In a thread each; raises what any of them raised."""

    def run(act: Callable[[], Result]) -> Result:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result() for done in [pool.submit(run, act) for act in acts]]


def twice(act: Callable[[], Result]) -> Result:
    """Both come to the same."""
    first, second = at_once([act, act])
    assert first == second
    return first


@pytest.mark.runs_once(on="postgresql", because="voters wait for locks on rows there; for SQLite's one writer below")
def test_through_the_services(world: World, voters: list[User], processes: Processes) -> None:
    processes.manage("qcluster")

    def vote(user: User) -> None:
        reviewer = reviewer_of(user)
        for side in VERDICTS:
            ballot = draw(category=world.category, reviewer=reviewer)
            assert ballot is not None
            twice(partial(cast_vote, ballot=ballot, choice=side, reviewer=reviewer))
        reopen(ballot=ballot, reviewer=reviewer)

    at_once([partial(vote, user) for user in voters])
    assert_sound(world)


def test_through_the_pages(world: World, voters: list[User], processes: Processes) -> None:
    port = free_port()
    processes.manage("qcluster")
    processes.python(*parts.web("127.0.0.1", port).command[1:])
    wait_until(lambda: listens(port), "web listens")

    def vote(browser: httpx.Client) -> None:
        battle = browser.get(f"/vote/{world.category.slug}/").raise_for_status().url.path
        headers = {"X-CSRFToken": browser.cookies["csrftoken"], "HX-Request": "true"}

        def post(path: str, **form: str) -> str:
            """The path of the battle that the page shows then."""
            answer = browser.post(path, data=form, headers=headers).raise_for_status()
            return reverse("evals:battle", args=[re.findall(r'data-shown="([^"]+)"', answer.text)[0]])

        for choice in VERDICTS:
            voted, battle = battle, twice(partial(post, battle, choice=choice))
            assert battle != voted
        assert twice(partial(post, f"{voted}undo/")) == voted

    browsers = [signed_in(user, port) for user in voters]
    at_once([partial(vote, browser) for browser in browsers])
    assert_sound(world)


def signed_in(user: User, port: int) -> httpx.Client:
    client = Client()
    client.force_login(user)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    address = f"http://127.0.0.1:{port}"
    # No certificates, which each client would read anew, and patience for both clicks of everybody at once.
    return httpx.Client(
        base_url=address, cookies=cookies, follow_redirects=True, verify=False, trust_env=False, timeout=60
    )


def assert_sound(world: World) -> None:
    """Each voter's three votes but the one that was taken back, and every one of them ranked."""
    votes = VOTERS * (len(VERDICTS) - 1)
    ledger = Ledger.objects.filter(category=world.category)
    wait_until(lambda: ledger.get().ranked_seq == votes, f"vote {votes} of {ledger.get().seq} is ranked")
    assert ledger.get().seq == votes
    assert lagging() == []
    assert not Failure.objects.exists()

    rows = list(Vote.objects.order_by("seq").values_list("seq", "ballot"))
    assert [seq for seq, _ in rows] == list(range(1, votes + 1))
    voted = Ballot.objects.filter(state=Ballot.State.VOTED)
    assert {ballot for _, ballot in rows} == set(voted.values_list("pk", flat=True))
    assert len({ballot for _, ballot in rows}) == votes
    for board in Leaderboard.objects.all():
        assert board.votes == board.seq, f"the leaderboard at {board.seq} counts what its votes do not"
    assert Leaderboard.objects.filter(seq=votes).exists()
    assert_equal_to_a_rebuild(world.category)
