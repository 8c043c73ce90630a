"""Publishers and readers at once, as `benchmarks/publishers_and_readers.py` measures them, but few."""

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

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "")


@pytest.fixture
def database_url(migrated_database: str | None) -> Iterator[str]:
    """An empty database on the engine the suite runs on; empty for SQLite, which ARENA_VAR places."""
    if not POSTGRESQL:
        yield ""
        return
    name = f"bench_{uuid4().hex}"
    with closing(psycopg.connect(POSTGRESQL, autocommit=True)) as server:
        template = SQL("TEMPLATE {}").format(Identifier(migrated_database)) if migrated_database else SQL("")
        server.execute(SQL("CREATE DATABASE {} {}").format(Identifier(name), template))
        try:
            yield urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{name}"))
        finally:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.mark.runs_once(on="postgresql", because="publishers wait for a row there; SQLite has one writer anyway")
def test_publishers_at_once_leave_no_gap_and_no_reader_a_torn_table(tmp_path: Path, database_url: str):
    environment = {"ARENA_VAR": str(tmp_path), "DEBUG": "1", "DATABASE_URL": database_url, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "benchmarks.publishers_and_readers", "--quick"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    told = done.stdout
    assert done.returncode == 0, told + done.stderr
    assert "without gaps" in told
    assert int(told.partition(" reads")[0].split()[-1].replace(",", "")) >= 400
    assert "not as claimed: nothing" in told
