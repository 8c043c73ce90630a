"""`?before=`: a page of what is older, the same on every page, and no number that could not be one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from arena.models import User
from arena.ui.paging import page_number
from evals.models import Category
from routing.publishing.publisher import publish
from routing.webhooks import services

pytestmark = pytest.mark.on_both(because="order")


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("before=7", 7),
        ("before=0", 0),
        ("before=" + "9" * 18, 10**18 - 1),
        ("before=" + "9" * 19, None),
        ("before=" + "9" * 5000, None),
        ("before=-1", None),
        ("before=x", None),
        ("before=²", None),
        ("before=", None),
        ("", None),
    ],
)
def test_a_number_is_what_could_be_a_rows(query: str, asked: int | None):
    assert page_number(RequestFactory().get(f"/?{query}"), "before") == asked


@pytest.mark.parametrize("query", ["before=0", "before=" + "9" * 18, "before=" + "9" * 19, "before=x"])
def test_every_page_that_is_paged_takes_it(
    settings: Any, client_of: Any, admin_user: User, voted: Category, query: str
):
    publish(actor="Mara", reason="The first.")
    settings.ARENA_OUTBOUND_ALLOW = ["127.0.0.1:9"]
    webhook = services.add(url="http://127.0.0.1:9/", actor="Mara").webhook_id
    admin = client_of(admin_user)
    paths = ("acts/", "policy/versions/", "versions/", f"categories/{voted.slug}/", f"webhooks/{webhook}/")
    assert [admin.get(f"/routing/{path}?{query}").status_code for path in paths] == [200] * len(paths)
