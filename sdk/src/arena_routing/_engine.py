"""What runs behind a Router, across threads, forks and the process's end."""

from __future__ import annotations

import atexit
import concurrent.futures
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from arena_routing._feed import Feed
from arena_routing._outcomes import Outcomes
from arena_routing._worker import Worker

__all__ = ["Engine"]

log = logging.getLogger("arena_routing")


class Engine:
    """At most one worker in each process, until closed. A forked child starts its own when it is first used."""

    def __init__(
        self, feed: Feed, outcomes: Outcomes | None, make_client: Callable[[], httpx.AsyncClient], *, timeout_s: float
    ) -> None:
        self.feed = feed
        self.outcomes = outcomes
        self._make_client = make_client
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._closed = False

    def start(self) -> None:
        """Idempotent, and cheap once it runs."""
        if self._worker is not None:
            return
        with self._lock:
            if self._worker is None and not self._closed:
                worker = Worker(self.feed, self.outcomes, self._make_client())
                worker.start()
                self._worker = worker
                _running.add(self)

    def wait_for_first_look(self) -> None:
        worker = self._worker
        if worker is not None:
            worker.has_looked.wait(self._timeout_s)

    def look(self) -> None:
        """A look out of turn; waits for its end."""
        self.start()
        worker = self._worker
        if worker is not None:
            try:
                # One that is under way goes first.
                worker.look().result(2 * self._timeout_s + 1.0)
            except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
                log.warning("The look for a newer routing table is taking its time.")

    def put(self, outcome: Mapping[str, Any]) -> None:
        self.start()
        if self.outcomes is not None and not self._closed:
            self.outcomes.put(outcome)

    def close(self, grace_s: float) -> None:
        with self._lock:
            worker, self._worker, self._closed = self._worker, None, True
        _running.discard(self)
        if worker is not None:
            worker.stop(grace_s)

    def forked(self) -> None:
        """In the child: threads, locks and connections are the parent's, and so are the outcomes that wait."""
        self._lock = threading.Lock()
        _abandoned.append(self._worker)
        self._worker = None
        if self.outcomes is not None:
            self.outcomes.forget()


_running: set[Engine] = set()
# What a child inherited and must not touch, not even by tidying up.
_abandoned: list[Worker | None] = []


def _in_forked_child() -> None:
    for engine in _running:
        engine.forked()


@atexit.register
def _at_exit() -> None:
    for engine in list(_running):
        engine.close(grace_s=2.0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
