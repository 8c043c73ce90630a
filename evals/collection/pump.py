"""The pump: claims what is due, asks for many at once, and stores what comes back, until it is told to stop.

The thread that runs it does the database's work; the calls are made on an event loop in a second thread (`Network`). A
call that ends hands its place to one that was claimed ahead, so that no place is empty while the database is at work;
what ended and what began is stored together, many at a time.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

from django.db import Error, connections
from django.utils import timezone

from arena.net.many import AsyncGuardedTransport
from evals.collection.calls import Call, prepare
from evals.collection.providers import Lost
from evals.collection.queue import (
    LEASES,
    PAUSING,
    RENEW_EVERY_S,
    CallFailure,
    CallOutcome,
    Claim,
    Result,
    claim,
    claim_ahead,
    release,
    store,
    wanted,
)
from evals.collection.services import settle
from evals.collection.warm_up import WarmUps

__all__ = ["Pump"]

log = logging.getLogger(__name__)

# Work is looked for this often when no message announces it, and more often while there is some.
_POLL_EVERY_S = 2.0
_POLL_AT_WORK_S = 0.2
# The first result waits this long for others to be stored with.
_GATHER_S = 0.1
# Whether what was claimed ahead is still wanted is asked this often.
_WANTED_EVERY_S = 0.5
# Calls of one process at once. Providers have limits of their own.
_MOST = 400
# As many are claimed in one turn, so that workers who are woken together share the work.
_CLAIM = 100


class Pump:
    """`run` blocks; `wake` and `stop` may be called from any thread."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._inbox: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._unstored: list[Result] = []
        self._stopping = threading.Event()
        self._network: Network | None = None
        self._looked_if_wanted = 0.0
        self._warm_ups = WarmUps(self.wake)

    def wake(self) -> None:
        """There may be work."""
        self._inbox.put(None)

    def stop(self) -> None:
        """Claim nothing more; `run` ends when the calls in flight have."""
        self._stopping.set()
        if (network := self._network) is not None:
            network.stop_handing_over()
        self.wake()

    def run(self, *, until_idle: bool = False) -> None:
        """Returns when stopped; with `until_idle` also when nothing is due and nothing is in flight."""
        with Network(self._inbox.put) as network:
            self._network = network
            try:
                self._run(network, until_idle=until_idle)
            except BaseException:
                # Interrupted, or a bug in Arena. It counts as an attempt, so that a bug is not paid for forever; if
                # even this cannot be written, the leases expire.
                with suppress(Error):
                    release(network.take_back())
                    store([*self._unstored, *(Result(one, _INTERRUPTED) for one in network.asked())])
                self._unstored.clear()
                raise

    def _run(self, network: Network, *, until_idle: bool) -> None:
        renewed = time.monotonic()
        while True:
            claimed = False
            try:
                if time.monotonic() - renewed > RENEW_EVERY_S:
                    renewed = time.monotonic()
                    LEASES.renew({one.token for one in network.claims()})
                    self._warm_ups.renew()
                self._store()
                self._give_back(network)
                claimed = self._claim(network)
                if not claimed and not network.busy and not self._warm_ups.busy and self._inbox.empty():
                    settle()
                    if self._stopping.is_set() or until_idle:
                        return
            except Error:
                # The database may be away for a moment; what was answered is kept, and stored when it is back.
                log.exception("The database failed the pump; trying again in %g s.", _POLL_EVERY_S)
                connections.close_all()
                time.sleep(_POLL_EVERY_S)
            self._wait(network, more_to_claim=claimed)

    def _claim(self, network: Network) -> bool:
        if self._stopping.is_set():
            return False
        self._warm_ups.start()
        room = min(self._most - network.in_flight, _CLAIM)
        claims = claim(most=room) if room > 0 else []
        if self._most > 1:
            claims += claim_ahead(network.room_ahead())
        for one in prepare(claims):
            if isinstance(one, Call):
                network.ask(one)
            else:
                self._inbox.put(one)
        return bool(claims)

    def _give_back(self, network: Network) -> None:
        """What is not to be asked for any more: the provider pauses, the run was stopped, or this pump is."""
        back = network.take_back() if self._stopping.is_set() else network.take_back(only_stuck=True)
        now = time.monotonic()
        if network.waiting and now - self._looked_if_wanted > _WANTED_EVERY_S:
            self._looked_if_wanted = now
            back += network.take_back(but=wanted(network.ahead()))
        if back:
            release(back)

    def _wait(self, network: Network, *, more_to_claim: bool) -> None:
        """Until something happens, or it is time to look for work."""
        if not more_to_claim:
            try:
                self._take(self._inbox.get(timeout=_POLL_AT_WORK_S if network.busy else _POLL_EVERY_S))
            except queue.Empty:
                return
            if network.in_flight > 1:
                time.sleep(_GATHER_S)
        with suppress(queue.Empty):
            while True:
                self._take(self._inbox.get_nowait())

    def _take(self, result: Result | None) -> None:
        if result is not None:
            self._unstored.append(result)

    def _store(self) -> None:
        if self._unstored:
            store(self._unstored)
            self._unstored.clear()


