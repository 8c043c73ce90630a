"""The whole loop in a real browser, with a real server and a real cluster: sign in by a one-time link, vote by
keyboard, and as an editor see the leaderboard and then the published table change."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from arena.accounts.services import create_sign_in_link
from arena.models import User
from routing.models import RoutingTable
from routing.policy.parse import default_document
from routing.policy.services import save_policy
from routing.publishing import publisher
from tests.e2e.desk import ready
from tests.evals.voting.conftest import World
from tests.processes import Processes, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.crash,
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]

# So many that a lead of all of them is sure however often one looks.
TASKS = 24


@pytest.fixture
def world(transactional_db: None) -> World:
    """Two contenders, one of which always writes the answer that this test's reviewer prefers."""
    world = World("rewriting")
    good, poor = world.contender("marmor"), world.contender("kiesel")
    for n in range(TASKS):
        task = world.task(f"Rewrite sentence {n} kindly.")
        world.answer(task, good, f"A kind sentence, number {n}.")
        world.answer(task, poor, f"A rude sentence, number {n}.")
    return world


@pytest.fixture
def first_table(world: World, admin_user: User) -> RoutingTable:
    """Version 1 sends the category to the other contender, as the policy's default."""
    document = default_document()
    rules = document["every_category"]
    rules["default"] = "kiesel"
    rules["gate"] |= {"min_votes": 3, "min_reviewers": 1, "single_reviewer": True, "dwell_hours": 0.0}
    save_policy(document=document, reason="Until the votes decide.", actor=admin_user)
    assert publisher.publish(actor="a test").version == 1
    return RoutingTable.objects.get()


def sign_in(page: Page, site: str, user: User) -> None:
    page.goto(site + reverse("accounts:link", args=[create_sign_in_link(user=user)]))
    page.get_by_role("button", name=f"Sign in as {user.name}").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Sign in")


def vote_for_the_kind_one(page: Page) -> None:
    """By the key of whichever side it is on; waits until another battle, or the page's end, is there."""
    ready(page)
    prompt = page.locator("#main .prompt__text").inner_text()
    left = page.locator('#main .side[data-side="left"]').inner_text()
    page.keyboard.press("a" if "A kind sentence" in left else "b")
    expect(page.locator("#main .prompt__text").filter(has_text=prompt)).to_have_count(0)


def test_from_a_one_time_link_to_a_changed_table(
    live_server,
    page: Page,
    processes: Processes,
    first_table: RoutingTable,
    world: World,
    reviewer_user: User,
    editor_user: User,
) -> None:
    processes.manage("qcluster")
    site = live_server.url
    sign_in(page, site, reviewer_user)

    page.goto(site + reverse("routing:live"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Version 1")

    page.goto(site + reverse("evals:category-vote", args=["rewriting"]))
    for _ in range(TASKS):
        vote_for_the_kind_one(page)
    expect(page.get_by_role("heading", level=2)).to_contain_text("You have seen every battle")

    # Votes count in portions, so other changes may be published before this one.
    switched = RoutingTable.objects.filter(cause=RoutingTable.Cause.SWITCHED)
    wait_until(switched.exists, "the cluster has ranked the votes and published")

    # Who votes in the category does not read its leaderboard meanwhile.
    page.goto(site + reverse("evals:leaderboard", args=["rewriting"]))
    expect(page.locator("main")).not_to_contain_text("marmor")
    page.context.clear_cookies()
    sign_in(page, site, editor_user)
    page.goto(site + reverse("evals:leaderboard", args=["rewriting"]))
    first, second = page.locator("section[aria-labelledby=ratings] tbody tr").all()
    expect(first).to_contain_text("marmor")
    expect(second).to_contain_text("kiesel")

    page.goto(site + reverse("routing:live"))
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Version 1")
    expect(page.get_by_text("marmor").first).to_be_visible()
    assert b'"primary":"marmor"' in bytes(switched.get().body).replace(b" ", b"")
