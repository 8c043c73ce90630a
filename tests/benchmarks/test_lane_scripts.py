"""The lane's benchmark runs from end to end, at sizes that measure nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

CALLS = ("200", "200 gzip", "304", "200, with token", "200 gzip, with token", "304, with token")
SERVERS = ("lane in web", "lane in web, with token", "REST framework view", "serve_tables", "serve_tables, with token")


@pytest.mark.skipif(bool(os.environ.get("TEST_DATABASE_URL")), reason="it has a SQLite database of its own")
def test_every_figure_is_measured(tmp_path: Path):
    environment = {**os.environ, "ARENA_VAR": str(tmp_path), "DEBUG": "1", "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "benchmarks.table_lane", "--quick"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    for name in (*CALLS, *SERVERS, "while 2 clients hold", "two workers under load behind 1 publications"):
        assert any(line.startswith(name) for line in lines), f"{name} is missing:\n{done.stdout}"