_INTERRUPTED = CallFailure(Lost("interrupted in the worker: its log says why"))


class Network:
    """Calls on an event loop in a thread of its own. `done` gets each result, in that thread."""

    def __init__(self, done: Callable[[Result], None]) -> None:
        self._done = done
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._http: AsyncGuardedTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Under the lock: what is asked, and what waits for a place, by provider.
        self._lock = threading.Lock()
        self._asked: dict[int, Call] = {}
        self._ahead: defaultdict[int, deque[Call]] = defaultdict(deque)
        self._in_flight: Counter[int] = Counter()
        self._paused: set[int] = set()
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

    # for the thread of the database

    @property
    def in_flight(self) -> int:
        return len(self._asked)

    @property
    def waiting(self) -> int:
        return sum(len(calls) for calls in self._ahead.values())

    @property
    def busy(self) -> bool:
        return bool(self._asked or self.waiting)

    def asked(self) -> list[Claim]:
        with self._lock:
            return [call.claim for call in self._asked.values()]

    def ahead(self) -> list[Claim]:
        with self._lock:
            return [call.claim for calls in self._ahead.values() for call in calls]

    def claims(self) -> list[Claim]:
        return self.asked() + self.ahead()

    def room_ahead(self) -> dict[int, int]:
        """How many to claim ahead, by provider: two for each call in flight, once fewer than one are left."""
        with self._lock:
            waiting = {provider_id: len(calls) for provider_id, calls in self._ahead.items()}
            return {
                provider_id: 2 * calls - waiting.get(provider_id, 0)
                for provider_id, calls in self._in_flight.items()
                if waiting.get(provider_id, 0) < calls and provider_id not in self._paused
            }

    def ask(self, call: Call) -> None:
        with self._lock:
            if call.claim.ahead:
                self._ahead[call.provider_id].append(call)
                return
            self._enter(call)
        self._loop.call_soon_threadsafe(self._begin, call)

    def stop_handing_over(self) -> None:
        """From here on a call that ends leaves its place empty."""
        with self._lock:
            self._hands_over = False

    def take_back(self, *, only_stuck: bool = False, but: set[int] | None = None) -> list[Claim]:
        """Claims ahead that are not asked for any more: all, all `but` some, or those whose provider pauses or has no
        call in flight here that could hand its place over."""
        with self._lock:
            back: list[Claim] = []
            for provider_id, calls in self._ahead.items():
                if only_stuck and provider_id not in self._paused and self._in_flight[provider_id]:
                    continue
                kept = deque(call for call in calls if but is not None and call.claim.generation_id in but)
                if len(kept) < len(calls):
                    back += [call.claim for call in calls if but is None or call.claim.generation_id not in but]
                    self._ahead[provider_id] = kept
            if only_stuck:
                self._paused.clear()
            return back

    # in the loop's thread

    def _enter(self, call: Call) -> None:
        self._asked[call.claim.generation_id] = call
        self._in_flight[call.provider_id] += 1

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
            outcome = _INTERRUPTED
        self._end(call, outcome, began_at, in_flight)

    def _end(self, call: Call, outcome: CallOutcome | CallFailure, began_at: datetime, in_flight: int) -> None:
        with self._lock:
            del self._asked[call.claim.generation_id]
            self._in_flight[call.provider_id] -= 1
            if isinstance(outcome, CallFailure) and outcome.error.category in PAUSING:
                self._paused.add(call.provider_id)
            ahead = self._ahead[call.provider_id]
            may = self._hands_over and call.provider_id not in self._paused
            after = ahead.popleft() if ahead and may else None
            if after is not None:
                self._enter(after)
            # Within the lock: whoever sees nothing in flight finds the result.
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
