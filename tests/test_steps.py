"""What `make test` ran beside this session, so that its summary speaks for all."""

import os
from pathlib import Path

import pytest

from tests import query_sites, steps

# They ask for PRAGMAs, which PostgreSQL has not got.
SQLITES = {f"evals/transfer/portions/pace.py:{name}" for name in ("_version", "much_cached")}


@pytest.mark.parametrize("name", steps.NAMES)
def test_what_ran_beside_this_session_passed(name: str) -> None:
    step = steps.ended().get(name)
    assert step is not None, "make test was interrupted"
    assert step.code == 0, f"{name} failed: its output is further up"


@pytest.mark.skipif(not query_sites.FOLLOWED, reason="only a part of the suite runs, or one engine alone")
def test_what_asks_sqlite_asks_postgresql_too() -> None:
    """A function named here is run on SQLite alone: mark a test that reaches it `on_both` (`tests/databases.py`)."""
    steps.ended()
    folder = Path(os.environ["ARENA_TEST_FOLDER"])
    asked = {session: query_sites.seen(session, folder) for session in ("sqlite", "postgresql")}
    assert asked["postgresql"], "the session on PostgreSQL noted nothing"
    alone = sorted(asked["sqlite"] - asked["postgresql"] - SQLITES)
    assert not alone, "\n".join(alone)
