"""The keys of the voting page, in a real browser, and the pair that is there at once."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from arena.models import User
from evals.models import Ballot, Category, Reason
from tests.e2e.desk import choices, on_screen, press, ready, sign_in
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]


@pytest.fixture
def desk(live_server: Any, page: Page, reviewer_user: User) -> Page:
    """The voting page of a category with twelve battles, opened by a reviewer."""
    world = World().fill(contenders=3, tasks=4)
    Category.objects.filter(pk=world.category.pk).update(ask_strength=True)
    Reason.objects.create(category=world.category, key="2", label="shorter")
    sign_in(page, live_server.url, reviewer_user)
    page.goto(f"{live_server.url}/vote/code/")
    ready(page)
    return page


def test_each_key_saves_its_verdict_and_brings_the_next_battle(desk: Page) -> None:
    seen = [on_screen(desk)]
    keys = {
        "a": "A is better",
        "ArrowRight": "B is better",
        "t": "equally good",
        "x": "both bad",
        "ArrowLeft": "A is better",
        "b": "B is better",
        "Shift+A": "A is clearly better",
    }
    for key, says in keys.items():
        press(desk, key, f"Saved: {says}.")
        seen.append(on_screen(desk))
        assert desk.url.endswith(f"/vote/b/{seen[-1]}/")
    assert choices() == ["left", "right", "tie", "both_bad", "left", "right", "left"]
    assert len(set(seen)) == len(seen)
    assert desk.evaluate("document.activeElement.matches('.battle [data-start]')")


def test_up_and_down_scroll_and_vote_nothing(desk: Page) -> None:
    before = on_screen(desk)
    for key in ("ArrowUp", "ArrowDown", "Control+a", "Alt+a", "Shift+T"):
        desk.keyboard.press(key)
    press(desk, "s", "Skipped")
    assert on_screen(desk) != before
    assert choices() == []


def test_keys_are_found_by_their_place_on_another_alphabet(desk: Page) -> None:
    desk.evaluate(
        """document.body.dispatchEvent(
          new KeyboardEvent("keydown", { key: "ф", code: "KeyA", bubbles: true, cancelable: true }))"""
    )
    expect(desk.locator("#perch")).to_contain_text("Saved: A is better.")


def test_chosen_keys_take_the_place_of_the_usual_ones(desk: Page, reviewer_user: User) -> None:
    reviewer_user.voting_keymap = {"left": "j", "tie": "k"}
    reviewer_user.save()
    desk.reload()
    expect(desk.locator('#verdict [data-act="left"]')).to_have_attribute("aria-keyshortcuts", "ArrowLeft j")
    expect(desk.locator('#verdict [data-act="tie"] .key')).to_have_text("k")
    desk.keyboard.press("a")
    press(desk, "j", "Saved: A is better.")
    press(desk, "k", "Saved: equally good.")
    assert choices() == ["left", "tie"]


def test_undo_brings_the_pair_back_with_what_was_said(desk: Page) -> None:
    first = on_screen(desk)
    desk.keyboard.press("2")
    desk.get_by_role("button", name="Comment").click()
    desk.locator("#verdict").get_by_label("Comment optional").fill("abtxsz")
    desk.get_by_role("button", name="Done").click()
    press(desk, "a", "Saved: A is better.")
    second = on_screen(desk)
    press(desk, "z", "Undone")
    assert on_screen(desk) == first
    expect(desk.locator('#verdict [data-digit="2"]')).to_be_checked()
    expect(desk.locator("#verdict textarea[name=comment]")).to_have_value("abtxsz")
    press(desk, "b", "Saved: B is better.")
    assert on_screen(desk) == second
    assert choices() == ["right"]
    assert Ballot.objects.get(token=first).comment == "abtxsz"


def test_a_double_press_and_a_held_key_are_one_vote(desk: Page) -> None:
    desk.evaluate(
        """() => {
            const press = (repeat) => document.body.dispatchEvent(
              new KeyboardEvent("keydown", { key: "a", code: "KeyA", bubbles: true, cancelable: true, repeat }));
            press(false); press(false); press(true); press(true);
        }"""
    )
    expect(desk.locator("#perch")).to_contain_text("A is better")
    ready(desk)
    assert choices() == ["left"]


def test_the_next_pair_is_there_before_the_vote_has_arrived_and_no_press_is_for_a_pair_nobody_saw(desk: Page) -> None:
    under_way: list[Route] = []
    held = True

    def hold(route: Route) -> None:
        if held and route.request.method == "POST":
            under_way.append(route)
        else:
            route.continue_()

    desk.route("**/vote/b/*/", hold)
    first = on_screen(desk)
    desk.keyboard.press("a")
    expect(desk.locator("#main .battle")).not_to_have_attribute("data-battle", first)
    expect(desk.locator("body[data-unsent]:not([data-closed])")).to_be_attached()
    second = on_screen(desk)
    desk.keyboard.press("b")
    expect(desk.locator("#perch")).to_contain_text("on its way")
    for key in ("t", "x", "a"):  # there is no third pair yet
        desk.keyboard.press(key)
    held = False
    assert len(under_way) == 1
    under_way[0].continue_()
    ready(desk)
    saved = {ballot.token: ballot.choice for ballot in Ballot.objects.filter(state="voted")}
    assert saved == {first: "left", second: "right"}
    assert choices() == ["left", "right"]
    assert on_screen(desk) not in saved


def test_the_guidelines_take_the_focus_and_keys_go_on_working(desk: Page) -> None:
    guide = desk.locator("#guide")
    desk.keyboard.press("?")
    expect(guide).to_be_focused()
    expect(guide.locator(".keys .key").first).to_be_visible()
    press(desk, "t", "equally good")
    expect(guide).to_be_visible()
    desk.keyboard.press("Escape")
    expect(guide).to_be_hidden()


def test_switched_off_keys_do_nothing(desk: Page, reviewer_user: User) -> None:
    reviewer_user.voting_keys = False
    reviewer_user.save()
    desk.reload()
    desk.keyboard.press("a")
    desk.locator("#verdict").get_by_role("button", name="Skip", exact=True).click()
    expect(desk.locator("#perch")).to_contain_text("Skipped")
    assert choices() == []


def test_a_report_takes_typing_for_typing_and_brings_the_pair_ahead(desk: Page) -> None:
    desk.get_by_role("button", name="Report…").first.click()
    field = desk.get_by_label("What gives it away").first
    expect(field).to_be_focused()
    desk.keyboard.type("abtxsz")
    expect(field).to_have_value("abtxsz")
    desk.get_by_role("button", name="Report answer A").click()
    expect(desk.locator("#perch")).to_contain_text("Reported")
    ready(desk)
    assert Ballot.objects.get(state="reported").token != on_screen(desk)
    assert choices() == []
