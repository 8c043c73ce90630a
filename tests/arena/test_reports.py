"""With DEBUG on, a failing page says where, and gives no values away."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from django.views.debug import technical_500_response

from arena.models import User
from evals.models import Contender, Provider

pytestmark = pytest.mark.django_db


# Spelled backwards, for the page quotes this source.
CONTENDER, PASSWORD, TYPED = "tinarg"[::-1], "2retnuh"[::-1], "depyt"[::-1]


def fail() -> None:
    contender = Contender(slug=CONTENDER, provider=Provider(slug="quarry"))
    raise LookupError(str(len(contender.slug)))


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_the_page_of_a_failure_names_nobody(settings, accept: str):
    settings.DEBUG = True
    settings.CELERY_BROKER_URL = f"redis://:{PASSWORD}@broker.example/0"
    request = RequestFactory().post("/vote/", {"choice": TYPED}, headers={"Accept": accept})
    try:
        fail()
    except LookupError as error:
        page = technical_500_response(request, type(error), error, error.__traceback__).content.decode()
    assert "LookupError" in page
    assert not {word for word in (CONTENDER, PASSWORD, TYPED) if word in page}


def test_a_page_that_fails_uses_it(settings, client_of, admin_user: User, monkeypatch: pytest.MonkeyPatch):
    settings.DEBUG = True
    monkeypatch.setattr("arena.accounts.services.everybody", lambda: 1 / 0)
    client: Client = client_of(admin_user)
    client.raise_request_exception = False
    answer = client.get("/accounts/people/")
    assert answer.status_code == 500
    assert "Local " + "vars" not in answer.content.decode()
