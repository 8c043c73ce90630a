"""Jobs: what Celery delivers to workers. Thin; the work is in `evals`.

There is one job, the pump: claim what is due, ask, store, until nothing is due. A message says nothing about which
work: any number of them may be lost or doubled.
"""

from __future__ import annotations

import threading
import time

from celery.signals import worker_shutting_down
from django.db import connections

from arena.celery import app
from evals.collection.calls import collect
from evals.collection.queue import claim_next
from evals.collection.services import settle
from evals.collection.wake import PUMP, wake_workers

__all__ = ["pump", "pump_until_idle"]

# A message is acknowledged when its pump ends. Ending early and sending another keeps it
# far below the time after which the broker delivers it again.
_TURN_S = 60.0

_shutting_down = threading.Event()


@app.task(name=PUMP, acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def pump() -> None:
    if pump_until_idle(seconds=_TURN_S):
        wake_workers(pumps=1)


def pump_until_idle(*, seconds: float | None = None) -> bool:
    """Collect until nothing is due, the time is over, or this worker is told to stop. True: there may be more."""
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        while not _shutting_down.is_set():
            if ends is not None and time.monotonic() > ends:
                return True
            claim = claim_next()
            if claim is None:
                settle()
                return False
            collect(claim)
        return False
    finally:
        connections.close_all()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop_claiming(**_: object) -> None:
    _shutting_down.set()
