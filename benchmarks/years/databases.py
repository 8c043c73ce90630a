"""Databases with all of Arena's tables and nothing in them, one for each year: migrated once, then copied."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.production import production
from tests.run import postgresql

__all__ = ["Environment", "Fresh", "on_postgresql", "on_sqlite"]

ROOT = Path(__file__).resolve().parent.parent.parent
Environment = dict[str, str]
# By a name of its own, the environment in which a process finds an empty database.
Fresh = Callable[[str], Environment]
_TEMPLATE = "empty"


@contextlib.contextmanager
def on_sqlite(folder: Path) -> Iterator[Fresh]:
    template = folder / _TEMPLATE
    _migrate(_environment(template, ""))

    def fresh(name: str) -> Environment:
        shutil.copytree(template, folder / name)
        return _environment(folder / name, "")

    yield fresh


@contextlib.contextmanager
def on_postgresql(folder: Path) -> Iterator[Fresh | None]:
    """None where none can be started; it was said why."""
    os.environ.pop("TEST_DATABASE_URL", None)  # tests make a database beside the one it names; this would fill it
    with postgresql() as server:
        if server is None:
            yield None
            return

        def made(name: str, template: str = "") -> Environment:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
            return _environment(folder, urlsplit(server)._replace(path=f"/{name}").geturl())

        _migrate(made(_TEMPLATE))
        yield lambda name: made(name, _TEMPLATE)


def _environment(var: Path, url: str) -> Environment:
    return production(var, url)


def _migrate(environment: Environment) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
