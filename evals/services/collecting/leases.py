"""Who works on a generation now. A lease is 20 s long and renewed every 5 s; whoever dies lets it run out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import Error, connection
from django.utils import timezone

from evals.models import Generation

__all__ = ["LEASE", "Claim", "renew", "renewed"]

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
_BEAT_S = 5.0


def renew(tokens: set[UUID]) -> int:
    """One UPDATE for all of them. Those taken over meanwhile have another token, and stay as they are."""
    return Generation.objects.filter(lease_token__in=tokens, state=Generation.State.RUNNING).update(
        lease_until=timezone.now() + LEASE
    )


@dataclass(frozen=True)
class Claim:
    """The right to ask for one generation, and to write what came of it."""

    generation_id: int
    token: UUID
    claimed_at: datetime


@contextmanager
def renewed(token: UUID) -> Iterator[None]:
    """Keeps this lease while the block runs, whatever it waits for."""
    _heart.add(token)
    try:
        yield
    finally:
        _heart.remove(token)


class _Heart:
    """One thread for all leases of this process; there only while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._tokens: set[UUID] = set()
        self._thread: threading.Thread | None = None

    def add(self, token: UUID) -> None:
        with self._lock:
            self._tokens.add(token)
            # A forked child has the object, but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()

    def remove(self, token: UUID) -> None:
        with self._lock:
            self._tokens.discard(token)
            self._lock.notify()

    def _beat(self) -> None:
        while True:
            with self._lock:
                # Ends early when the last lease goes; a lease that comes in between is young.
                self._lock.wait_for(lambda: not self._tokens, timeout=_BEAT_S)
                if not self._tokens:
                    self._thread = None
                    return
                tokens = set(self._tokens)
            try:
                renew(tokens)
            except Error:
                log.warning("Could not renew %d leases; trying again in %g s.", len(tokens), _BEAT_S, exc_info=True)
            finally:
                connection.close()


_heart = _Heart()
