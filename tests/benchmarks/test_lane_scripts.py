"""The lane's benchmarks run from end to end, small. What must not happen at any size is held."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.processes import ROOT

CALLS = ("200", "200 gzip", "304", "200, with token", "200 gzip, with token", "304, with token")
SERVERS = ("lane in web", "lane in web, with token", "REST framework view", "serve_tables", "serve_tables, with token")
POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "")


@pytest.fixture
def database_url() -> Iterator[str]:
    """An empty database on the engine the suite runs on; empty for SQLite, which ARENA_VAR places."""
    if not POSTGRESQL:
        yield ""
        return
    name = f"bench_{uuid4().hex}"
    with closing(psycopg.connect(POSTGRESQL, autocommit=True)) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{name}"))
        finally:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def run(script: str, folder: Path, database_url: str) -> str:
    environment = {"ARENA_VAR": str(folder), "DEBUG": "1", "DATABASE_URL": database_url, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", f"benchmarks.{script}", "--quick"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(bool(POSTGRESQL), reason="it compares servers: the engine is not what it asks for")
def test_every_figure_of_the_lane_is_measured(tmp_path: Path):
    told = run("table_lane", tmp_path, "")
    lines = [line.strip() for line in told.splitlines()]
    for name in (*CALLS, *SERVERS, "while 2 clients hold", "two workers under load behind 1 publications"):
        assert any(line.startswith(name) for line in lines), f"{name} is missing:\n{told}"


@pytest.mark.runs_once(on="postgresql", because="publishers wait for a row there; SQLite has one writer anyway")
def test_publishers_at_once_leave_no_gap_and_no_reader_a_torn_table(tmp_path: Path, database_url: str):
    told = run("publishers_and_readers", tmp_path, database_url)
    assert "without gaps" in told
    assert int(told.partition(" reads")[0].split()[-1].replace(",", "")) >= 400
    assert "not as claimed: nothing" in told
