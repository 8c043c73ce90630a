"""What a start refuses or warns of, by number and with the fix."""

from __future__ import annotations

import base64
import os
import runpy
import secrets
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from arena.triggers import declared
from tests.processes import ROOT

SECRETS = ("SECRET_KEY", "ARENA_ENCRYPTION_KEY", "ARENA_SIGNING_KEY")


def key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def check(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` in production, in an environment of nothing else."""
    values = {"PATH": os.environ["PATH"], "DEBUG": "0", "ARENA_VAR": str(tmp_path / "var"), **environment}
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, check=False)


def read_settings(**environment: str) -> None:
    """What a start in production reads first, without the rest of it."""
    with patch.dict(os.environ, {"DEBUG": "0", **environment}, clear=True):
        runpy.run_path(str(ROOT / "arena" / "settings.py"))


def test_production_does_not_start_without_a_secret_and_names_it(tmp_path: Path) -> None:
    missing, *others = SECRETS
    done = check(tmp_path, ALLOWED_HOSTS="arena.example", **{name: key() for name in others})
    assert done.returncode != 0
    assert f"{missing}: not set, and production generates no secrets. Set {missing}" in done.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("missing", SECRETS)
def test_each_secret_is_needed(missing: str) -> None:
    given = {name: key() for name in SECRETS if name != missing}
    with pytest.raises(ImproperlyConfigured, match=f"{missing}: not set, and production generates no secrets."):
        read_settings(ALLOWED_HOSTS="arena.example", **given)


def test_production_starts_with_all_of_them(tmp_path: Path) -> None:
    done = check(tmp_path, ALLOWED_HOSTS="arena.example", **{name: key() for name in SECRETS})
    assert done.returncode == 0, done.stderr


def test_production_refuses_what_would_fail_later(tmp_path: Path) -> None:
    same = key()
    done = check(tmp_path, SECRET_KEY=key(), ARENA_ENCRYPTION_KEY=same, ARENA_SIGNING_KEY=same)
    assert done.returncode != 0
    for number, fix in (("arena.E001", "ALLOWED_HOSTS=arena.example"), ("arena.E002", "a new one for each")):
        assert number in done.stderr
        assert fix in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DEBUG", "maybe", "DEBUG: 'maybe' is neither yes nor no"),
        ("ARENA_ROUTING_READ", "all", "ARENA_ROUTING_READ: 'all' is not known"),
        ("ARENA_SIGNING_KEY", "short", "ARENA_SIGNING_KEY: must be 32 bytes"),
        ("ARENA_DEMO_MODEL_PORT", "x", "ARENA_DEMO_MODEL_PORT: 'x' is not a number"),
    ],
)
def test_a_wrong_value_stops_the_start_by_its_name(name: str, value: str, told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=told):
        read_settings(**({one: key() for one in SECRETS} | {"ALLOWED_HOSTS": "a.example", name: value}))


@pytest.mark.on_both(because="each engine has triggers of its own")
@pytest.mark.django_db
def test_a_lost_trigger_is_told_with_the_command_that_puts_it_back() -> None:
    assert [found for found in run_checks(databases=["default"]) if found.id == "arena.W001"] == []
    lost = next(trigger for trigger in declared() if trigger.table == "evals_vote")
    with connection.cursor() as cursor:
        cursor.execute(lost.drop(connection.vendor))
    [found] = [found for found in run_checks(databases=["default"]) if found.id == "arena.W001"]
    assert lost.name in found.msg
    assert "manage.py migrate" in str(found.hint)


def test_chores_outside_the_votes_transaction_are_refused(settings) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "orm": "other"}
    assert "arena.E003" in [found.id for found in run_checks()]
