"""What every page stands in: the places, the person, the theme, messages, and nothing inline."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from django.contrib import messages
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

pytestmark = pytest.mark.django_db

GUIDE = "/styleguide/"


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def guide(client, settings):
    settings.DEBUG = True
    return client.get(GUIDE).content.decode()


def test_the_style_guide_shows_every_part(guide):
    for part in (
        "btn--main",
        "badge--warn",
        "is-wrong",
        "toast--bad",
        "whisker",
        "checks",
        "heat",
        "plot",
        "gap",
        "ask",
    ):
        assert part in guide


def test_the_style_guide_is_not_there_in_production(client):
    assert client.get(GUIDE).status_code == 404


def test_nothing_is_inline(guide):
    """The content security policy would refuse it."""
    tags = Tags(guide)
    assert not tags.of("style")
    assert not [attrs for _, attrs in tags.tags if "style" in attrs or any(name.startswith("on") for name in attrs)]
    assert all(attrs.get("src") for attrs in tags.of("script"))


def test_htmx_neither_evaluates_nor_styles(guide):
    (config,) = [json.loads(a["content"]) for a in Tags(guide).of("meta") if a.get("name") == "htmx-config"]
    assert config["allowEval"] is False
    assert config["includeIndicatorStyles"] is False
    assert config["historyCacheSize"] == 0, "what a reviewer was shown is not kept in the browser"


def test_htmx_carries_the_csrf_token_once(guide):
    (body,) = Tags(guide).of("body")
    assert json.loads(unescape(body["hx-headers"]))["X-CSRFToken"]


def test_every_id_is_there_once_and_every_reference_leads_somewhere(guide):
    tags = [attrs for _, attrs in Tags(guide).tags]
    ids = [attrs["id"] for attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "for", "popovertarget"):
        assert {attrs[name] for attrs in tags if name in attrs} <= set(ids)


def test_every_drawing_says_what_it_shows(guide):
    drawings = list(Tags(guide).of("svg"))
    assert drawings
    for attrs in drawings:
        named = attrs.get("role") == "img" and attrs.get("aria-label")
        assert named or attrs.get("aria-hidden") == "true" or attrs.get("class") == "whisker__end"


def test_the_current_place_is_marked_and_only_it(client_of, editor_user):
    html = client_of(editor_user).get(reverse("evals:run-list")).content.decode()
    nav = html[html.index('<nav class="nav"') : html.index("</nav>")]
    assert re.findall(r'<a\s+href="([^"]+)" aria-current="page">', nav) == [reverse("evals:run-list")]
    assert len(re.findall(r"<a\s", nav)) >= 7


def test_a_stranger_can_sign_in_and_a_person_can_sign_out(client, client_of, viewer_user):
    assert reverse("accounts:sign-in") in client.get("/").content.decode()
    html = client_of(viewer_user).get("/").content.decode()
    assert viewer_user.name in html
    assert reverse("accounts:sign-out") in html
    assert reverse("accounts:settings") in html


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_a_chosen_theme_is_remembered_and_written_by_the_server(client, chosen):
    response = client.post(reverse("ui:theme"), {"theme": chosen, "next": GUIDE})
    assert response["Location"] == GUIDE
    assert f'<html lang="en" data-theme="{chosen}">' in client.get(GUIDE).content.decode()
    client.post(reverse("ui:theme"), {"theme": "auto", "next": GUIDE})
    assert '<html lang="en">' in client.get(GUIDE).content.decode()


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_the_theme_form_leads_nowhere_else(client, target):
    assert client.post(reverse("ui:theme"), {"theme": "dark", "next": target})["Location"] == "/"


def test_a_theme_cookie_that_was_tampered_with_is_ignored():
    client = Client()
    client.cookies["theme"] = '"><script>'
    assert '<html lang="en">' in client.get(GUIDE).content.decode()


def test_good_news_leaves_and_bad_news_stays_until_answered():
    request = RequestFactory().get("/")
    news = [messages.storage.base.Message(messages.SUCCESS, "Run 3 started."),
            messages.storage.base.Message(messages.ERROR, "Not saved.")]  # fmt: skip
    html = render_to_string("ui/_messages.html", {"messages": news}, request)
    assert '<div class="toast toast--leaves" role="status">Run 3 started.</div>' in html
    assert 'role="alert"' in html
    assert '<form method="dialog">' in html


def test_a_page_that_is_not_there_says_so_in_the_frame(client, settings):
    settings.DEBUG = False
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is no page at this address" in response.content.decode()


def test_the_last_page_needs_nothing():
    html = render_to_string("500.html")
    assert "Something broke on our side" in html
    assert render_to_string("ui/_brand.html").strip() in html
    assert "{%" not in html
