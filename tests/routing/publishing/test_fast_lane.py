"""The tables' fast lane: answers from memory, with the right headers, whatever becomes of the database."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db import OperationalError, connection

from arena.machine.fast_lane import FastLane, State
from arena.models import ApiToken
from evals.models import Category
from routing.models import RoutingTable
from routing.publishing.publisher import publish
from routing.publishing.serving import LATEST_PATH
from tests.routing.conftest import FLIPPED, cast


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"] == "application/problem+json"
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded


def django(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"django"]


def ask(lane: FastLane, method: str = "GET", path: str = LATEST_PATH, query: str = "", **headers: str) -> Got:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    told: list[Any] = []
    body = b"".join(lane(environ, lambda *args: told.append(args)))
    status, pairs = told[0]
    assert len({name for name, _ in pairs}) == len(pairs), "a header twice"
    return Got(int(status.split()[0]), dict(pairs), body)


@pytest.fixture
def lane(db: None) -> Iterator[FastLane]:
    """Looks once with the first request, then only when told to: no thread disturbs the test's transaction."""
    made = FastLane(django, public=True, poll_s=3600)
    yield made
    made.stop()


@pytest.fixture
def guarded(db: None) -> Iterator[FastLane]:
    made = FastLane(django, public=False, poll_s=3600)
    yield made
    made.stop()


@pytest.fixture
def table(voted: Category) -> RoutingTable:
    publish(actor="Mara")
    return RoutingTable.objects.get()


@pytest.fixture
def database_away() -> Any:
    """Every statement of this thread's connection fails, as it does while the server is gone."""

    def fail(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    return connection.execute_wrapper(fail)


@pytest.mark.on_both(because="the engines give bytes back in types of their own")
def test_the_stored_bytes_are_served_as_the_request_asks(lane: FastLane, table: RoutingTable):
    got = ask(lane)
    assert (got.status, got.body) == (200, bytes(table.body))
    tag = f'"sha256:{hashlib.sha256(got.body).hexdigest()}"'
    assert got.headers["ETag"] == tag
    assert got.headers["Arena-Table-Version"] == "1"
    assert got.headers["Arena-Table-Signature"] == table.signature
    assert ask(lane, "HEAD") == (200, got.headers, b"")
    assert ask(lane, if_none_match=tag).status == 304
    assert gzip.decompress(ask(lane, accept_encoding="gzip").body) == got.body


def test_a_server_may_add_to_its_headers_without_changing_the_next_answer(lane: FastLane, table: RoutingTable):
    before = ask(lane).headers
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": LATEST_PATH}
    lane(environ, lambda status, headers: headers.append(("Connection", "close")))
    assert ask(lane).headers == before


def test_granian_is_handed_a_list(lane: FastLane, table: RoutingTable):
    """Anything else it sends piece by piece, at a third of the speed."""
    assert type(lane({"REQUEST_METHOD": "GET", "PATH_INFO": LATEST_PATH}, lambda *_: None)) is list


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/", ""),
        ("GET", "/api/v1/routing/latest/", ""),
        ("GET", "/api/v1/routing/versions", ""),
        ("GET", LATEST_PATH, "format=litellm"),
        ("POST", LATEST_PATH, "format=litellm"),
    ],
)
def test_everything_else_is_djangos(lane: FastLane, method: str, path: str, query: str):
    assert ask(lane, method, path, query).body == b"django"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "NONSENSE"])
