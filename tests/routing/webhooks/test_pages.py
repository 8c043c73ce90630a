"""The webhooks' pages: an admin's, without JavaScript, and with the secret on exactly one of them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from arena.models import User
from evals.models import Category
from routing.models import Delivery, Webhook
from routing.publishing.publisher import publish
from routing.webhooks import services
from routing.webhooks.delivery import deliver
from routing.webhooks.messages import PUBLISHED
from tests.routing.webhooks.conftest import message_to, row

pytestmark = pytest.mark.runs_once(
    on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"
)


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


@pytest.fixture
def admin(admin_user: User, client_of: Any) -> Client:
    client: Client = client_of(admin_user)
    return client


def secrets_in(page: str) -> list[str]:
    return re.findall(r"whsec_[A-Za-z0-9+/=]+", page)


def pressed(client: Client, page: str, action: str) -> Any:
    """The form of `page` with that action, submitted with the values it holds."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, f"no form for {action}"
    values = dict(re.findall(r'<(?:input|button)[^>]*name="(\w+)"[^>]*value="([^"]*)"', form[0]))
    return client.post(action, values, follow=True)


def test_adding_one_shows_its_secret_once(admin: Client, receiver):
    here = receiver()
    assert "There are none yet" in text(admin.get("/routing/webhooks/"))

    answer = admin.post("/routing/webhooks/", {"url": here.url, "description": "Gateway <eu>", "events": PUBLISHED})
    (secret,) = secrets_in(text(answer))
    assert "no-store" in answer["Cache-Control"]
    n = Webhook.objects.get().pk
    for path in ("/routing/webhooks/", f"/routing/webhooks/{n}/"):
        page = text(admin.get(path))
        assert here.url in page
        assert secrets_in(page) == []

    message_to(services.Added(n, secret))
    deliver()
    here.verified(secret)
    assert "Gateway &lt;eu&gt;" in admin.get("/routing/webhooks/").content.decode()


def test_the_button_pressed_twice_adds_one(admin: Client, receiver):
    here = receiver()
    admin.post("/routing/webhooks/", {"url": here.url, "events": PUBLISHED})
    again = text(admin.post("/routing/webhooks/", {"url": here.url, "events": PUBLISHED}))

    assert Webhook.objects.count() == 1
    assert "This address is in the list already" in again


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "Write the address"),
        ("http://10.0.0.1/hook", "a private address: add 10.0.0.1:80 to ARENA_OUTBOUND_ALLOW if Arena may call it"),
        ("nonsense", "not an http or https address"),
    ],
)
def test_a_refused_address_is_told_at_its_field(admin: Client, url, why):
    page = text(admin.post("/routing/webhooks/", {"url": url, "description": "Kept", "events": PUBLISHED}))

    assert re.search(rf'id="id_url_error">[^<]*{re.escape(why)}', page)
    assert 'value="Kept"' in page
    assert not Webhook.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_new_secret_is_shown_once_too(admin: Client, receiver, added):
    webhook = added(receiver().url)
    path = f"/routing/webhooks/{webhook.webhook_id}/"
    page = text(pressed(admin, text(admin.get(path)), f"{path}secret/"))

    (new,) = secrets_in(page)
    assert new != webhook.secret
    assert "signs until" in page
    assert secrets_in(text(admin.get(path))) == []


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_test_message_pressed_twice_is_sent_once(admin: Client, receiver, added):
    webhook = added(receiver().url)
    path = f"/routing/webhooks/{webhook.webhook_id}/"
    page = text(admin.get(path))
    pressed(admin, page, f"{path}test/")
    assert "on its way" in text(pressed(admin, page, f"{path}test/"))

    assert deliver() == 1
    assert "1 attempt" in text(admin.get(path))


