"""The settings of a production installation."""

import runpy
import sqlite3

import pytest

from tests.processes import ROOT


def test_production_waits_for_the_disk_though_tests_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    made = runpy.run_path(str(ROOT / "arena" / "settings.py"))
    with sqlite3.connect(":memory:") as database:
        database.executescript(made["DATABASES"]["default"]["OPTIONS"]["init_command"])
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
