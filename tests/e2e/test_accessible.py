"""What axe-core finds on reviewers' pages by the rules of WCAG 2.2 AA: nothing, in the light and in the dark, on a wide
screen and on a phone; and what zoom leaves of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from arena.models import User
from evals.models import Ballot, Category, Reason
from tests.e2e.desk import on_screen, press, ready, sign_in
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]

RULES = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
# A colour that has just changed is painted anew with the next frame.
SETTLED = """async () => {
    await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
    await Promise.all(document.getAnimations().map((one) => one.finished));
}"""

PARAGRAPH = "It says a good deal more than one would need.\n\n"


@pytest.fixture
def desk(live_server: Any, page: Page, reviewer_user: User, request: pytest.FixtureRequest) -> Page:
    world = World()
    long = PARAGRAPH * getattr(request, "param", 60)
    one, other = world.contender("granit"), world.contender("kiesel")
    for n in range(3):
        task = world.task(f"Question {n}? " + "The committee met and considered the report. " * (5 if n else 400))
        world.answer(task, one, f"**One** {n}\n\n```python\nprint(1)\n```\n\n{long}")
        world.answer(task, other, f"Other {n}\n\n| a | b |\n|-|-|\n| 1 | 2 |\n\n{long}")
    Category.objects.filter(pk=world.category.pk).update(ask_strength=True)
    Reason.objects.create(category=world.category, key="1", label="correct")
    Category.with_dimensions.create(slug="code-tone", name="Tone", dimension_of=world.category)
    sign_in(page, live_server.url, reviewer_user)
    page.goto(f"{live_server.url}/vote/code/")
    ready(page)
    return page


def violations(
    page: Page, state: str, *, widths: Sequence[int] = (1440, 360), schemes: Sequence[str] = ("light", "dark")
) -> list[str]:
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.evaluate(SETTLED)
            answer = Axe().run(page, options=RULES)
            found += [
                f"{state}, {width}, {scheme}: {one['id']} at {one['nodes'][0]['target']}"
                for one in answer.response["violations"]
            ]
    return found


# Axe looks at each paragraph, and they are all alike.
@pytest.mark.parametrize("desk", [2], indirect=True, ids=["short answers"])
def test_axe_finds_nothing_on_the_pages_that_reviewers_use(desk: Page, live_server: Any) -> None:
    found = violations(desk, "battle")
    desk.keyboard.press("?")
    found += violations(desk, "guidelines")
    desk.keyboard.press("Escape")
    first = on_screen(desk)
    press(desk, "a", "Saved")
    found += violations(desk, "saved")
    desk.route("**/vote/b/*/", lambda route: route.fulfill(status=500, body=""))
    desk.keyboard.press("a")
    expect(desk.locator("#perch [role=alert]")).to_be_visible()
    found += violations(desk, "failed")
    desk.unroute("**/vote/b/*/")
    Ballot.objects.filter(state="open").update(state="skipped", closed_at="2026-01-01T00:00Z")
    for state, path in {
        "closed": f"/vote/b/{first}/",
        "practice": "/vote/practice/",
        "preferences": "/accounts/voting/",
        "sign-in": "/accounts/sign-in/?next=/vote/",
        "not found": "/vote/nothing/",
    }.items():
        desk.goto(live_server.url + path)
        found += violations(desk, state)
    desk.goto(live_server.url + "/api/docs/")
    expect(desk.locator(".opblock").first).to_be_visible()
    # Swagger UI makes each of its hundred blocks alike, and looking at all takes as long as all other pages together.
    desk.evaluate("document.querySelectorAll('.opblock-tag-section').forEach((one, n) => n < 2 || one.remove())")
    found += violations(desk, "API", widths=(1440,), schemes=("light",))  # Swagger UI has one theme
    assert found == []


def test_zoom_leaves_the_answers_readable(desk: Page) -> None:
    """200% of 1440 by 900, 400% of 1280 by 1024: the bar takes at most a third of the height, or has left the edge."""
    for width, height in ((720, 450), (320, 256)):
        desk.set_viewport_size({"width": width, "height": height})
        desk.evaluate("scrollTo(0, document.querySelector('.pair').offsetTop + 200)")
        taken = desk.evaluate(
            """() => [...document.querySelectorAll(".verdict, .switch, .side__tag")].map((part) => {
                const box = part.getBoundingClientRect();
                return Math.max(0, Math.min(innerHeight, box.bottom) - Math.max(0, box.top));
            })"""
        )
        assert taken[0] + taken[1] + max(taken[2:]) <= height * 0.45
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_long_prompt_leaves_the_answers_on_the_first_screen(desk: Page) -> None:
    prompts = [len(desk.locator(".prompt__text").first.inner_text())]
    for _ in range(2):
        if prompts[-1] > 10_000:
            break
        press(desk, "s", "Skipped")
        prompts.append(len(desk.locator("#main .prompt__text").inner_text()))
    assert prompts[-1] > 10_000
    for width, height in ((1440, 900), (360, 740)):
        desk.set_viewport_size({"width": width, "height": height})
        assert desk.locator("#main .pair").bounding_box()["y"] < height * 0.8
    # On the phone the other answer is one press away, beside this one.
    desk.get_by_role("button", name="Answer B").click()
    expect(desk.locator('[data-switch="right"]').first).to_have_attribute("aria-pressed", "true")
    # It slides there.
    desk.wait_for_function(
        """() => Math.abs(document.querySelector('#main .side[data-side="right"]').getBoundingClientRect().x) < 2"""
    )
