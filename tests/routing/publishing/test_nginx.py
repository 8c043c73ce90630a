"""docs/nginx.conf, that very file, in a real nginx before the real tables' process."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from evals.models import Category
from routing.models import RoutingTable
from routing.publishing.publisher import publish
from routing.publishing.serving import LATEST_PATH
from tests.debian import find_nginx
from tests.processes import ROOT, Process, Processes, free_port, listens, wait_until
from tests.routing.conftest import FLIPPED, cast
from tests.routing.publishing.test_serve_tables import Got, ask, new_token, start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="sqlite", because="nginx is the subject, and stands before the tables' process"),
]

MAIN = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/arena.conf;
}}
"""


class Web(BaseHTTPRequestHandler):
    """Stands for the web process: says what it was asked."""

    def do_GET(self) -> None:
        body = f"web was asked for {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Into no test's output."""


class Front(NamedTuple):
    port: int
    tables: Process
    cache: Path


@pytest.fixture
def web() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def front(processes: Processes, web: int, tmp_path: Path) -> Iterator[Front]:
    """nginx before the tables' process and web, each port and folder of the file replaced by one of our own."""
    nginx = find_nginx()
    if nginx is None:
        pytest.skip("there is no nginx here (Debian: apt install nginx-light)")
    tables, behind = start(processes, ARENA_ROUTING_READ="token")
    port, folder = free_port(), tmp_path / "nginx"
    folder.mkdir()
    text = (ROOT / "docs/nginx.conf").read_text()
    for ours, theirs in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{web};",
        "server 127.0.0.1:8001;": f"server 127.0.0.1:{behind};",
        "/var/lib/nginx/arena": f"{folder}/cache",
    }.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    (folder / "arena.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: server.poll() is not None or listens(port), "nginx listens")
        assert server.poll() is None, (folder / "log").read_text()
        yield Front(port, tables, folder / "cache")
    finally:
        server.terminate()
        server.wait(timeout=30)


def version(got: Got) -> str | None:
    return got.headers.get("arena-table-version") if got.status == 200 else None


def stop(front: Front, **headers: str) -> None:
    """Stops Arena, and waits until nginx has asked for it in vain."""
    front.tables.popen.terminate()
    front.tables.popen.wait(timeout=60)
    wait_until(lambda: stale(front, **headers), "nginx misses Arena")


def stale(front: Front, **headers: str) -> bool:
    return ask(front.port, **headers).headers.get("arena-cache") == "STALE"


def publish_first() -> bytes:
    publish(actor="Mara")
    return bytes(RoutingTable.objects.get().body)


def test_a_table_comes_through_as_it_was_signed_plain_or_compressed(front: Front, voted: Category):
    _, mine = new_token()
    body = publish_first()
    wait_until(lambda: ask(front.port, **mine).status == 200, "it is served")
    for accept in ("", "identity", "gzip;q=0", "br"):
        plain = ask(front.port, Accept_Encoding=accept, **mine)
        assert (plain.body, plain.headers.get("content-encoding")) == (body, None)
        assert re.fullmatch('"sha256:[0-9a-f]{64}"', plain.headers["etag"])
    for accept in ("gzip", "GZIP", "br;q=1, gzip;q=0.8", "gzip, deflate, br, zstd"):
        packed = ask(front.port, Accept_Encoding=accept, **mine)
        assert (gzip.decompress(packed.body), packed.headers["content-encoding"]) == (body, "gzip")
        assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
    signed = {"arena-table-version", "arena-table-signature", "cache-control", "vary"}
    assert {name: plain.headers[name] for name in signed} == {name: packed.headers[name] for name in signed}
    for tag in (plain.headers["etag"], packed.headers["etag"], f'"old", {plain.headers["etag"]}'):
        for accept in ("", "gzip"):
            unchanged = ask(front.port, If_None_Match=tag, Accept_Encoding=accept, **mine)
            assert (unchanged.status, unchanged.body) == (304, b"")
            assert unchanged.headers["etag"].removeprefix("W/") == plain.headers["etag"]
    assert ask(front.port, If_None_Match='"sha256:other"', **mine).status == 200
    head = ask(front.port, method="HEAD", **mine)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(body)), b"")
    refused = ask(front.port, method="POST", **mine)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_exports_and_everything_else_are_webs(front: Front):
    _, mine = new_token()
    for path in ("/", "/routing/", f"{LATEST_PATH}?format=litellm", "/api/v1/routing/versions/1"):
        assert ask(front.port, path, **mine).body == f"web was asked for {path}".encode()
    assert b"web was asked" in ask(front.port, Cookie="csrftoken=x; sessionid=y").body
    assert ask(front.port, Cookie="sessionid=y", **mine).status == 404
    assert ask(front.port).status == 401


def test_nobody_gets_what_was_fetched_with_anothers_token(front: Front, voted: Category):
    token, mine = new_token()
    _, without_scope = new_token("evals:read")
    publish_first()
    wait_until(lambda: ask(front.port, **mine).status == 200, "it is served")
    assert ask(front.port).status == 401
    assert ask(front.port, Authorization="Bearer abcdefgh.stranger").status == 401
    assert ask(front.port, **without_scope).status == 403
    assert ask(front.port, **mine).status == 200
    assert front.cache.stat().st_mode & 0o077 == 0, "its files name tokens"
    token.revoked = True
    token.save()
    wait_until(lambda: ask(front.port, **mine).status == 401, "the revoked token is refused")
    stop(front, **mine)
    # A stale 200 would let it in again.
    assert ask(front.port, **mine).status == 401


def test_a_publication_is_seen_and_outlives_arena(front: Front, voted: Category):
    _, mine = new_token()
    first = publish_first()
    wait_until(lambda: version(ask(front.port, **mine)) == "1", "1 is served")
    cast(voted, FLIPPED)
    publish(actor="Mara")
    for accept in ("", "gzip"):
        wait_until(lambda: version(ask(front.port, Accept_Encoding=accept, **mine)) == "2", "2 is served")  # noqa: B023
    live = ask(front.port, **mine)
    assert live.body != first
    os.killpg(front.tables.pid, signal.SIGSTOP)  # it takes connections, and answers none
    wait_until(lambda: stale(front, **mine), "nginx has enough of waiting")
    assert version(ask(front.port, **mine)) == "2"
    os.killpg(front.tables.pid, signal.SIGCONT)
    wait_until(lambda: not stale(front, **mine), "it is asked again")
    stop(front, **mine)
    gone = ask(front.port, **mine)
    assert (gone.status, gone.body) == (200, live.body)
    assert gone.headers["arena-table-signature"] == live.headers["arena-table-signature"]
    assert gzip.decompress(ask(front.port, Accept_Encoding="gzip", **mine).body) == live.body
    assert ask(front.port, If_None_Match=live.headers["etag"], **mine).status == 304
    assert ask(front.port, Authorization="Bearer abcdefgh.stranger").status == 502
