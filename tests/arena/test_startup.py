"""What a process loads before it does anything: a command must not pay for what pages, workers or ratings need."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.dispatch import Signal
from django.urls import reverse
from django.utils.module_loading import import_string

import evals.signals
import routing.signals
from arena.accounts.services import link_path

# What takes a noticeable part of a second to load.
HEAVY = {
    "amqp",
    "celery",
    "cryptography",
    "genai_prices",
    "httpx",
    "jsonschema",
    "kombu",
    "markdown_it",
    "msgspec",
    "numpy",
    "py3langid",
    "pygments.lexers.python",
    "rapidfuzz",
    "redis",
    "rest_framework.serializers",
    "scipy",
    "sentry_sdk",
    "sqlglot",
    "tree_sitter",
}
# Those that no page needs before it is opened: `check` loads every page.
NO_PAGE = {
    "celery",
    "httpx",
    "jsonschema",
    "kombu",
    "py3langid",
    "pygments.lexers.python",
    "rapidfuzz",
    "redis",
    "scipy.special",
    "sentry_sdk",
    "sqlglot",
    "tree_sitter",
}


def loaded_by(program: str, var: Path) -> set[str]:
    """The names of all modules in a new process after `program`."""
    environment = {**os.environ, "ARENA_VAR": str(var), "DJANGO_SETTINGS_MODULE": "arena.settings", "SENTRY_DSN": ""}
    report = "import sys; print('MODULES', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rsplit("MODULES", 1)[1].split())


def command(*words: str) -> str:
    return (
        f"from django.core.management import execute_from_command_line as run\n"
        f"try:\n    run(['manage.py', *{words!r}])\nexcept SystemExit:\n    pass"
    )


def test_a_process_that_only_sets_django_up_loads_nothing_heavy(tmp_path: Path) -> None:
    found = loaded_by("import django; django.setup()", tmp_path)
    assert found & HEAVY == set()
    assert "arena.urls" not in found


@pytest.mark.runs_once(on="sqlite", because="which modules are loaded is the same")
@pytest.mark.parametrize("words", [("create_token", "--help"), ("sign_in_link", "mara")])
def test_a_command_that_needs_no_pages_loads_none(
    tmp_path: Path, process_environment: dict[str, str], words: tuple[str, ...]
) -> None:
    database = f"import os; os.environ['DATABASE_URL'] = {process_environment['DATABASE_URL']!r}\n"
    found = loaded_by(database + command(*words), tmp_path)
    assert found & HEAVY == set()
    assert "arena.urls" not in found


def test_rank_loads_the_maths_and_no_pages(tmp_path: Path) -> None:
    found = loaded_by(command("rank", "--help"), tmp_path)
    assert found & (NO_PAGE - {"scipy.special"}) == set()
    assert "arena.urls" not in found


def test_loading_every_page_loads_no_client_of_a_provider_or_a_broker(tmp_path: Path) -> None:
    found = loaded_by(command("check"), tmp_path)
    assert "arena.urls" in found
    assert found & NO_PAGE == set()


def test_sentry_is_loaded_where_it_is_used(tmp_path: Path) -> None:
    program = "import os; os.environ['SENTRY_DSN'] = 'http://key@127.0.0.1:9/1'\nimport django; django.setup()"
    assert "sentry_sdk" in loaded_by(program, tmp_path)


def receivers() -> Iterator[str]:
    for module in (evals.signals, routing.signals):
        for signal in vars(module).values():
            if isinstance(signal, Signal):
                yield from (key[0] for key, *_ in signal.receivers)


@pytest.mark.parametrize("path", sorted(set(receivers())))
def test_a_receiver_that_is_connected_by_name_exists(path: str) -> None:
    assert callable(import_string(path))


def test_all_receivers_are_connected() -> None:
    assert len(set(receivers())) == 9


def test_the_path_of_a_link_is_its_address() -> None:
    assert link_path("abc_-1") == reverse("accounts:link", args=["abc_-1"])
