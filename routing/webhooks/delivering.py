"""Sends what is due: several webhooks at once, one message at a time to each, in a chore that ends soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from django.utils import timezone
from django_q.tasks import async_task

from arena.sealing import SealError, unseal
from routing.webhooks.claims import Claim, claim_next, due, finish
from routing.webhooks.posting import TOTAL_S, Posted, post
from routing.webhooks.services import DELIVER
from routing.webhooks.signing import headers

__all__ = ["deliver"]

# How many receivers are waited for at the same time.
AT_ONCE = 8
# How long a run takes on more. With the last one's time it stays far below what a chore may take.
TAKES_ON_S = 5.0


def deliver(
    *, total_s: float = TOTAL_S, takes_on_s: float = TAKES_ON_S, clock: Callable[[], datetime] = timezone.now
) -> int:
    """Sends what is due at `clock`, at most `total_s` for each. Returns how many messages it sent, taken or not.

    Rows are read and written by the caller's thread alone, never while it waits for the network; the others only post.
    A run takes at most `takes_on_s` and `total_s`. What a run leaves that was not kept waiting, the next one does at
    once, behind the other chores; else it is left to the clock, so that slow receivers take a part of each minute only.
    """
    sent = 0
    started = time.monotonic()
    running: dict[Future[Posted], Claim] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as pool:
        while True:
            while len(running) < AT_ONCE and time.monotonic() - started < takes_on_s:
                claim = claim_next(now=clock(), busy={one.webhook_id for one in running.values()})
                if claim is None:
                    break
                running[pool.submit(_send, claim, total_s)] = claim
            if not running:
                break
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                finish(claim=running.pop(done), posted=done.result(), now=clock())
                sent += 1
    if takes_on_s <= time.monotonic() - started < takes_on_s + 1 and due(clock()).exists():
        async_task(DELIVER)
    return sent


def _send(claim: Claim, total_s: float) -> Posted:
    try:
        secrets = [unseal(one) for one in claim.sealed]
    except SealError as error:
        return Posted(None, f"not sent: its secret was {error}. Restore that key, or make a new secret.")
    signed = headers(message_id=claim.message_id, body=claim.body, at=claim.at, secrets=secrets)
    return post(claim.url, body=claim.body, headers=signed, total_s=total_s)
