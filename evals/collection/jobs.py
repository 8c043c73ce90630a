"""Jobs that Celery delivers to workers. The work itself is in `calls` and `queue`.

There is one job, the pump: it claims generations that are due, asks for them and stores the answers until none is due.
A message does not say which work to do, so any number of them may be lost or doubled.
"""

from __future__ import annotations

import logging
import threading
import time

from celery import current_app, shared_task
from celery.signals import worker_shutting_down
from django.db import connections
from kombu.exceptions import KombuError, OperationalError

from evals.collection.calls import collect
from evals.collection.queue import claim_next
from evals.collection.services import settle

__all__ = ["pump", "pump_until_idle", "wake_workers"]

log = logging.getLogger(__name__)

# Pumps that one wake-up may start, over all workers; more start from the workers' own polls.
PUMPS = 8
# A message is acknowledged when its pump ends. Ending early and sending another keeps it far below the broker's limit.
_TURN_S = 60.0
_EXPIRES_S = 60
# A web request sends it: a broker that is down costs milliseconds, one that accepts and never replies 4 s at most.
_QUICK = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 1, "interval_start": 0, "interval_max": 0}

_shutting_down = threading.Event()


@shared_task(name="evals.jobs.pump", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def pump() -> None:
    if pump_until_idle(seconds=_TURN_S):
        wake_workers(pumps=1)


def pump_until_idle(*, seconds: float | None = None) -> bool:
    """Collect until nothing is due, the time is up, or this worker is told to stop. True: there may be more work."""
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
    """Ask the workers to look for work. To be called on commit. False, and logged, if the broker is down: the workers
    find the work by themselves within seconds. Returns within seconds, whatever the broker does."""
    options = current_app.conf.broker_transport_options | _QUICK
    try:
        with current_app.connection_for_write(transport_options=options) as connection:
            for _ in range(pumps):
                pump.apply_async(connection=connection, retry=False, expires=_EXPIRES_S)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("The broker is down (%s); workers will find the work by polling the database.", error)
        return False
    return True


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop_claiming(**_: object) -> None:
    _shutting_down.set()
