"""Three hundred hostile outputs on the voting page, in a real browser: nothing runs, nothing is asked of another host,
the page's policy is never violated, and voting goes on."""

import pytest
from playwright.sync_api import Page, expect

from evals.models import Generation
from tests.arena.ui.hostile import HOSTILE
from tests.e2e.desk import ready, sign_in
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]

# Two sides of so many turns: a page for each fifty.
TURNS = 25
# What is slow in full is shown by its beginning: here the browser would be what is measured.
SHOWN = 600
SEEN = """
    const seen = { violations: [] };
    window.seen = seen;
    document.addEventListener("securitypolicyviolation", (event) =>
      seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
STRANGERS = (
    "script, style, img, svg, iframe, object, embed, link, form, input:not([data-act]), video, audio, "
    "[style], [hx-get], [onload], [onerror], [href], [src]"
)


def storable(text):
    """As the worker stores an answer: without what a database cannot hold."""
    return text.replace("\0", "").encode(errors="replace").decode()[:SHOWN]


@pytest.fixture
def pages():
    """A category whose battles are conversations, each of fifty outputs."""
    world = World()
    pair = [world.contender("granit"), world.contender("kiesel")]
    outputs = [storable(text) for text in HOSTILE.values()]
    for start in range(0, len(outputs), 2 * TURNS):
        task = world.task(f"Conversation {start}?")
        task.messages += [
            {"role": "assistant"},
            *({"role": "user", "content": "And?"}, {"role": "assistant"}) * (TURNS - 1),
        ]
        task.save()
        for contender, at in zip(pair, (start, start + TURNS), strict=True):
            said = outputs[at : at + TURNS]
            turns = [{"text": text, "tool_calls": [{"name": "f", "arguments": text[:300]}]} for text in said]
            world.answer(task, contender, text=said[-1], turns=turns)
    return Generation.objects.count() // 2


def test_hostile_outputs_do_nothing_and_voting_goes_on(pages, live_server, page: Page, reviewer_user):
    sign_in(page, live_server.url, reviewer_user)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    page.add_init_script(SEEN)

    page.goto(f"{live_server.url}/vote/code/")
    title = page.title()
    shown = set()
    for n in range(pages):
        expect(page.locator("#main .side .turn").first).to_be_visible()
        assert page.locator("#main .side").count() == 2
        assert page.locator(f".side :is({STRANGERS})").count() == 0
        assert page.locator("#verdict").count() == 1
        assert page.title() == title
        for raw in page.locator("#main .side [data-act=raw]").all():
            raw.evaluate("(box) => box.click()")
        expect(page.locator("#main .side .written").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shown.add(page.url)
        if n + 1 < pages:
            before = page.url
            page.keyboard.press("s")
            expect(page).not_to_have_url(before)
            ready(page)

    assert len(shown) == pages == len(HOSTILE) // (2 * TURNS)
    assert {url for url in asked if not url.startswith(live_server.url)} == set()
    assert page.evaluate("seen.violations") == []
    assert errors == []
