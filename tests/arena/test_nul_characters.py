"""A NUL character is the sender's mistake, on either database: never a failure of ours."""

from __future__ import annotations

import pytest
from django.db import DataError
from django.test import RequestFactory

from arena.middleware import NulCharacterMiddleware
from arena.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="PostgreSQL stores no NUL character, SQLite does")]

ADDRESSES = [
    "/vote/b/a%00b/",
    "/contenders/a%00b/edit/",
    "/contenders/new/?provider=a%00b",
    "/task-sets/new/?task-set=a%00b",
    "/admin/evals/contender/?slug=a%00b",
    "/api/v1/contenders/a%00b",
    "/api/v1/leaderboards/a%00b",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_with_a_nul_is_refused_or_names_nothing(make_user, client_of, address: str):
    answer = client_of(make_user(Role.ADMIN)).get(address)
    assert answer.status_code in (200, 302, 400, 404)


def test_so_is_a_body_that_names_something_by_it(make_user, client_of):
    body = '{"task_set": "a\\u0000b"}'
    answer = client_of(make_user(Role.EDITOR)).post("/api/v1/runs", body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_other_faults_of_the_data_stay_failures():
    middleware = NulCharacterMiddleware(lambda request: pytest.fail("not asked"))
    request = RequestFactory().get("/api/v1/runs")
    assert middleware.process_exception(request, DataError("integer out of range")) is None
    answer = middleware.process_exception(request, DataError("text fields cannot contain NUL (0x00) bytes"))
    assert answer is not None
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
