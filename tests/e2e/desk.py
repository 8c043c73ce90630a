"""The voting page in a browser: opening it as somebody, and pressing keys when it takes them."""

from __future__ import annotations

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from arena.models import User
from evals.models import Ballot

# A machine that does other things beside is slower, not wrong.
expect.set_options(timeout=20_000)

OPEN = "html[data-desk] body:not([data-closed]):not([data-unsent])"


def sign_in(page: Page, site: str, user: User) -> None:
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])


def ready(page: Page) -> None:
    """Waits until a press is taken, and everything before it is saved."""
    expect(page.locator(OPEN)).to_be_attached()


def press(page: Page, key: str, says: str) -> None:
    page.keyboard.press(key)
    expect(page.locator("#perch")).to_contain_text(says)
    ready(page)


def on_screen(page: Page) -> str:
    """The token of the ballot that the page shows."""
    token = page.locator("#verdict form.ballot").get_attribute("data-ballot")
    assert token == page.locator("#main .battle").get_attribute("data-battle")
    return token or ""


def choices() -> list[str]:
    """What is saved, in the order in which it was."""
    voted = Ballot.objects.filter(state=Ballot.State.VOTED)
    return list(voted.order_by("closed_at", "pk").values_list("choice", flat=True))
