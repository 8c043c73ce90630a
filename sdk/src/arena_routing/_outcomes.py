"""What happened to requests, reported to Arena in batches by the background thread.

`put` never waits and never fails: when the queue is full, the oldest outcome is dropped and counted. Every outcome has
an id, so a batch that may or may not have arrived can be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from arena_routing._decision import Decision
from arena_routing._errors import Refused
from arena_routing._http import back_off, describe_error, jittered, read_body, retry_after, sentence

__all__ = ["OutcomeQueue", "make_outcome"]

log = logging.getLogger("arena_routing")
_PATH = "/api/v1/routing/outcomes"

_BATCH = 200
_MAX_ANSWER_BYTES = 64 << 10
# After these the same batch may be accepted later. After any other 4xx it never would be.
_WORTH_RETRYING = {401, 403, 404, 405, 408, 425, 429}
_ADVICE = {
    401: " Its token is missing, unknown or revoked. Make one with manage.py create_token.",
    403: " Its token lacks the scope outcomes:write.",
}
_MAX_TEXT = 200
_MAX_NUMBER = 1_000_000_000


def make_outcome(
    decision: Decision,
    *,
    model: str,
    error: str | None,
    at: float,
    latency_ms: float | None = None,
    ttft_ms: float | None = None,
    tokens: float | None = None,
    cost_usd: float | None = None,
) -> dict[str, Any]:
    """As `POST routing/outcomes` accepts it: one invalid outcome would cost its whole batch."""
    whole_tokens = _plausible(tokens)
    return {
        "id": str(uuid.uuid4()),
        "table_version": decision.table_version,
        "route_id": decision.route_id,
        "category": _clean(decision.category),
        "model": _clean(model),
        "ok": error is None,
        "error": None if error is None else _clean(error),
        "latency_ms": _plausible(latency_ms),
        "ttft_ms": _plausible(ttft_ms),
        "tokens": None if whole_tokens is None else int(whole_tokens),
        "cost_usd": _plausible(cost_usd),
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _plausible(value: float | None) -> float | None:
    """None for a value that is not finite, or that no request can have."""
    return float(value) if value is not None and 0 <= value <= _MAX_NUMBER else None


def _clean(value: str) -> str:
    """Without what a database or UTF-8 cannot hold: a category may come straight from the service's own caller."""
    return value.replace("\0", "").encode(errors="replace").decode()[:_MAX_TEXT]


class _NotAccepted(Exception):  # noqa: N818
    """Arena did not accept a batch. The same batch may be sent again after `wait_s`."""

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__()
        self.wait_s = wait_s


class OutcomeQueue:
    def __init__(self, *, url: str, capacity: int, interval_s: float, timeout_s: float) -> None:
        self.dropped = 0
        self._url = url.rstrip("/") + _PATH
        self._capacity = capacity
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._problem = ""
        self.reset()

    def reset(self) -> None:
        """Empties the queue. What a forked child inherits is sent by its parent."""
        self._lock = threading.Lock()
        self._queue: deque[Mapping[str, Any]] = deque()
        self._wake: Callable[[], object] | None = None
        self._sending = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, outcome: Mapping[str, Any]) -> None:
        """May be called from any thread."""
        with self._lock:
            self._queue.append(outcome)
            self._drop_excess()
            # Once for every full batch: whatever comes later finds the sender awake.
            wake = self._wake if len(self._queue) == min(_BATCH, self._capacity) else None
        if wake is not None:
            with contextlib.suppress(RuntimeError):  # its loop has just ended
                wake()

    async def send_forever(self, client: httpx.AsyncClient) -> None:
        """Sends what is waiting, after each interval or as soon as a batch is full."""
        loop, batch_is_full = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(batch_is_full.set)
        failures, wait = 0, self._interval_s
        while True:
            try:
                async with asyncio.timeout(jittered(wait)):
                    await batch_is_full.wait()
            except TimeoutError:
                pass
            batch_is_full.clear()
            try:
                await self._send_all(client)
                failures, wait = 0, self._interval_s
            except _NotAccepted as refusal:
                failures += 1
                # Sleeps through full batches: they are no reason to press a server that is down.
                await asyncio.sleep(jittered(max(refusal.wait_s, back_off(failures, interval=self._interval_s))))
                wait = 0.0

    async def drain(self, client: httpx.AsyncClient, within_s: float) -> None:
        """Before closing: sends everything once, after the batch that is under way, as far as the time allows."""
        try:
            async with asyncio.timeout(within_s):
                await self._send_all(client)
        except (_NotAccepted, TimeoutError):
            pass

    def drop_the_rest(self) -> None:
        """After `drain`: what is left counts as dropped."""
        with self._lock:
            left = len(self._queue)
            self._queue.clear()
            self.dropped += left
        if left:
            log.warning("%s could not be reported before closing. %s", _counted(left), self._problem)

    async def _send_all(self, client: httpx.AsyncClient) -> None:
        async with self._sending:
            while batch := self._take_batch():
                try:
                    await self._send(client, batch)
                except BaseException:
                    # Also when cancelled: thanks to the ids, sending it twice does no harm.
                    self._put_back(batch)
                    raise
                self._problem = ""

    async def _send(self, client: httpx.AsyncClient, batch: list[Mapping[str, Any]]) -> None:
        """Raises _NotAccepted if the batch is worth another attempt."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status, answer, wait_s = await self._post(client, batch)
        except (httpx.HTTPError, TimeoutError) as error:
            self._log_problem("cannot be reached", describe_error(error))
            raise _NotAccepted from None
        except Exception as error:  # if the thread ended here, nothing would be reported any more
            log.exception("Reporting outcomes failed unexpectedly.")
            self._log_problem("could not be asked", sentence(type(error).__name__))
            raise _NotAccepted from None
        if 200 <= status < 300:
            return
        if not 400 <= status < 500 or status in _WORTH_RETRYING:
            self._log_problem("does not accept them", f"The answer is {status}.{_ADVICE.get(status, '')}")
            raise _NotAccepted(wait_s)
        with self._lock:
            self.dropped += len(batch)
        log.error("Lost %s, which Arena refused with status %s: %s", _counted(len(batch)), status, answer)

    async def _post(self, client: httpx.AsyncClient, batch: list[Mapping[str, Any]]) -> tuple[int, str, float]:
        """The status, the start of the answer, and how many seconds the server asks to wait."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with client.stream("POST", self._url, json={"outcomes": batch}, headers=headers) as response:
            try:
                answer = (await read_body(response, _MAX_ANSWER_BYTES)).decode(errors="replace")[:300]
            except Refused as refusal:
                answer = str(refusal)
            return response.status_code, answer, retry_after(response)

    def _log_problem(self, what: str, problem: str) -> None:
        if problem != self._problem:  # once, not with every attempt
            self._problem = problem
            log.warning("Outcomes are waiting, because %s %s: %s", self._url, what, problem)

    def _take_batch(self) -> list[Mapping[str, Any]]:
        with self._lock:
            return [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]

    def _put_back(self, batch: list[Mapping[str, Any]]) -> None:
        with self._lock:
            self._queue.extendleft(reversed(batch))
            self._drop_excess()

    def _drop_excess(self) -> None:
        while len(self._queue) > self._capacity:
            self._queue.popleft()
            self.dropped += 1


def _counted(outcomes: int) -> str:
    return f"{outcomes} {'outcome' if outcomes == 1 else 'outcomes'}"
