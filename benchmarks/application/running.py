"""Arena itself, running: `manage.py up`, a reviewer who needs no browser, and those who watch its database."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import httpx
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Max
from django.urls import reverse

from arena.accounts.services import create_sign_in_link
from arena.models import User
from benchmarks.application.world import CATEGORY
from evals.models import Category, Leaderboard
from evals.voting import ledger
from tests.processes import free_port

__all__ = ["Browser", "Waits", "Watcher", "arena", "until"]

ROOT = Path(__file__).resolve().parent.parent.parent
_PATIENCE_S = 120.0


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_PATIENCE_S:.0f} s in vain until {what}")
        time.sleep(0.01)


@contextlib.contextmanager
def arena(log: Path) -> Iterator[str]:
    """Web, workers, chores and broker on this process's database, as `make run` starts them; yields web's address.

    Votes count at once: what is measured is the way from there."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as file:
        environment = os.environ | {"ARENA_VOTE_HOLD_S": "0"}
        command = [sys.executable, "manage.py", "up", "--no-demo", "--port", str(port)]
        up = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, env=environment
        )
    try:
        until(lambda: _ready(url), f"Arena is ready; see {log}")
        yield url
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(timeout=60)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


class Browser:
    """A signed-in reviewer: gets pages and posts what their forms hold, as htmx does."""

    def __init__(self, url: str, user: User) -> None:
        self._http = httpx.Client(base_url=url, follow_redirects=True, timeout=60, trust_env=False)
        link = reverse("accounts:link", args=[create_sign_in_link(user=user)])
        self._http.get(link).raise_for_status()
        self._http.post(link, headers=self._headers).raise_for_status()

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-CSRFToken": self._http.cookies[settings.CSRF_COOKIE_NAME]}

    def next_battle(self) -> str:
        """The path of the battle that the voting page leads to."""
        return self._http.get(f"/vote/{CATEGORY}/").raise_for_status().url.path

    def vote(self, battle: str, choice: str) -> str:
        """Returns the path of the next battle, whose page came with the answer."""
        answer = self._http.post(battle, data={"choice": choice}, headers={**self._headers, "HX-Request": "true"})
        answer.raise_for_status()
        assert re.search(r'class="pair"', answer.text), "no battle in the answer"
        return _shown(answer)

    def undo(self, battle: str) -> str:
        answer = self._http.post(f"{battle}undo/", headers={**self._headers, "HX-Request": "true"})
        return _shown(answer.raise_for_status())


def _shown(answer: httpx.Response) -> str:
    """The path of the battle that the page shows after this answer."""
    found = re.search(r'data-shown="([^"]+)"', answer.text)
    assert found, "the answer names no battle to show"
    return reverse("evals:battle", args=[found[1]])


class Waits:
    """How long a vote of the category would have waited for its ledger, asked again and again while this is entered."""

    def __init__(self, category: str) -> None:
        self._category = category
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self.seconds: list[float] = []

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _wait(self) -> None:
        category = Category.objects.get(slug=self._category)
        while not self._over.wait(0.1):
            began = time.perf_counter()
            with contextlib.suppress(OperationalError), transaction.atomic():  # SQLite gives up after 20 s
                ledger.lock(category)
            self.seconds.append(time.perf_counter() - began)
        connection.close()


class Watcher:
    """Notes when each leaderboard of a category could first be read."""

    def __init__(self, category_id: int) -> None:
        self._boards = Leaderboard.objects.filter(category=category_id)
        self._seen: list[tuple[int, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        newest = 0
        while not self._over.wait(0.005):
            seq = self._boards.aggregate(newest=Max("seq"))["newest"] or 0
            if seq > newest:
                newest = seq
                self._seen.append((seq, time.perf_counter()))
        connection.close()

    def readable_at(self, seq: int) -> float:
        """When votes up to `seq` were in a leaderboard; waits for it."""
        until(lambda: self._seen and self._seen[-1][0] >= seq, f"vote {seq} is ranked")
        return next(at for seen, at in self._seen if seen >= seq)
