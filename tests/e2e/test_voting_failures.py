"""A vote that does not arrive: the page says why, keeps what was said, and offers what will work."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from arena.models import PersonSession, User
from evals.models import Ballot, Reason
from tests.e2e.desk import choices, on_screen, ready, sign_in
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]

VOTES = "**/vote/b/*/"


@pytest.fixture
def desk(live_server: Any, page: Page, reviewer_user: User) -> Page:
    world = World().fill(contenders=3, tasks=4)
    Reason.objects.create(category=world.category, key="1", label="correct")
    sign_in(page, live_server.url, reviewer_user)
    page.goto(f"{live_server.url}/vote/code/")
    ready(page)
    return page


def fails(status: int, route: Route) -> None:
    route.fulfill(status=status, body="<p>no</p>")


def test_each_failure_says_what_it_is_and_goes_back_to_its_battle(desk: Page) -> None:
    first = on_screen(desk)
    desk.keyboard.press("1")
    for status, says in {
        403: "refused it (403)",
        404: "does not know this battle",
        500: "something broke on the server (500)",
        502: "not running or is overloaded",
        200: "something other than Arena",
    }.items():
        desk.route(VOTES, partial(fails, status))
        expect(desk.locator("body:not([data-closed])")).to_be_attached()
        desk.keyboard.press("b")
        expect(desk.locator("#perch [role=alert]")).to_contain_text(says)
        assert on_screen(desk) == first
        expect(desk.locator('#verdict .is-chosen[value="right"]')).to_be_visible()
        expect(desk.locator('#verdict [data-digit="1"]')).to_be_checked()
        desk.unroute(VOTES)
    assert choices() == []

    desk.context.set_offline(True)
    expect(desk.locator("body:not([data-closed])")).to_be_attached()
    desk.keyboard.press("b")
    expect(desk.locator("#perch")).to_contain_text("there is no connection")
    desk.context.set_offline(False)
    desk.get_by_role("button", name="Try again").click()
    expect(desk.locator("#perch")).to_contain_text("Saved: B is better.")
    ready(desk)
    assert on_screen(desk) != first
    assert choices() == ["right"]
    assert len(Ballot.objects.get(token=first).reasons) == 1


def test_a_server_that_hangs_is_given_up(desk: Page) -> None:
    holder = desk.locator("#incoming")
    patience = holder.get_attribute("hx-request")
    holder.evaluate("holder => holder.setAttribute('hx-request', '{\"timeout\": 200}')")
    desk.route(VOTES, lambda route: None)
    desk.keyboard.press("a")
    expect(desk.locator("#perch")).to_contain_text("has not answered")
    desk.unroute(VOTES)
    holder.evaluate("(holder, patience) => holder.setAttribute('hx-request', patience)", patience)
    desk.get_by_role("button", name="Try again").click()
    expect(desk.locator("#perch")).to_contain_text("Saved: A is better.")
    assert choices() == ["left"]


def test_a_session_that_ran_out_keeps_the_choice_until_one_has_signed_in_again(
    desk: Page, live_server: Any, reviewer_user: User
) -> None:
    first = on_screen(desk)
    desk.keyboard.press("1")
    PersonSession.objects.all().delete()
    desk.keyboard.press("a")
    expect(desk.locator("#perch")).to_contain_text("your session has ended")
    expect(desk.get_by_role("link", name="Sign in").last).to_have_attribute(
        "href", f"/accounts/sign-in/?next=%2Fvote%2Fb%2F{first}%2F"
    )
    sign_in(desk, live_server.url, reviewer_user)
    # Another page, as after the link in a mail: what was said comes back from the tab's memory.
    desk.goto(f"{live_server.url}/vote/b/{first}/")
    expect(desk.locator("#perch")).to_contain_text("it was not saved")
    expect(desk.locator('#verdict [data-digit="1"]')).to_be_checked()
    desk.get_by_role("button", name="Save it").click()
    expect(desk.locator("#perch")).to_contain_text("Saved: A is better.")
    assert choices() == ["left"]
    assert len(Ballot.objects.get(token=first).reasons) == 1


def test_what_stands_is_named_when_it_is_not_what_was_pressed(desk: Page) -> None:
    Ballot.objects.filter(token=on_screen(desk)).update(state="voted", choice="tie", closed_at="2026-01-01T00:00Z")
    desk.keyboard.press("a")
    expect(desk.locator("#perch")).to_contain_text("Saved: equally good. That was saved first, and it stands.")
