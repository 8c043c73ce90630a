"""One's own way to vote: language and keys. And how long a session lasts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from time_machine import travel

from arena.models import PersonSession, User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say and what one row keeps, the same on both engines"),
]

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}
PAGE = "/accounts/voting/"


def test_the_browser_chooses_the_language_until_the_person_does(client_of, reviewer_user: User):
    client = client_of(reviewer_user)
    german = client.get("/vote/", **GERMAN)
    assert '<html lang="de"' in german.text
    assert "Noch keine Aufgaben" in german.text
    assert german["Content-Language"] == "de"
    assert "Accept-Language" in german["Vary"]
    assert "No tasks yet" in client.get("/vote/").text

    assert "Gespeichert." in client.post(PAGE, {"language": "de"}, follow=True).text
    assert "Noch keine Aufgaben" in client.get("/vote/", HTTP_ACCEPT_LANGUAGE="fr").text
    client.post(PAGE, {"language": "en"})
    assert "No tasks yet" in client.get("/vote/", **GERMAN).text


def test_pages_that_are_not_translated_are_english_throughout(client_of, reviewer_user: User):
    page = client_of(reviewer_user).get("/accounts/settings/", **GERMAN)
    assert '<html lang="en"' in page.text
    assert "Einstellungen" not in page.text
    assert "Content-Language" not in page


def test_refusals_on_translated_pages_are_translated(client_of, viewer_user: User):
    refused = client_of(viewer_user).get("/vote/", **GERMAN)
    assert refused.status_code == 403
    assert "Deine Rolle erlaubt das nicht" in refused.text


def test_chosen_keys_are_kept_and_a_wrong_one_is_named(client_of, reviewer_user: User):
    client = client_of(reviewer_user)
    wrong = client.post(PAGE, {"voting_keys": "on", "key_left": "t", "key_tie": "<b"})
    assert "“t” is" not in wrong.text
    assert "“&lt;b” is not one character that a key types" in wrong.text
    assert "is the key of “A is better” already" in client.post(PAGE, {"key_left": "t"}).text
    client.post(PAGE, {"voting_keys": "on", "key_left": "j", "role": "admin"})
    reviewer_user.refresh_from_db()
    assert (reviewer_user.voting_keymap, reviewer_user.voting_keys, reviewer_user.role) == (
        {"left": "j"},
        True,
        "reviewer",
    )
    client.post(PAGE, {"key_left": ""})
    reviewer_user.refresh_from_db()
    assert (reviewer_user.voting_keymap, reviewer_user.voting_keys) == ({}, False)


def test_a_session_lasts_as_long_as_it_is_used_and_is_stored_once_an_hour(client_of, reviewer_user: User):
    client = client_of(reviewer_user)
    start = timezone.now()

    def ends_after(days: float) -> datetime:
        with travel(start + timedelta(days=days), tick=False):
            assert client.get(PAGE).status_code == 200
        return PersonSession.objects.get().expire_date

    first = ends_after(0)
    assert ends_after(0.02) == first
    assert ends_after(10) > first
    assert ends_after(20) > first  # after the first end
