"""A worker's own bell: work is found even if the broker lost every message, or is away.

Every two seconds each worker looks into the database, and lets its threads pump if something is due: new work whose
message was lost, a retry whose time has come, a generation whose worker died.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import bootsteps
from celery.concurrency.thread import TaskPool
from django.db import connections

from evals.collection.jobs import pump_until_idle
from evals.collection.queue import work_is_due
from evals.collection.services import settle
from evals.collection.wake import wake_workers

__all__ = ["POLL_EVERY_S", "WorkerPoll"]

log = logging.getLogger(__name__)


POLL_EVERY_S = 2.0


class WorkerPoll(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the Celery worker. A thread of its own, not one of Celery's timers: those stand still while the worker
    looks for its broker, which is when the bell is needed most."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **_: Any) -> None:
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pumping = 0

    def start(self, worker: Any) -> None:
        # The first look is at once: a worker that starts takes up what another left.
        self._thread = threading.Thread(target=self._watch, args=(worker,), name="bell", daemon=True)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _watch(self, worker: Any) -> None:
        while not self._ended.is_set():
            try:
                if work_is_due():
                    self._start_pumps(worker)
                else:
                    # Whoever wrote the last answer of a run may have died before it could say so.
                    settle()
            except Exception:
                # The database may be away for a moment. A bell that ends would make lost messages lost work.
                log.exception("Could not look for due work; looking again in %g s.", POLL_EVERY_S)
            finally:
                connections.close_all()
            self._ended.wait(POLL_EVERY_S)

    def _start_pumps(self, worker: Any) -> None:
        if not isinstance(worker.pool, TaskPool):
            # Other pools run their work in other processes; they are reached through the broker only.
            wake_workers(pumps=worker.concurrency)
            return
        while self._enter(worker.concurrency):
            worker.pool.apply_async(self._pump, callback=_ignore)

    def _enter(self, most: int) -> bool:
        with self._lock:
            if self._pumping >= most:
                return False
            self._pumping += 1
            return True

    def _pump(self) -> None:
        try:
            pump_until_idle()
        except Exception:
            log.exception("A pump broke; what it held is asked again.")
        finally:
            with self._lock:
                self._pumping -= 1


def _ignore(_: object) -> None:
    """Celery's pools call back with each result; a pump has none."""