def test_the_log_tells_every_attempt_and_escapes_what_was_answered(admin: Client, added, receiver, voted: Category):
    webhook = added(receiver((500, {}, b"<script>alert(1)</script>")).url)
    publish(actor="Mara")
    deliver()

    page = admin.get(f"/routing/webhooks/{webhook.webhook_id}/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert ">retrying<" in page
    assert "<b>500</b>" in page
    assert "/routing/versions/1/" in page
    assert Delivery.objects.get().message_id in page
    assert "Next attempt" in page


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_message_or_all_that_were_given_up_are_replayed(admin: Client, added, receiver, voted: Category):
    here = receiver()
    webhook = added(here.url)
    publish(actor="Mara")
    Delivery.objects.update(state="failed", reason="For the test.")
    path = f"/routing/webhooks/{webhook.webhook_id}/"
    delivery = Delivery.objects.get().pk

    page = text(admin.get(path))
    assert "given up" in page
    assert "Replayed, with the id" in text(pressed(admin, page, f"/routing/webhooks/deliveries/{delivery}/replay/"))
    assert "Not replayed: it waits" in text(pressed(admin, page, f"/routing/webhooks/deliveries/{delivery}/replay/"))
    assert deliver() == 1
    assert "Replayed by" in text(admin.get(path))

    Delivery.objects.update(state="failed", reason="For the test.")
    assert "Replayed: 1." in text(pressed(admin, text(admin.get(path)), f"{path}replay/"))
    assert deliver() == 1
    assert len(set(here.ids)) == 1
    assert "Write a day and a time" in text(admin.post(f"{path}replay/", {"since": "the other day"}))


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_is_retried_hours_from_now_is_sent_now(admin: Client, added, receiver, voted: Category):
    here = receiver(500, 204)
    webhook = added(here.url)
    publish(actor="Mara")
    deliver()
    path = f"/routing/webhooks/{webhook.webhook_id}/"
    send = f"/routing/webhooks/deliveries/{Delivery.objects.get().pk}/send/"
    page = text(admin.get(path))
    assert "Send version 1 now" in page
    assert deliver() == 0
    for _ in range(2):
        assert "On its way." in text(pressed(admin, page, send))
    assert deliver() == 1
    assert "Not sent again" in text(pressed(admin, page, send))
    assert (deliver(), len(here.ids), len(set(here.ids))) == (0, 2, 1)
    assert send not in text(admin.get(path))


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_disabling_says_who_and_why_and_can_be_taken_back(admin: Client, admin_user: User, added, receiver):
    webhook = added(receiver().url)
    path = f"/routing/webhooks/{webhook.webhook_id}/"
    for _ in range(2):
        page = text(admin.post(f"{path}state/", {"reason": "It moved."}, follow=True))
    assert f"{admin_user.name}: It moved." in page
    assert "Send a test message" not in page
    assert "disabled" in text(admin.get("/routing/webhooks/"))

    page = text(pressed(admin, page, f"{path}state/"))
    assert "Send a test message" in page
    assert row(webhook).disabled_at is None


def test_the_log_is_paged(admin: Client, added, receiver):
    webhook = added(receiver().url)
    for _ in range(30):
        message_to(webhook)
    path = f"/routing/webhooks/{webhook.webhook_id}/"

    first = text(admin.get(path))
    assert first.count("msg_") == 25
    (older,) = re.findall(r'href="([^"]*\?before=\d+)"', first)
    second = text(admin.get(older))
    assert second.count("msg_") == 5
    assert "Newest" in second
    assert set(re.findall(r"msg_\w+", first)).isdisjoint(re.findall(r"msg_\w+", second))


@pytest.mark.parametrize("query", ["before=x", "before=" + "9" * 30, "before=-1", "before=0"])
def test_a_page_that_there_is_not_is_none(admin: Client, added, receiver, query):
    webhook = added(receiver().url)

    assert admin.get(f"/routing/webhooks/{webhook.webhook_id}/?{query}").status_code == 200


@pytest.mark.parametrize(
    "path", ["7/", "7/secret/", "7/state/", "7/test/", "7/replay/", "deliveries/7/replay/", "deliveries/7/send/"]
)
def test_what_there_is_not_is_not_found(admin: Client, path):
    method = admin.get if path == "7/" else admin.post
    assert method(f"/routing/webhooks/{path}").status_code == 404


def test_only_admins_see_the_way_there(admin: Client, editor_user: User, client_of: Any, voted: Category):
    link = 'href="/routing/webhooks/"'
    editor = client_of(editor_user)
    assert link in text(admin.get("/routing/"))
    assert link not in text(editor.get("/routing/"))
    publish(actor="Mara")
    assert link in text(admin.get("/routing/"))
    assert link not in text(editor.get("/routing/"))
