"""What happened to requests, told to Arena in batches by the background thread.

`put` never waits and never fails: when the queue is full the oldest outcome goes, and is counted. An outcome has an id,
so a batch that may or may not have arrived is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from arena_routing._errors import Refused
from arena_routing._feed import again_after, jittered, read_body, retry_after, sentence

__all__ = ["PATH", "Outcomes"]

log = logging.getLogger("arena_routing")
PATH = "/api/v1/routing/outcomes"

_BATCH = 200
_SLOWEST = 60.0
_ANSWER_BYTES = 64 << 10
# Worth another attempt with the very same batch; other refusals of 4xx would be repeated for ever.
_PASSING = {401, 403, 404, 405, 408, 425, 429}


_ADVICE = {
    401: " Its token is missing, not known or was revoked. Make one with manage.py create_token.",
    403: " Its token lacks the scope outcomes:write.",
}


class _NotTaken(Exception):  # noqa: N818
    """Arena did not take a batch; the same one may be sent again after `wait_s`."""

    def __init__(self, problem: str, wait_s: float = 0.0) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class Outcomes:
    def __init__(self, *, url: str, capacity: int, every_s: float, timeout_s: float) -> None:
        self.dropped = 0
        self._url = url.rstrip("/") + PATH
        self._capacity = capacity
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._problem = ""
        self.forget()

    def forget(self) -> None:
        """Empties the queue: what a forked child inherits, its parent will send."""
        self._lock = threading.Lock()
        self._queue: deque[Mapping[str, Any]] = deque()
        self._ring: Callable[[], object] | None = None
        self._sending = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, outcome: Mapping[str, Any]) -> None:
        """From any thread."""
        with self._lock:
            self._queue.append(outcome)
            self._trim()
            # One ring for a batch that is full; what comes later finds the sender awake.
            ring = self._ring if len(self._queue) == min(_BATCH, self._capacity) else None
        if ring is not None:
            with contextlib.suppress(RuntimeError):  # its loop has just ended
                ring()

    async def watch(self, client: httpx.AsyncClient) -> None:
        """Sends what waits, for ever: after a while, or as soon as a batch is full."""
        loop, bell = asyncio.get_running_loop(), asyncio.Event()
        self._ring = lambda: loop.call_soon_threadsafe(bell.set)
        failures, wait = 0, self._every_s
        while True:
            try:
                async with asyncio.timeout(jittered(wait)):
                    await bell.wait()
            except TimeoutError:
                pass
            bell.clear()
            try:
                await self._send_all(client)
                failures, wait = 0, self._every_s
            except _NotTaken as refusal:
                failures += 1
                back_off = max(refusal.wait_s, again_after(failures, at_first=self._every_s, at_most=_SLOWEST))
                # Deaf to the bell until then: a full queue is no reason to press on a server that is down.
                await asyncio.sleep(jittered(back_off))
                wait = 0.0

    async def drain(self, client: httpx.AsyncClient, within_s: float) -> None:
        """The last word: everything once, after what is under way, as far as the time suffices."""
        try:
            async with asyncio.timeout(within_s):
                await self._send_all(client)
        except (_NotTaken, TimeoutError):
            pass

    def give_up(self) -> None:
        """What is left is counted as dropped."""
        with self._lock:
            left = len(self._queue)
            self._queue.clear()
            self.dropped += left
        if left:
            log.warning("%s could not be reported before closing. %s", _counted(left), self._problem)

    async def _send_all(self, client: httpx.AsyncClient) -> None:
        async with self._sending:
            while batch := self._take():
                try:
                    await self._send(client, batch)
                except BaseException:
                    # Also when cancelled: the ids make a second time harmless.
                    self._put_back(batch)
                    raise
                self._problem = ""

    async def _send(self, client: httpx.AsyncClient, batch: list[Mapping[str, Any]]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                status, answer, wait_s = await self._post(client, batch)
        except (httpx.HTTPError, TimeoutError) as error:
            told = sentence(f"{type(error).__name__}: {error}".rstrip(": "))
            raise self._not_taken("cannot be reached", told) from None
        except Exception as error:  # a thread that ends here would report nothing any more
            log.exception("Reporting outcomes failed.")
            raise self._not_taken("could not be told", sentence(type(error).__name__)) from None
        if 200 <= status < 300:
            return
        if not 400 <= status < 500 or status in _PASSING:
            raise self._not_taken("does not accept them", f"The answer is {status}.{_ADVICE.get(status, '')}", wait_s)
        with self._lock:
            self.dropped += len(batch)
        were = "was" if len(batch) == 1 else "were"
        log.error("%s %s turned down with %s, and lost: %s", _counted(len(batch)), were, status, answer)

    async def _post(self, client: httpx.AsyncClient, batch: list[Mapping[str, Any]]) -> tuple[int, str, float]:
        """(status, the start of the answer, the seconds the server asks to be left alone)."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with client.stream("POST", self._url, json={"outcomes": batch}, headers=headers) as response:
            try:
                answer = (await read_body(response, _ANSWER_BYTES)).decode(errors="replace")[:300]
            except Refused as refusal:
                answer = str(refusal)
            return response.status_code, answer, retry_after(response)

    def _not_taken(self, what: str, problem: str, wait_s: float = 0.0) -> _NotTaken:
        if problem != self._problem:  # once, not with every attempt
            self._problem = problem
            log.warning("Outcomes wait, %s %s: %s", self._url, what, problem)
        return _NotTaken(problem, wait_s)

    def _take(self) -> list[Mapping[str, Any]]:
        with self._lock:
            return [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]

    def _put_back(self, batch: list[Mapping[str, Any]]) -> None:
        with self._lock:
            self._queue.extendleft(reversed(batch))
            self._trim()

    def _trim(self) -> None:
        while len(self._queue) > self._capacity:
            self._queue.popleft()
            self.dropped += 1


def _counted(outcomes: int) -> str:
    return f"{outcomes} {'outcome' if outcomes == 1 else 'outcomes'}"
