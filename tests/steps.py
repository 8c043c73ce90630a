"""What `make test` runs beside the session on SQLite, and how that session learns what became of it.

The runner holds a lock on the file until every step has ended; a test that asks for the steps waits for the lock.
Should the runner die, the lock is gone, and the file is empty.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Step(NamedTuple):
    code: int
    seconds: float


# Known before any has ended: each is a test. Empty in a session that `make test` did not start.
NAMES: list[str] = json.loads(os.environ.get("ARENA_TEST_STEPS", "[]"))


def ended() -> dict[str, Step]:
    """Waits until all have ended."""
    with _file(Path(os.environ["ARENA_TEST_FOLDER"])).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return {name: Step(*step) for name, step in json.loads(file.read() or "{}").items()}


@contextmanager
def pending(folder: Path) -> Iterator[Callable[[dict[str, Step]], None]]:
    """For the runner: from here on, `ended` waits until the function that this yields is called with what became of the
    steps, or the block ends."""
    with _file(folder).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def write(steps: dict[str, Step]) -> None:
            json.dump(steps, file)
            file.flush()
            fcntl.flock(file, fcntl.LOCK_UN)

        yield write


def _file(folder: Path) -> Path:
    return folder / "steps.json"
