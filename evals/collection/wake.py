"""Asking the workers to look for work. What they then do is in `evals.collection.jobs`, which pages do not import: it
brings the providers' clients with it."""

from __future__ import annotations

import logging

__all__ = ["PUMP", "wake_workers"]

log = logging.getLogger(__name__)

# The job's name as messages carry it.
PUMP = "evals.jobs.pump"
# Each wakes one worker, and which one the broker decides; the others look by themselves within two seconds.
_MESSAGES = 4
_EXPIRES_S = 60
# A web request waits for this: a broker that is away costs milliseconds, one that accepts and says nothing 4 s at most.
_QUICK = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 1, "interval_start": 0, "interval_max": 0}


def wake_workers(*, messages: int = _MESSAGES) -> bool:
    """Ask the workers to look for work. To be called on commit. False, logged, if the broker is away: the workers
    find the work by themselves within seconds. Returns within seconds, whatever the broker does."""
    # Imported at the first call: Celery and its client take a third of a second to load, and every command and check
    # that loads a page would pay for it.
    from kombu.exceptions import KombuError, OperationalError  # noqa: PLC0415

    from arena.celery import app  # noqa: PLC0415

    options = app.conf.broker_transport_options | _QUICK
    try:
        with app.connection_for_write(transport_options=options) as connection:
            for _ in range(messages):
                app.send_task(PUMP, connection=connection, retry=False, expires=_EXPIRES_S, ignore_result=True)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("The broker is away (%s); workers look for the work by themselves.", error)
        return False
    return True