def test_a_table_is_only_read(guarded: FastLane, method: str):
    got = ask(guarded, method)
    assert (got.status, got.headers["Allow"]) == (405, "GET, HEAD")
    assert "GET" in got.problem["detail"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_before_the_first_publication_it_says_how_to_publish(lane: FastLane):
    got = ask(lane)
    assert got.status == 404
    assert "manage.py publish" in got.problem["detail"]
    assert got.headers["Cache-Control"] == "no-store"


def test_a_newer_version_is_taken_over_by_the_next_look(lane: FastLane, table: RoutingTable, voted: Category):
    assert ask(lane).headers["Arena-Table-Version"] == "1"
    cast(voted, FLIPPED)
    publish(actor="Mara")
    assert ask(lane).headers["Arena-Table-Version"] == "1"
    lane.look()
    assert ask(lane).headers["Arena-Table-Version"] == "2"


def test_the_last_good_table_is_served_while_the_database_is_away(
    lane: FastLane, table: RoutingTable, database_away: Any
):
    ask(lane)
    with database_away:
        with pytest.raises(OperationalError):
            lane.look()
        assert ask(lane).status == 200


def test_without_any_table_seen_an_absent_database_is_told(lane: FastLane, table: RoutingTable, database_away: Any):
    with database_away:
        got = ask(lane)
    assert (got.status, got.headers["Retry-After"]) == (503, "2")
    lane.look()
    assert ask(lane).status == 200


def new_token(*scopes: str) -> dict[str, str]:
    _, key = ApiToken.objects.create_key(name="service", scopes=list(scopes))
    return {"authorization": f"Bearer {key}"}


def test_with_a_token_the_answer_is_private(guarded: FastLane, table: RoutingTable):
    got = ask(guarded, **new_token("routing:read"))
    assert (got.status, got.body) == (200, bytes(table.body))
    assert got.headers["Cache-Control"].startswith("private, max-age=15")


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic dTpw"])
def test_without_one_it_is_401_and_says_how_to_get_one(guarded: FastLane, table: RoutingTable, authorization: str):
    got = ask(guarded, authorization=authorization)
    assert (got.status, got.headers["WWW-Authenticate"]) == (401, 'Bearer realm="arena"')
    assert "token" in got.problem["detail"]


def test_a_token_without_the_scope_is_403(guarded: FastLane, table: RoutingTable):
    got = ask(guarded, **new_token("evals:read", "routing:publish"))
    assert got.status == 403
    assert "routing:read" in got.problem["detail"]
    assert "WWW-Authenticate" not in got.headers


def test_where_reading_is_public_no_token_is_looked_at(
    lane: FastLane, table: RoutingTable, django_assert_num_queries: Any
):
    ask(lane)
    with django_assert_num_queries(0):
        assert ask(lane, authorization="Bearer nonsense").status == 200


def test_a_revoked_token_is_refused_after_the_next_look(guarded: FastLane, table: RoutingTable):
    headers = new_token("routing:read")
    assert ask(guarded, **headers).status == 200
    ApiToken.objects.update(revoked=True)
    guarded.look()
    assert ask(guarded, **headers).status == 401


def test_a_known_token_costs_no_query_and_outlives_the_database(
    guarded: FastLane, table: RoutingTable, database_away: Any, django_assert_num_queries: Any
):
    headers = new_token("routing:read")
    ask(guarded, **headers)
    with django_assert_num_queries(0):
        assert ask(guarded, **headers).status == 200
    unseen = new_token("routing:read")
    with database_away:
        assert ask(guarded, **headers).status == 200
        refused = ask(guarded, **unseen)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    assert ask(guarded, **unseen).status == 200


def test_a_signed_in_person_without_a_token_is_djangos(guarded: FastLane, table: RoutingTable):
    assert ask(guarded, cookie="sessionid=x").body == b"django"


def test_where_nobody_signs_in_a_cookie_is_no_token(table: RoutingTable):
    alone = FastLane(django, public=False, people=False, poll_s=3600)
    assert ask(alone, cookie="sessionid=x").status == 401
    alone.stop()


def test_a_database_that_has_not_answered_for_some_looks_counts_as_away(table: RoutingTable):
    """One that hangs raises nothing, so it is time that tells."""
    assert not FastLane(django, public=True, poll_s=3600).state.away
    lane = FastLane(django, public=True, poll_s=0)
    lane.look()
    assert lane.state == State(looked=True, version=1, away=True)


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    lane: FastLane, table: RoutingTable, database_away: Any, caplog: pytest.LogCaptureFixture
):
    with database_away:
        for _ in range(3):
            lane._look_safely()
    lane._look_safely()
    lane._look_safely()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2, told
    assert "table_not_checked" in told[0]
    assert "table_checked_again" in told[1]


@pytest.mark.django_db(transaction=True)
def test_the_thread_follows_publications_by_itself(voted: Category):
    publish(actor="Mara")
    lane = FastLane(django, public=True, poll_s=0.02)
    try:
        assert ask(lane).headers["Arena-Table-Version"] == "1"
        cast(voted, FLIPPED)
        publish(actor="Mara")
        moved = threading.Event()
        for _ in range(1000):
            if ask(lane).headers["Arena-Table-Version"] == "2":
                moved.set()
                break
            moved.wait(0.01)
        assert moved.is_set()
    finally:
        lane.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_a_forked_worker_starts_a_thread_of_its_own(lane: FastLane, table: RoutingTable):
    ask(lane)
    assert lane._thread is not None
    child = os.fork()
    if child == 0:
        os._exit(0 if lane._thread is None and lane._seen is not None else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert lane._thread.is_alive()
