"""Sends what is due: to several webhooks at once, one message at a time to each, and beside the other chores.

One POST touches no database, follows no redirect, ends within its time, and believes nothing it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Lock, Thread

import httpx
import structlog
from django.db import connection
from django.utils import timezone

from arena.net.client import open_client
from arena.net.deadlines import Deadline
from arena.net.headers import retry_after
from arena.net.rules import OutboundRefused
from arena.sealing import SealError, unseal
from routing.webhooks.messages import headers
from routing.webhooks.queue import LONGEST_S, Claim, Posted, claim_next, due, finish
from routing.webhooks.services import give_up_stranded

__all__ = ["TOTAL_S", "begin", "deliver", "post"]

TOTAL_S = 15.0
# With its status the receiver has said all that counts; the rest is for the log.
_ANSWER_S = 2.0
_ANSWER_BYTES = 4096
_ANSWER_CHARS = 300
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
log = structlog.get_logger(__name__)


def post(url: str, *, body: str, headers: Mapping[str, str], total_s: float = TOTAL_S) -> Posted:
    """Whatever a receiver sends is a result, and so is whatever keeps it from being asked."""
    deadline = Deadline(total_s=total_s)
    try:
        with open_client() as http, deadline.applied():
            request = http.build_request(
                "POST", url, content=body.encode(), headers=_HEADERS | dict(headers), timeout=total_s
            )
            response = http.send(request, stream=True)
            try:
                return _read(response, deadline)
            finally:
                response.close()
    except (OutboundRefused, httpx.HTTPError, httpx.InvalidURL) as error:
        return Posted(None, _words(error, total_s), duration_ms=deadline.elapsed_ms())


def _read(response: httpx.Response, deadline: Deadline) -> Posted:
    duration_ms = deadline.elapsed_ms()
    deadline.shorten(_ANSWER_S)
    beginning = bytearray()
    try:
        for chunk in response.iter_raw():
            beginning += chunk
            if len(beginning) >= _ANSWER_BYTES:
                break
    except httpx.HTTPError:
        log.debug("webhook_answer_cut")
    error = "it redirects, which is not followed: set the final address" if response.is_redirect else ""
    return Posted(
        response.status_code,
        error,
        _one_line(beginning[:_ANSWER_BYTES].decode("utf-8", "replace"))[:_ANSWER_CHARS],
        duration_ms,
        retry_after(response.headers, now=datetime.now(UTC), at_most_s=LONGEST_S),
    )


def _words(error: Exception, total_s: float) -> str:
    if isinstance(error, OutboundRefused):
        return error.detail[:300]
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return _one_line(f"no connection: {error}")[:300]
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in {total_s:g} s"
    return _one_line(f"no answer: {str(error) or type(error).__name__}")[:300]


def _one_line(text: str) -> str:
    """Without what is not shown: control characters, among them NUL, which PostgreSQL refuses, and marks that turn the
    direction of a text."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


# How many receivers are waited for at the same time.
AT_ONCE = 8
# While one is waited for, what is due meanwhile for others is looked for this often.
_LOOK_S = 0.5


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
