"""The pump of a Celery worker: one, in a thread of its own, for as long as the worker lives.

It looks into the database by itself every two seconds, so that work is found even if the broker lost every message or
is down: new work whose message was lost, a retry whose time has come, a generation whose worker died.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import bootsteps
from celery.signals import worker_shutting_down
from django.db import connections

from evals.collection.network_process import NetworkProcess
from evals.collection.pump import Pump

__all__ = ["WorkerPump", "wake"]

log = logging.getLogger(__name__)

_AGAIN_S = 2.0
_running: Pump | None = None


def wake() -> None:
    """Called for each message. Where there is no pump, in a child of another pool, the worker's own finds the work."""
    if _running is not None:
        _running.wake()


class WorkerPump(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the Celery worker. It uses its own thread, not the pool's: those wait for the broker, which may be away
    when there is most to do."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **_: Any) -> None:
        self._pump = Pump(network=NetworkProcess)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, worker: Any) -> None:
        global _running  # noqa: PLW0603 (there is one worker a process)
        _running = self._pump
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        """Ends the calls in flight, which takes as long as they do."""
        self._stopped.set()
        self._pump.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def terminate(self, worker: Any) -> None:
        self._stopped.set()
        self._pump.stop()

    def create(self, worker: Any) -> None:
        # The step itself is stopped only after Celery's own parts: until then no more is to be claimed.
        worker_shutting_down.connect(self._shutting_down)

    def _shutting_down(self, **_: object) -> None:
        self._pump.stop()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._pump.run()
            except Exception:
                # If this thread ended, lost messages would become lost work.
                log.exception("The pump failed; it starts again in %g s.", _AGAIN_S)
                self._stopped.wait(_AGAIN_S)
            finally:
                connections.close_all()
