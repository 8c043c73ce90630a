"""Calls on an event loop in a thread, and what waits for their places."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Self

from django.utils import timezone

from arena.net.many import AsyncGuardedTransport
from evals.collection.calls import Call, load_prices
from evals.collection.providers import InternalError, Lost
from evals.collection.queue import PAUSING, CallFailure, CallOutcome, Claim, Result

__all__ = ["FAILED", "INTERRUPTED", "Done", "Network", "Places"]

log = logging.getLogger(__name__)

Done = Callable[[Result], None]

INTERRUPTED = CallFailure(Lost("interrupted in the worker: its log says why"))
# By a bug of Arena's own.
FAILED = CallFailure(InternalError("Arena failed at this call: the worker's log says why"))


class Places:
    """Which calls are in flight, and which of those claimed ahead wait for a place, by provider."""

    def __init__(self) -> None:
        # Under the lock, all of it.
        self._lock = threading.Lock()
        self._asked: dict[int, Call] = {}
        self._ahead: defaultdict[int, dict[int, Call]] = defaultdict(dict)
        self._in_flight: Counter[int] = Counter()
        self._paused: set[int] = set()

    @property
    def in_flight(self) -> int:
        return len(self._asked)

    @property
    def waiting(self) -> int:
        with self._lock:
            return sum(len(calls) for calls in self._ahead.values())

    @property
    def busy(self) -> bool:
        return bool(self._asked or self.waiting)

    def asked(self) -> list[Claim]:
        with self._lock:
            return [call.claim for call in self._asked.values()]

    def ahead(self) -> list[Claim]:
        with self._lock:
            return [call.claim for calls in self._ahead.values() for call in calls.values()]

    def claims(self) -> list[Claim]:
        return self.asked() + self.ahead()

    def room_ahead(self) -> dict[int, int]:
        """How many to claim ahead, by provider: three for each call in flight, once fewer than two are left."""
        with self._lock:
            waiting = {provider_id: len(calls) for provider_id, calls in self._ahead.items()}
            return {
                provider_id: 3 * calls - waiting.get(provider_id, 0)
                for provider_id, calls in self._in_flight.items()
                if waiting.get(provider_id, 0) < 2 * calls and provider_id not in self._paused
            }

    # within the lock

    def _place(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if call.claim.ahead:
                self._ahead[call.provider_id][call.claim.generation_id] = call
            else:
                self._enter(call)

    def _enter(self, call: Call) -> None:
        self._asked[call.claim.generation_id] = call
        self._in_flight[call.provider_id] += 1

    def _leave(self, call: Call, outcome: CallOutcome | CallFailure) -> None:
        del self._asked[call.claim.generation_id]
        self._in_flight[call.provider_id] -= 1
        if isinstance(outcome, CallFailure) and outcome.error.category in PAUSING:
            self._paused.add(call.provider_id)

    def _unwanted(self, *, only_stuck: bool, but: set[int] | None) -> list[Call]:
        """Calls ahead: all, all `but` some, or those whose provider pauses or has no call in flight here that could
        hand its place over."""
        return [
            call
            for provider_id, calls in self._ahead.items()
            if not only_stuck or provider_id in self._paused or not self._in_flight[provider_id]
            for call in calls.values()
            if but is None or call.claim.generation_id not in but
        ]


class Network(Places):
    """Makes the calls. `done` gets each result, in the loop's thread."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self._done = done
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._http: AsyncGuardedTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hands_over = True

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
        load_prices(calls)
        with self._lock:
            self._place(calls)
        for call in calls:
            if not call.claim.ahead:
                self._loop.call_soon_threadsafe(self._begin, call)

    def stop_handing_over(self) -> None:
        """From here on a call that ends leaves its place empty."""
        with self._lock:
            self._hands_over = False

    def take_back(self, *, only_stuck: bool = False, but: set[int] | None = None) -> list[Claim]:
        """Claims ahead that are not asked for any more: all, all `but` some, or those whose provider pauses or has no
        call in flight here that could hand its place over."""
        with self._lock:
            back = self._unwanted(only_stuck=only_stuck, but=but)
            for call in back:
                del self._ahead[call.provider_id][call.claim.generation_id]
            if only_stuck:
                self._paused.clear()
            return [call.claim for call in back]

    # in the loop's thread

    def _begin(self, call: Call) -> None:
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
        self._end(call, outcome, began_at, in_flight)

    def _end(self, call: Call, outcome: CallOutcome | CallFailure, began_at: datetime, in_flight: int) -> None:
        with self._lock:
            self._leave(call, outcome)
            ahead = self._ahead[call.provider_id]
            may = self._hands_over and call.provider_id not in self._paused
            after = ahead.pop(next(iter(ahead))) if ahead and may else None
            if after is not None:
                self._enter(after)
            # Within the lock: a thread that sees nothing in flight finds the result.
            self._done(Result(call.claim, outcome, began_at, in_flight, None if after is None else after.claim))
        if after is not None:
            self._begin(after)

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
