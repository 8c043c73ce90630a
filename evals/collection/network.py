"""Calls on an event loop in a thread. Which calls may begin, and when, is the pump's to know."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self

from django.utils import timezone

from arena.net.many import AsyncGuardedTransport
from evals.collection.calls import Call, load_prices
from evals.collection.providers import InternalError, Lost
from evals.collection.storing import CallFailure, Result

__all__ = ["FAILED", "INTERRUPTED", "Done", "Network"]

log = logging.getLogger(__name__)

Done = Callable[[Result], None]

INTERRUPTED = CallFailure(Lost("interrupted in the worker: its log says why"))
# By a bug of Arena's own.
FAILED = CallFailure(InternalError("Arena failed at this call: the worker's log says why"))


class Network:
    """Makes the calls. `done` gets each result, in the loop's thread."""

    def __init__(self, done: Done) -> None:
        self._done = done
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._http: AsyncGuardedTransport | None = None
        # In the loop's thread alone.
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: Counter[int] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        self._http = self._in_loop(_opened())
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def check(self) -> None:
        """Raises if calls can no longer be made."""

    def ask(self, calls: Sequence[Call]) -> None:
        """All of them, at once."""
        load_prices(calls)
        self._loop.call_soon_threadsafe(self._begin, calls)

    # in the loop's thread

    def _begin(self, calls: Sequence[Call]) -> None:
        self._in_flight.update(call.provider_id for call in calls)
        for call in calls:
            task = self._loop.create_task(self._ask(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, call: Call) -> None:
        assert self._http is not None
        began_at, in_flight = timezone.now(), self._in_flight[call.provider_id]
        try:
            outcome = await call.ask(self._http)
        except Exception:
            # A bug in Arena: scoring an answer, say.
            log.exception("The call for generation %d failed.", call.claim.generation_id)
            outcome = FAILED
        self._in_flight[call.provider_id] -= 1
        self._done(Result(call.claim, outcome, began_at, in_flight))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._http is not None
        await self._http.aclose()
        await self._loop.shutdown_default_executor()

    def _in_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _opened() -> AsyncGuardedTransport:
    return AsyncGuardedTransport()
