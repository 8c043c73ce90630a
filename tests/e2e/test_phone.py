"""Pages on a phone: nothing runs past the margin, and what scrolls sideways says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from arena.models import User
from evals.leaderboards.ranking import rank_category
from evals.models import Attempt, Contender, Generation, Task
from tests.evals.voting.casting import cast, category, contenders

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]

RANKED = ("basalt", "granite", "marble")
# The longest figures that a row has.
COSTS = ("0.000123", "0.00456", "12.34")


@pytest.fixture
def leaderboard(live_server: Any, context: BrowserContext, viewer_user: User) -> Page:
    code = category("code")
    contenders(*RANKED)
    pairs = [("basalt", "granite"), ("granite", "marble"), ("basalt", "marble")]
    outcomes = ("lo", "lo", "both_bad", "hi")
    cast(code, [(who, f"t{n}", *pair, outcomes[n % 4]) for who in ("ana", "ben") for pair in pairs for n in range(20)])
    task = Task.objects.filter(category=code)[0]
    for slug, usd in zip(RANKED, COSTS, strict=True):
        for sample in range(20):
            answer = Generation.objects.create(
                task=task,
                contender=Contender.objects.get(slug=slug),
                sample=sample,
                state="done",
                text=f"{slug} {sample}",
                latency_ms=123_456,
            )
            Attempt.objects.create(
                generation=answer, n=1, started_at=timezone.now(), latency_ms=123_456, cost_usd=Decimal(usd)
            )
    rank_category(category_id=code.pk)
    client = Client()
    client.force_login(viewer_user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{live_server.url}/leaderboards/code/")
    return page


def test_the_figures_of_a_rating_row_stay_within_the_margin(leaderboard: Page):
    figures = leaderboard.locator("td.cost")
    expect(figures).to_have_count(3)
    past = figures.evaluate_all(
        """cells => cells.map(cell => {
            const text = document.createRange();
            text.selectNodeContents(cell);
            return text.getBoundingClientRect().right - (innerWidth - 16);
        })"""
    )
    assert max(past) <= 0


@pytest.mark.parametrize("part", [".plot", ".heat"])
def test_what_is_wider_than_the_screen_says_that_it_scrolls(leaderboard: Page, part: str):
    box = leaderboard.locator(f".scroll:has(> {part})")
    expect(box).to_be_visible()
    hint = "element => getComputedStyle(element, '::before').content"
    assert box.evaluate("element => element.scrollWidth > element.clientWidth")
    assert "Scroll sideways" in box.evaluate(hint)
    leaderboard.set_viewport_size({"width": 1280, "height": 740})
    assert not box.evaluate("element => element.scrollWidth > element.clientWidth")
    assert box.evaluate(hint) == "none"
