"""Jobs: what Celery delivers to workers. Thin; the work is in `evals`.

There is one job, the pump: claim what is due, ask, store, until nothing is due. A message says nothing about which
work: any number of them may be lost or doubled.
"""

from __future__ import annotations

import logging
import threading
import time

from celery.signals import worker_shutting_down
from django.db import connections
from kombu.exceptions import KombuError, OperationalError

from arena.celery import app
from evals.collection.calls import collect
from evals.collection.queue import claim_next
from evals.collection.services import settle

__all__ = ["pump", "pump_until_idle", "wake_workers"]

log = logging.getLogger(__name__)

# As many calls at once as one ring may set going, over all workers; more comes from the workers' own bells.
PUMPS = 8
# A message is acknowledged when its pump ends. Ending early and ringing anew keeps it far below the broker's patience.
_TURN_S = 60.0
_EXPIRES_S = 60
# A web request rings: a broker that is away costs it milliseconds, one that accepts and says nothing 4 s at most.
_QUICK = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 1, "interval_start": 0, "interval_max": 0}

_shutting_down = threading.Event()


@app.task(name="evals.jobs.pump", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
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


def wake_workers(*, pumps: int = PUMPS) -> bool:
    """Ask the workers to look for work. To be called on commit. False, logged, if the broker is away: the workers
    find the work by themselves within seconds. Returns within seconds, whatever the broker does."""
    options = app.conf.broker_transport_options | _QUICK
    try:
        with app.connection_for_write(transport_options=options) as connection:
            for _ in range(pumps):
                pump.apply_async(connection=connection, retry=False, expires=_EXPIRES_S)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("The broker is away (%s); workers look for the work by themselves.", error)
        return False
    return True


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop_claiming(**_: object) -> None:
    _shutting_down.set()
