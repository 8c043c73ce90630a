"""Files as people give them: a few lines of text, under a name."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from evals.transfer.files.text import Source

SMALL = Path(__file__).parent / "small"


def file(content: str | bytes, name: str = "file.csv") -> Source:
    return Source(io.BytesIO(content.encode() if isinstance(content, str) else content), name)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """`run("import_tasks", "id,prompt…", task_set="x")`: a command on a file of that content; returns its output."""

    def command(name: str, content: str | bytes | Path, /, *, suffix: str = ".csv", **options: object) -> str:
        if isinstance(content, Path):
            path = content
        else:
            path = tmp_path / f"given{suffix}"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        out = StringIO()
        call_command(name, str(path), stdout=out, **options)
        return out.getvalue()

    return command


@contextmanager
def nothing_written() -> Iterator[None]:
    """No row of any table is more or less afterwards."""
    before = row_counts()
    yield
    assert row_counts() == before


def row_counts() -> dict[str, int]:
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    counts = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts
