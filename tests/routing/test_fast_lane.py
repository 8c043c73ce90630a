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

from arena.fast_lane import LATEST_PATH, FastLane
from arena.models import ApiToken
from evals.models import Category
from routing.models import RoutingTable
from routing.publishing import publish
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


def test_the_stored_bytes_are_served(lane: FastLane, table: RoutingTable):
    got = ask(lane)
    assert (got.status, got.body) == (200, bytes(table.body))
    assert got.headers["ETag"] == f'"sha256:{hashlib.sha256(got.body).hexdigest()}"'
    assert got.headers["Cache-Control"] == "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
    assert got.headers["Vary"] == "Accept-Encoding, Authorization"
    assert got.headers["Arena-Table-Version"] == "1"
    assert got.headers["Arena-Table-Signature"] == table.signature
    assert got.headers["Content-Length"] == str(len(got.body))
    assert got.headers["Content-Type"] == "application/json"


def test_head_has_the_headers_without_the_body(lane: FastLane, table: RoutingTable):
    get, head = ask(lane), ask(lane, "HEAD")
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.8", "*", "GZIP", "x-gzip"])
def test_gzip_is_the_same_table_under_the_weak_tag(lane: FastLane, table: RoutingTable, accept: str):
    got = ask(lane, accept_encoding=accept)
    assert gzip.decompress(got.body) == bytes(table.body)
    assert got.headers["ETag"] == f'W/"sha256:{table.sha256}"'
    assert got.headers["Content-Encoding"] == "gzip"
    assert got.headers["Content-Length"] == str(len(got.body))


@pytest.mark.parametrize("accept", ["", "identity", "gzip;q=0", "br", "gzip;q=0, *", "gzip;q=rubbish"])
def test_who_takes_no_gzip_gets_none(lane: FastLane, table: RoutingTable, accept: str):
    assert "Content-Encoding" not in ask(lane, accept_encoding=accept).headers


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"old", "{}"', 'W/"old" , W/"{}"', "*"])
def test_a_known_tag_earns_the_304(lane: FastLane, table: RoutingTable, form: str):
    got = ask(lane, if_none_match=form.format(f"sha256:{table.sha256}"))
    assert (got.status, got.body) == (304, b"")
    assert got.headers["ETag"] == f'"sha256:{table.sha256}"'
    assert got.headers["Arena-Table-Version"] == "1"
    assert got.headers["Arena-Table-Signature"] == table.signature
    assert "max-age=15" in got.headers["Cache-Control"]
    assert "Vary" in got.headers
    assert "Content-Type" not in got.headers


@pytest.mark.parametrize("form", ['"sha256:old"', "sha256", '"sha256:{}x"'])
def test_another_tag_does_not(lane: FastLane, table: RoutingTable, form: str):
    assert ask(lane, if_none_match=form.format(table.sha256)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/", ""),
        ("GET", "/api/v1/routing/latest/", ""),
        ("GET", "/api/v1/routing/versions", ""),
        ("GET", LATEST_PATH, "format=litellm"),
        ("POST", LATEST_PATH, ""),
        ("OPTIONS", LATEST_PATH, ""),
    ],
)
def test_everything_else_is_djangos(lane: FastLane, method: str, path: str, query: str):
    assert ask(lane, method, path, query).body == b"django"


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


def new_token(*scopes: str) -> tuple[ApiToken, dict[str, str]]:
    token, key = ApiToken.objects.create_key(name="service", scopes=list(scopes))
    return token, {"authorization": f"Bearer {key}"}


def test_with_tokens_the_answer_is_private(guarded: FastLane, table: RoutingTable):
    _, headers = new_token("routing:read")
    got = ask(guarded, **headers)
    assert (got.status, got.body) == (200, bytes(table.body))
    assert got.headers["Cache-Control"].startswith("private, max-age=15")


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer nonsense", "Bearer a.b", "Basic dTpw"])
def test_without_a_token_it_is_401_and_says_how_to_get_one(guarded: FastLane, table: RoutingTable, authorization: str):
    got = ask(guarded, authorization=authorization)
    assert (got.status, got.headers["WWW-Authenticate"]) == (401, 'Bearer realm="arena"')
    assert "token" in got.problem["detail"]


def test_a_token_without_the_scope_is_403(guarded: FastLane, table: RoutingTable):
    _, headers = new_token("evals:read", "routing:publish")
    got = ask(guarded, **headers)
    assert got.status == 403
    assert "routing:read" in got.problem["detail"]


def test_a_revoked_token_is_refused_after_the_next_look(guarded: FastLane, table: RoutingTable):
    token, headers = new_token("routing:read")
    assert ask(guarded, **headers).status == 200
    token.revoked = True
    token.save()
    guarded.look()
    assert ask(guarded, **headers).status == 401


def test_a_known_token_costs_no_query_and_outlives_the_database(
    guarded: FastLane, table: RoutingTable, database_away: Any, django_assert_num_queries: Any
):
    _, headers = new_token("routing:read")
    ask(guarded, **headers)
    with django_assert_num_queries(0):
        assert ask(guarded, **headers).status == 200
    _, unseen = new_token("routing:read")
    with database_away:
        assert ask(guarded, **headers).status == 200
        assert ask(guarded, **unseen).status == 503


def test_a_signed_in_person_without_a_token_is_djangos(guarded: FastLane, table: RoutingTable):
    assert ask(guarded, cookie="sessionid=x").body == b"django"


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
