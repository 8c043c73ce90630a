"""`manage.py serve_tables`: a real process with two workers, on whichever database the suite runs."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from arena.models import ApiToken
from evals.models import Category
from routing.models import RoutingTable
from routing.publishing.publisher import publish
from routing.publishing.serving import LATEST_PATH
from tests.processes import Process, Processes, all_gone, free_port, listens, wait_until
from tests.routing.conftest import FLIPPED, cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.on_both(because="workers that share a connection over a fork break on PostgreSQL"),
]

# Each on a connection of its own, which the system hands to any of the workers.
LOOKS = 24


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, path: str = LATEST_PATH, method: str = "GET", **headers: str) -> Got:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as asking:
        asking.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = asking.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def everywhere(port: int, condition: Callable[[Got], bool], **headers: str) -> bool:
    return all(condition(ask(port, **headers)) for _ in range(LOOKS))


def is_ready(port: int) -> bool:
    try:
        return ask(port, "/readyz").status == 200
    except OSError:  # nobody listens, or the one who did was killed meanwhile
        return False


def start(processes: Processes, *arguments: str, **environment: str) -> tuple[Process, int]:
    port = free_port()
    process = processes.manage("serve_tables", "--port", str(port), *arguments, **environment)
    wait_until(lambda: not process.running() or is_ready(port), "it is ready")
    assert process.running(), process.output()
    return process, port


def new_token(scope: str = "routing:read") -> tuple[ApiToken, dict[str, str]]:
    token, key = ApiToken.objects.create_key(name="service", scopes=[scope])
    return token, {"Authorization": f"Bearer {key}"}


@pytest.mark.runs_once(on="postgresql", because="there workers that share a connection over a fork break")
def test_every_worker_follows_what_is_published_and_who_may_read(processes: Processes, voted: Category):
    process, port = start(processes, "--workers", "2", ARENA_ROUTING_READ="token")
    workers = [worker.pid for worker in psutil.Process(process.pid).children()]
    assert len(workers) >= 2
    token, mine = new_token()
    _, other = new_token()

    before = ask(port, **mine)
    assert before.status == 404
    assert "manage.py publish" in json.loads(before.body)["detail"]
    assert json.loads(ask(port, "/readyz").body) == {"ready": True, "database": "ok", "table": None}

    publish(actor="Mara")
    body = bytes(RoutingTable.objects.get().body)
    wait_until(lambda: everywhere(port, lambda got: (got.status, got.body) == (200, body), **mine), "it is served")
    table = ask(port, **mine)
    assert table.headers["cache-control"].startswith("private")
    head = ask(port, method="HEAD", **mine)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(body)), b"")
    assert ask(port, If_None_Match=table.headers["etag"], **mine).status == 304
    compressed = ask(port, Accept_Encoding="gzip", **mine)
    assert (compressed.headers["content-encoding"], gzip.decompress(compressed.body)) == ("gzip", body)

    cast(voted, FLIPPED)
    publish(actor="Mara")
    wait_until(
        lambda: everywhere(port, lambda got: got.headers.get("arena-table-version") == "2", **mine), "2 is served"
    )
    token.revoked = True
    token.save()
    wait_until(lambda: everywhere(port, lambda got: got.status == 401, **mine), "the token is refused")
    assert ask(port, **other).status == 200
    assert ask(port, **new_token("evals:read")[1]).status == 403
    assert ask(port, Cookie="sessionid=x").status == 401

    with socket.create_connection(("127.0.0.1", port)):  # an idle client keeps nobody from stopping
        process.signal(signal.SIGTERM)
        assert process.popen.wait(timeout=60) == 0, process.output()
    wait_until(lambda: all_gone(workers), "its workers have ended")
    assert not listens(port)


@pytest.mark.runs_once(on="sqlite", because="probes and refusals are answered from memory")
def test_it_serves_the_table_and_its_own_probes_and_says_where_the_rest_is(processes: Processes):
    process, port = start(processes, ARENA_ROUTING_READ="public")
    alive = ask(port, "/healthz")
    assert (alive.status, alive.body) == (200, b"ok\n")
    assert ask(port, "/healthz", "HEAD").body == b""
    assert ask(port, "/readyz", "POST").headers["allow"] == "GET, HEAD"
    assert ask(port, method="DELETE").status == 405
    for path in (
        "/",
        "/routing/",
        "/api/v1/routing/keys",
        f"{LATEST_PATH}?format=litellm",
        f"{LATEST_PATH}/",
        "/metrics",
    ):
        got = ask(port, path)
        assert (got.status, got.headers["content-type"]) == (404, "application/problem+json")
        assert "web process" in json.loads(got.body)["detail"]

    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    wait_until(lambda: all_gone([worker.pid]) and is_ready(port), "another is there")
    assert process.running()


@pytest.mark.runs_once(on="sqlite", because="a file can be moved away, the session's PostgreSQL server cannot")
def test_it_goes_on_while_the_database_is_away(processes: Processes, voted: Category, tmp_path: Path):
    if connection.vendor != "sqlite":
        pytest.skip("a SQLite file can be moved away, the session's PostgreSQL server cannot")
    publish(actor="Mara")
    _, seen = new_token()
    _, unseen = new_token()
    file, away = tmp_path / "arena.sqlite3", tmp_path / "away.sqlite3"
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as source, closing(sqlite3.connect(file)) as copy:
        source.backup(copy)
    _, port = start(processes, DATABASE_URL=f"sqlite:///{file}", ARENA_ROUTING_READ="token")
    before = ask(port, **seen)
    assert before.status == 200

    shutil.move(file, away)
    file.mkdir()
    wait_until(lambda: ready(port)["database"] != "ok", "it has noticed")
    assert ready(port) == {"ready": True, "database": "no answer: see DATABASE_URL", "table": 1}
    assert ask(port, **seen).body == before.body
    assert ask(port, If_None_Match=before.headers["etag"], **seen).status == 304
    assert ask(port, **unseen).status == 503

    file.rmdir()
    shutil.move(away, file)
    wait_until(lambda: ready(port)["database"] == "ok", "the database is back")
    assert ask(port, **unseen).status == 200


def ready(port: int) -> dict[str, Any]:
    got = ask(port, "/readyz")
    assert got.status == 200
    loaded: dict[str, Any] = json.loads(got.body)
    return loaded


@pytest.mark.runs_once(on="sqlite", because="which modules are loaded is the same")
def test_no_page_is_loaded(processes: Processes):
    """What reading the database takes: no addresses, views, templates or middleware."""
    program = """
import sys, arena.machine.serve_tables
pages = {"urls", "api_urls", "views", "api", "wsgi", "middleware"}
ours = [name for name in sys.modules if name.startswith(("arena.", "evals.", "routing.", "rest_framework.views"))]
served = [name for name in sys.modules if name.startswith(("django.core.handlers.wsgi", "whitenoise.middleware"))]
print("loaded", *sorted([*served, *(name for name in ours if pages & set(name.split(".")))]))
"""
    process = processes.python("-c", program)
    assert process.popen.wait(timeout=60) == 0, process.output()
    assert process.output().splitlines()[-1] == "loaded"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--workers", "0"), "1 or more"),
        (("--host", "no.such.host.invalid"), "not an address of this machine"),
    ],
)
def test_a_wrong_word_is_refused_with_the_fix(arguments: tuple[str, ...], told: str):
    with pytest.raises(CommandError, match=told):
        call_command("serve_tables", *arguments)


def test_a_port_in_use_is_refused_with_the_fix():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} on 127.0.0.1 is in use. Choose another"):
            call_command("serve_tables", "--port", str(port))


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        call_command("serve_tables", "--help")
    assert ended.value.code == 0
    assert "Example: manage.py serve_tables --port 8001 --workers 2" in capsys.readouterr().out
