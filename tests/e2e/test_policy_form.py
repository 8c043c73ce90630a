"""The policy's form in a real browser: parts come by htmx, what was typed stays, and Enter changes nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from arena.models import User
from evals.models import Category, Contender, Provider
from routing.models import PolicyVersion

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="a browser sees pages, which other tests read on both engines"),
]


def signed_in(context: BrowserContext, url: str, person: User) -> Page:
    client = Client()
    client.force_login(person)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": url}])
    page = context.new_page()
    page.goto(f"{url}/routing/policy/rules/code/")
    return page


@pytest.fixture
def form(live_server: Any, context: BrowserContext, editor_user: User) -> Page:
    provider = Provider.objects.create(slug="one", name="One", base_url="https://one.example/v1")
    Contender.objects.create(slug="granite", family="granite", provider=provider, model_name="granite-1")
    Category.objects.create(slug="code", name="Code")
    return signed_in(context, live_server.url, editor_user)


def field(page: Page, name: str) -> Any:
    return page.locator(f'[name="{name}"]')


def test_a_route_is_added_without_leaving_the_page_and_saved(form: Page):
    field(form, "rules-gate.alpha").fill("0.1")
    form.evaluate("window.stayed = true")
    form.get_by_role("button", name="Write routes of its own").click()
    form.get_by_role("button", name="Add a route").click()
    expect(form.get_by_role("group", name="Route 2")).to_be_visible()
    field(form, "routes-0-name").fill("short")
    field(form, "routes-0-when.prompt_chars_lt").fill("12O")
    form.get_by_role("button", name="What would this publish now?").click()
    expect(form.get_by_text("“12O” is not a whole number.")).to_be_visible()
    expect(field(form, "routes-0-when.prompt_chars_lt")).to_have_value("12O")
    field(form, "routes-0-when.prompt_chars_lt").fill("120")
    field(form, "routes-0-pin").fill("granite")
    form.get_by_role("button", name="What would this publish now?").click()
    expect(form.get_by_role("heading", name="What this would publish now")).to_be_in_viewport()
    expect(form.locator("#outcome").get_by_text("code-short")).to_be_visible()
    assert form.evaluate("window.stayed") is True
    assert not PolicyVersion.objects.exists()
    field(form, "reason").fill("Short prompts.")
    form.get_by_role("button", name="Save policy").click()
    form.wait_for_url("**/routing/policy/")
    given = PolicyVersion.objects.get().document["categories"]["code"]
    assert given["gate"] == {"alpha": 0.1}
    assert [route.get("pin") for route in given["routes"]] == ["granite", None]


def test_enter_in_a_field_checks_and_saves_nothing(form: Page):
    field(form, "rules-min_gain").fill("0.3")
    with form.expect_navigation():
        field(form, "rules-min_gain").press("Enter")
    expect(form.get_by_role("heading", name="What this would publish now")).to_be_visible()
    expect(field(form, "rules-min_gain")).to_have_value("0.3")
    assert not PolicyVersion.objects.exists()


def test_what_a_document_would_publish_is_scrolled_to(live_server: Any, form: Page):
    form.goto(f"{live_server.url}/routing/policy/document/")
    form.evaluate("window.stayed = true")
    form.get_by_role("button", name="What would this publish now?").click()
    expect(form.get_by_role("heading", name="What this would publish now")).to_be_in_viewport()
    form.get_by_role("button", name="JSON").click()
    expect(field(form, "document")).to_have_value(re.compile(r"^\{\n"))
    field(form, "document").fill("{")
    form.get_by_role("button", name="What would this publish now?").click()
    expect(form.get_by_text("is not JSON")).to_be_visible()
    expect(field(form, "document")).to_be_in_viewport()
    assert form.evaluate("window.stayed") is True
    assert not PolicyVersion.objects.exists()


def test_without_scripts_the_same_buttons_do_the_same(live_server: Any, form: Page, editor_user: User):
    browser = form.context.browser
    assert browser is not None
    plain = signed_in(browser.new_context(java_script_enabled=False), live_server.url, editor_user)
    plain.get_by_role("button", name="Write routes of its own").click()
    field(plain, "rules-exclude").fill("granit")
    plain.get_by_role("button", name="Add a route").click()
    expect(plain.get_by_role("group", name="Route 2")).to_be_visible()
    field(plain, "routes-0-when.label").fill("bulk")
    plain.get_by_role("button", name="Later").first.click()
    expect(field(plain, "routes-1-when.label")).to_have_value("bulk")
    expect(field(plain, "rules-exclude")).to_have_value("granit")
    plain.get_by_role("button", name="Remove").last.click()
    expect(plain.get_by_role("group", name="Route 2")).to_have_count(0)
    plain.goto(f"{live_server.url}/routing/policy/document/")
    plain.get_by_role("button", name="What would this publish now?").click()
    expect(plain.get_by_role("heading", name="What this would publish now")).to_be_in_viewport()
    plain.context.close()
