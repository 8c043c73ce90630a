"""Sends what is due: to several webhooks at once, one message at a time to each, and beside the other chores.

A receiver may take 15 s to say nothing, and a cluster may have one worker, which votes wait for too. So the chore only
starts the sending, in a thread of the worker's process. What that process leaves when it ends, leases give to another.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Lock, Thread

import structlog
from django.db import connection
from django.utils import timezone

from arena.sealing import SealError, unseal
from routing.webhooks.claims import Claim, claim_next, due, finish
from routing.webhooks.posting import TOTAL_S, Posted, post
from routing.webhooks.services import give_up_stranded
from routing.webhooks.signing import headers

__all__ = ["begin", "deliver"]

# How many receivers are waited for at the same time.
AT_ONCE = 8
# While one is waited for, what is due meanwhile for others is looked for this often.
_LOOK_S = 0.5

log = structlog.get_logger(__name__)


def begin() -> bool:
    """Gives up what is stranded, has this process send what is due, and returns at once. False if nothing is due."""
    now = timezone.now()
    give_up_stranded(now=now)
    if not due(now).exists():
        return False
    _sending.begin()
    return True


def deliver(*, total_s: float = TOTAL_S, clock: Callable[[], datetime] = timezone.now) -> int:
    """Sends what is due at `clock`, at most `total_s` for each, until nothing is. Returns how many messages, taken or
    not.

    Rows are read and written by the caller's thread alone, never while it waits for the network; the others only post.
    """
    sent = 0
    busy: set[int] = set()
    came: SimpleQueue[tuple[Claim, Posted]] = SimpleQueue()
    while True:
        while len(busy) < AT_ONCE and (claim := claim_next(now=clock(), busy=busy)) is not None:
            busy.add(claim.webhook_id)
            # A daemon: a process that ends waits for no receiver.
            Thread(target=_send, args=(claim, total_s, came), name="webhook-post", daemon=True).start()
        if not busy:
            return sent
        try:
            claim, posted = came.get(timeout=_LOOK_S)
        except Empty:
            continue
        busy.discard(claim.webhook_id)
        finish(claim=claim, posted=posted, now=clock())
        sent += 1


def _send(claim: Claim, total_s: float, came: SimpleQueue[tuple[Claim, Posted]]) -> None:
    posted = Posted(None, "not sent, by a fault of Arena's own: its log says which")
    try:
        secrets = [unseal(one) for one in claim.sealed]
        signed = headers(message_id=claim.message_id, body=claim.body, at=claim.at, secrets=secrets)
        posted = post(claim.url, body=claim.body, headers=signed, total_s=total_s)
    except SealError as error:
        posted = Posted(None, f"not sent: its secret was {error}. Restore that key, or make a new secret.")
    except Exception:
        log.exception("webhook_not_sent", webhook=claim.webhook_id)
    finally:
        came.put((claim, posted))


class _Sending:
    """One thread a process; there only while anything is sent."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: Thread | None = None
        self._asked = False

    def begin(self) -> None:
        with self._lock:
            # One that is about to end looks once more.
            self._asked = True
            # A forked child has the object, but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while self._goes_on():
                deliver()
        except Exception:
            # Nobody waits for this thread, so nobody else would say so. The next chore goes on.
            log.exception("webhooks_not_sent")
        finally:
            connection.close()

    def _goes_on(self) -> bool:
        with self._lock:
            asked, self._asked = self._asked, False
            if not asked:
                self._thread = None
            return asked


_sending = _Sending()
