"""What every test may lean on: a database the processes of a test share, people of each role, a real Valkey,
and real `manage.py` processes that do not outlive their test.

The suite runs on whatever `TEST_DATABASE_URL` names, else on SQLite in a file: threads and processes of one test
must see one database, and SQLite's shared memory locks whole tables where a file in WAL mode does not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import settings
from pytest_django import DjangoDbBlocker

from arena.models import Role, User
from tests import query_sites, steps
from tests.databases import SESSION, Flush, copied_for
from tests.processes import Processes, free_port, valkey_server

# Hypothesis would fail an example that took longer than 200 ms, whatever else the machine was doing. Each run draws
# examples of its own, so that fewer a run are as many over time.
settings.register_profile("arena", settings.default, deadline=None, max_examples=25)
settings.load_profile("arena")

# Only one session of `make test` has steps beside it.
collect_ignore = [] if steps.NAMES else ["test_steps.py"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    worker_id: str, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[str | None]:
    database = django_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # No test cuts the power. That production waits for the disk is what `tests/arena/test_settings.py` tests.
        options = database["OPTIONS"]
        options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
        database.setdefault("TEST", {})["NAME"] = str(django_settings.VAR_DIR / "test.sqlite3")
    if worker_id == "master":
        yield None
        return
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            template = stack.enter_context(copied_for(worker_id, tmp_path_factory.getbasetemp().parent))
        yield template
        with django_db_blocker.unblock():
            stack.close()


@pytest.fixture
def migrated_database(django_db_setup: None, django_db_modify_db_settings: str | None) -> str | None:
    """The name (on SQLite the path) of a migrated, empty database to copy, for a program that would take seconds to
    migrate its own. None where pytest runs without workers, which copy it too."""
    return django_db_modify_db_settings


@pytest.fixture(scope="session")
def django_db_keepdb(worker_id: str, django_db_keepdb: bool) -> bool:
    return django_db_keepdb or worker_id != "master"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker, worker_id: str) -> Iterator[None]:
    """Transactional tests empty the tables at their end, which Django would do with a TRUNCATE of all tables, and the
    append-only triggers refuse."""
    with django_db_blocker.unblock():
        flush = Flush()
    if query_sites.FOLLOWED:
        query_sites.follow(SESSION, worker_id, Path(os.environ["ARENA_TEST_FOLDER"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: flush())
        yield


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """`make_user(role, username=None)`: a person of that role, who cannot sign in by password."""

    def make(role: Role, username: str | None = None) -> User:
        user = User(username=username or f"a-{role.value}", role=role)
        user.set_unusable_password()
        user.save()
        return user

    return make


@pytest.fixture
def viewer_user(make_user: Callable[..., User]) -> User:
    return make_user(Role.VIEWER)


@pytest.fixture
def reviewer_user(make_user: Callable[..., User]) -> User:
    return make_user(Role.REVIEWER)


@pytest.fixture
def editor_user(make_user: Callable[..., User]) -> User:
    return make_user(Role.EDITOR)


@pytest.fixture
def admin_user(make_user: Callable[..., User]) -> User:
    return make_user(Role.ADMIN)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """`client_of(user)`: a browser without JavaScript in which that person is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a real Valkey of this session's own; skips where the platform has no binary."""
    with valkey_server(free_port()) as url:
        yield url


@pytest.fixture
def process_environment(transactional_db: None, valkey: str) -> dict[str, str]:
    """The environment in which a real process shares this test's database, Valkey and secrets."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": valkey,
        "ARENA_VAR": str(django_settings.VAR_DIR),
        "DEBUG": "1",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def processes(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    """Starts real `manage.py` processes on the test's database; all are gone when the test ends."""
    started = Processes(process_environment, tmp_path)
    yield started
    started.stop_all()


def database_url() -> str:
    """The running test database, as `DATABASE_URL` would name it."""
    values: dict[str, Any] = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    address = f"{quote(values['HOST'], safe='')}:{values['PORT']}" if values["PORT"] else quote(values["HOST"], safe="")
    # A socket's folder comes as `?host=…`, which is an option rather than the host.
    options = urlencode({name: value for name, value in values["OPTIONS"].items() if isinstance(value, str)})
    who = f"{quote(values['USER'], safe='')}:{quote(values['PASSWORD'], safe='')}"
    return f"postgres://{who}@{address}/{values['NAME']}?{options}"
