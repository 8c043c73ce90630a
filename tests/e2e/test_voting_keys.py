"""The keys of the voting page, in a real browser."""

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from evals.models import Ballot
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]


@pytest.fixture
def desk(live_server, page: Page, reviewer_user):
    """The voting page of a category with twelve battles, opened by a reviewer."""
    World().fill(contenders=3, tasks=4)
    client = Client()
    client.force_login(reviewer_user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page.goto(f"{live_server.url}/vote/code/")
    expect(page.locator("#verdict")).to_be_visible()
    return page


def press(desk, key, says):
    """Press and wait until the next battle is there, in a bar that takes presses."""
    desk.keyboard.press(key)
    expect(desk.locator("#perch")).to_contain_text(says)
    expect(desk.locator("body:not([data-pressed]) #verdict:not([data-sent])")).to_be_visible()


def outcome_of_last():
    return voted().order_by("-closed_at").first().choice


def voted():
    return Ballot.objects.filter(state=Ballot.State.VOTED)


@pytest.mark.parametrize(
    ("key", "says", "outcome"),
    [
        ("a", "A is better", "left"),
        ("ArrowLeft", "A is better", "left"),
        ("b", "B is better", "right"),
        ("ArrowRight", "B is better", "right"),
        ("t", "tie", "tie"),
        ("ArrowDown", "tie", "tie"),
        ("x", "both bad", "both_bad"),
        ("ArrowUp", "both bad", "both_bad"),
    ],
)
def test_each_key_saves_its_verdict_and_brings_the_next_battle(desk, key, says, outcome):
    first = desk.url
    press(desk, key, says)
    assert desk.url != first
    assert outcome_of_last() == outcome


def test_skip_and_undo_have_keys(desk):
    first = desk.url
    press(desk, "s", "Skipped")
    assert not voted().exists()
    desk.keyboard.press("z")
    desk.wait_for_url(first)
    expect(desk.locator("#perch")).to_contain_text("Undone")


def test_a_double_press_and_a_held_key_are_one_vote(desk):
    desk.evaluate(
        """() => {
            const press = (repeat) => document.body.dispatchEvent(
              new KeyboardEvent("keydown", { key: "a", bubbles: true, cancelable: true, repeat }));
            press(false); press(false); press(true); press(true);
        }"""
    )
    expect(desk.locator("#perch")).to_contain_text("A is better")
    assert voted().count() == 1


@pytest.mark.parametrize("chord", ["Control+a", "Alt+a", "Meta+b", "Shift+A"])
def test_keys_with_modifiers_are_the_browsers(desk, chord):
    desk.keyboard.press(chord)
    press(desk, "s", "Skipped")
    assert not voted().exists()


def test_typing_in_a_field_votes_nothing(desk):
    desk.get_by_role("button", name="Report…").first.click()
    field = desk.get_by_label("What gives it away").first
    expect(field).to_be_focused()
    desk.keyboard.type("abtxsz")
    expect(field).to_have_value("abtxsz")
    assert not voted().exists()


def test_the_guidelines_open_and_close_by_key_and_keys_go_on_working(desk):
    guide = desk.locator("#guide")
    desk.keyboard.press("?")
    expect(guide).to_be_visible()
    press(desk, "t", "tie")
    expect(guide).to_be_visible()
    desk.keyboard.press("Escape")
    expect(guide).to_be_hidden()


def test_switched_off_keys_do_nothing(desk, reviewer_user):
    reviewer_user.voting_keys = False
    reviewer_user.save()
    desk.reload()
    desk.keyboard.press("a")
    desk.locator("#verdict").get_by_role("button", name="Skip").click()
    expect(desk.locator("#perch")).to_contain_text("Skipped")
    assert not voted().exists()


def test_a_vote_waits_while_the_connection_is_away(desk):
    desk.context.set_offline(True)
    desk.keyboard.press("b")
    expect(desk.locator("#perch")).to_contain_text("Not saved")
    assert not voted().exists()
    desk.context.set_offline(False)
    desk.get_by_role("button", name="Try again").click()
    expect(desk.locator("#perch")).to_contain_text("Saved: B is better")
    assert Ballot.objects.filter(state="voted").count() == 1
