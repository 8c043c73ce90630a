"""Routing's pages: what they show, who may act, and what they ask before."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from arena.models import User
from evals.models import Category, Contender
from routing.models import AuditEntry, Decision, Publication, RoutingTable
from routing.publishing.freezing import freeze
from routing.publishing.publisher import AUTOMATIC, RollbackError, publish, rollback
from routing.publishing.views import tables
from tests.routing.conftest import EAGER, FLIPPED, cast

pytestmark = pytest.mark.runs_once(
    on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"
)


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def editor(editor_user: User, client_of: Any) -> Client:
    client: Client = client_of(editor_user)
    return client


@pytest.fixture
def viewer(viewer_user: User, client_of: Any) -> Client:
    client: Client = client_of(viewer_user)
    return client


@pytest.fixture
def two_tables(voted: Category) -> None:
    publish(actor="Mara")
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)


def test_before_the_first_table_the_page_says_what_is_missing(viewer: Client, code: Category):
    cast(code, {("a", "b"): (2, 0, 0)})
    page = text(viewer.get("/routing/"))
    assert "No table is published yet" in page
    assert "2 of 30 votes" in page
    assert re.search(r">\s*28\s*<", page)


def test_the_live_table_reads_as_a_client_does(viewer: Client, two_tables: None):
    page = text(viewer.get("/routing/"))
    assert "<h1>Version 2</h1>" in page
    assert '<span class="first">b</span><i>else</i>' in page
    assert "changed in 2" in page
    assert "What changed from 1" in page
    assert "leads" in page
    assert "http://testserver/api/v1/routing/latest" in page


def test_pages_warn_of_contenders_that_services_cannot_call(editor: Client, voted: Category):
    warning = "was imported: services find no address to call."
    publish(actor="Mara")
    assert warning not in text(editor.get("/routing/"))
    Contender.objects.filter(slug="a").update(kind="imported", base_url="", used_at=timezone.now())
    assert warning in text(editor.get("/routing/publish/"))
    document = {"document": json.dumps(EAGER), "base": "1", "act": "check"}
    assert warning in text(editor.post("/routing/policy/document/", document))
    publish(actor="Mara")
    for address in ("/routing/", "/routing/versions/2/"):
        assert f'<span class="mono">a</span> {warning}' in text(editor.get(address))
    assert warning not in text(editor.get("/routing/versions/1/"))


def test_an_earlier_version_stays_readable(viewer: Client, two_tables: None):
    page = text(viewer.get("/routing/versions/1/"))
    assert "<h1>Version 1</h1>" in page
    assert '<span class="first">a</span>' in page
    assert viewer.get("/routing/versions/9/").status_code == 404


def test_the_history_names_every_version(viewer: Client, two_tables: None):
    page = text(viewer.get("/routing/versions/"))
    assert "switched" in page
    assert "first" in page


def test_a_stranger_is_sent_to_sign_in(two_tables: None):
    for path in ("", "versions/", "versions/1/", "policy/", "publish/", "rollback/", "freeze/"):
        assert Client().get(f"/routing/{path}").status_code == 302, path


def test_a_viewer_reads_and_acts_on_nothing(viewer: Client, two_tables: None):
    page = text(viewer.get("/routing/"))
    assert "Roll back" not in page
    for path in ("publish/", "rollback/", "freeze/"):
        assert viewer.get(f"/routing/{path}").status_code == 403, path
        assert viewer.post(f"/routing/{path}", {"reason": "x", "to": 1}).status_code == 403, path
    assert "Edit" not in text(viewer.get("/routing/policy/"))
    assert RoutingTable.objects.count() == 2


def test_check_and_publish_shows_first_and_publishes_then(editor: Client, voted: Category, editor_user: User):
    page = text(editor.get("/routing/publish/"))
    assert "Version 1 would be published now" in page
    assert RoutingTable.objects.count() == 0
    assert "Write a reason" in text(editor.post("/routing/publish/", {"reason": ""}))
    assert RoutingTable.objects.count() == 0
    assert editor.post("/routing/publish/", {"reason": "We start."}).status_code == 302
    assert (RoutingTable.objects.get().actor, RoutingTable.objects.get().reason) == (editor_user.name, "We start.")
    assert "Nothing would be published now" in text(editor.get("/routing/publish/"))


def test_rolling_back_asks_for_a_reason(editor: Client, two_tables: None):
    assert "Roll back to 1 and freeze" in text(editor.get("/routing/rollback/?to=1"))
    page = text(editor.post("/routing/rollback/", {"to": "1", "reason": ""}))
    assert "Write a reason" in page
    assert RoutingTable.objects.count() == 2
    assert editor.post("/routing/rollback/", {"to": "1", "reason": "Too slow."}).status_code == 302
    assert RoutingTable.objects.count() == 3
    page = text(editor.get("/routing/"))
    assert "frozen" in page
    assert "Back to" in page


def test_rolling_back_shows_first_what_it_changes(editor: Client, two_tables: None):
    address = "/routing/rollback/"
    assert "What this would publish now" not in text(editor.get(address))
    page = text(editor.get(address, {"to": "1"}))
    assert "<b>Version 3.</b> Cause: rollback." in page
    assert '<span class="first">a</span>' in page
    assert "What would change from 2" in page
    assert "Write a reason" not in page
    assert "optional" not in page
    assert (AuditEntry.objects.count(), RoutingTable.objects.count(), Publication.objects.get().frozen_at) == (
        1,
        2,
        None,
    )
    page = text(editor.post(address, {"to": "1", "reason": ""}))
    assert "Write a reason" in page
    assert "What would change from 2" in page
    done = text(editor.post(address, {"to": "1", "reason": "b is slow."}, follow=True))
    assert "Version 3 published with the decisions of 1. Publishing is frozen." in done
    refused = text(editor.get(address, {"to": "1"}))
    assert "Version 1 decides the same as version 3" in refused
    assert "What this would publish now" not in refused
    for nonsense in ("9", "x", ""):
        assert "What this would publish now" not in text(editor.get(address, {"to": nonsense}))


def test_a_rollback_that_is_only_looked_at_stores_nothing_and_decides_what_it_would(two_tables: None):
    seen = rollback(to=1, actor="Mara", dry_run=True)
    assert (AuditEntry.objects.count(), RoutingTable.objects.count()) == (1, 2)
    made = rollback(to=1, reason="b is slow.", actor="Mara")
    assert seen.document is not None
    assert made.document is not None
    for part in ("version", "previous", "cause", "categories", "default"):
        assert seen.document[part] == made.document[part], part
    with pytest.raises(RollbackError, match="There is no version 9"):
        rollback(to=9, actor="Mara", dry_run=True)


def test_a_frozen_check_says_that_nothing_would_be_published(editor: Client, voted: Category):
    publish(actor="Mara")
    freeze(reason="Launch week.", actor="Jonas")
    cast(voted, FLIPPED)
    assert "publishing is frozen" in text(editor.get("/routing/publish/"))


def test_hostile_words_are_escaped(editor: Client, voted: Category):
    publish(actor="Mara", reason="<script>alert(1)</script>")
    page = text(editor.get("/routing/"))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page


def test_before_the_first_table_nothing_is_measured(viewer: Client, voted: Category):
    """The page is for everybody, and generations are many."""
    with CaptureQueriesContext(connection) as seen:
        page = text(viewer.get("/routing/"))
    assert "The first table is ready" in page
    assert not [query for query in seen.captured_queries if "evals_generation" in query["sql"]]


def test_before_the_first_table_a_measured_limit_is_told_from_the_last_look(
    viewer: Client, voted: Category, eager: Any
):
    eager(every_category={"limits": {"max_error_rate": 0.1}})
    assert "asks for measurements" in text(viewer.get("/routing/"))
    assert not publish(actor=AUTOMATIC).published
    with CaptureQueriesContext(connection) as seen:
        page = text(viewer.get("/routing/"))
    assert Decision.objects.get().reason in html.unescape(page)
    assert not [query for query in seen.captured_queries if "evals_generation" in query["sql"]]


def test_the_history_is_read_page_by_page(viewer: Client, two_tables: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "PAGE", 1)
    page = text(viewer.get("/routing/versions/"))
    assert "2 versions" in page
    assert 'href="/routing/versions/1/"' not in page
    assert 'href="/routing/versions/?before=2"' in page
    page = text(viewer.get("/routing/versions/?before=2"))
    assert 'href="/routing/versions/1/"' in page
    assert 'href="/routing/versions/?before=' not in page
    assert viewer.get("/routing/versions/?before=nonsense").status_code == 200


@pytest.mark.parametrize("path", ["/", "/leaderboards/"])
def test_all_categories_are_decided_in_as_many_queries_as_one(viewer: Client, two_tables: None, path: str):
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as seen:
            assert "switched" in text(viewer.get(path))
        return [query["sql"] for query in seen.captured_queries if "routing_" in query["sql"]]

    few = asked()
    for n in range(3):
        Category.objects.create(slug=f"other-{n}", name=f"Other {n}")
    assert len(asked()) == len(few)
