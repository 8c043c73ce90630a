"""What runs behind a Router: one daemon thread with its own event loop, in which tables are polled for and outcomes are
sent. Neither waits for the other, and every request has a hard time limit. It survives forks and the process's end."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import httpx

from arena_routing._outcomes import OutcomeQueue
from arena_routing._poller import Poller

__all__ = ["Background"]

log = logging.getLogger("arena_routing")
_EXIT_GRACE_S = 2.0


class Background:
    """At most one thread in each process, until closed. A forked child starts its own when it is first used."""

    def __init__(
        self,
        poller: Poller,
        outcomes: OutcomeQueue | None,
        make_client: Callable[[], httpx.AsyncClient],
        *,
        timeout_s: float,
    ) -> None:
        self.poller = poller
        self.outcomes = outcomes
        self._make_client = make_client
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._thread: _Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Idempotent, and cheap once it runs."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._closed:
                thread = _Thread(self.poller, self.outcomes, self._make_client())
                thread.start()
                self._thread = thread
                _running.add(self)

    def wait_for_first_poll(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.has_polled.wait(self._timeout_s)

    def poll_now(self) -> None:
        """Polls out of turn, and waits until that is done."""
        self.start()
        thread = self._thread
        if thread is not None:
            try:
                # A poll that is under way is finished first.
                thread.poll_now().result(2 * self._timeout_s + 1.0)
            except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
                log.warning("Polling for a newer routing table has not finished in time.")

    def report(self, outcome: Mapping[str, Any]) -> None:
        self.start()
        if self.outcomes is not None and not self._closed:
            self.outcomes.put(outcome)

    def close(self, grace_s: float) -> None:
        with self._lock:
            thread, self._thread, self._closed = self._thread, None, True
        _running.discard(self)
        if thread is not None:
            thread.stop(grace_s)

    def forget_parent(self) -> None:
        """In a forked child: the thread, its connections and the waiting outcomes are the parent's, and a lock may be
        held for ever."""
        self._lock = threading.Lock()
        _inherited.append(self._thread)
        self._thread = None
        if self.outcomes is not None:
            self.outcomes.reset()


_running: set[Background] = set()
# What a child has inherited must not be touched, not even by the garbage collector.
_inherited: list[_Thread | None] = []


def _forget_parents() -> None:
    for background in _running:
        background.forget_parent()


@atexit.register
def _close_all() -> None:
    for background in list(_running):
        background.close(_EXIT_GRACE_S)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)


class _Thread:
    """Runs from `start` to `stop`. It is not restarted, and does not survive a fork."""

    def __init__(self, poller: Poller, outcomes: OutcomeQueue | None, client: httpx.AsyncClient) -> None:
        self.has_polled = threading.Event()
        self._poller = poller
        self._outcomes = outcomes
        self._client = client
        self._loop = _EventLoop(_Selector())
        self._polling = asyncio.Lock()
        self._closing = asyncio.Event()
        self._grace_s = 0.0
        self._thread = threading.Thread(target=self._run, name="arena-routing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poll_now(self) -> Future[float]:
        """To be called from another thread."""
        return asyncio.run_coroutine_threadsafe(self._poll(), self._loop)

    def stop(self, grace_s: float) -> None:
        """Sends the waiting outcomes, for at most `grace_s`, and ends."""
        self._grace_s = grace_s
        try:
            self._loop.call_soon_threadsafe(self._closing.set)
        except RuntimeError:
            return  # its loop has ended already
        self._thread.join(grace_s + 1.0)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._work())
            # Closes the generators of bodies that were not read to their end.
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _work(self) -> None:
        outcomes = self._outcomes
        tasks = [asyncio.create_task(self._poll_forever())]
        if outcomes is not None:
            tasks.append(asyncio.create_task(outcomes.send_forever(self._client)))
        await self._closing.wait()
        if outcomes is not None:
            await outcomes.drain(self._client, self._grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if outcomes is not None:
            outcomes.drop_the_rest()
        await self._client.aclose()

    async def _poll_forever(self) -> None:
        while True:
            wait = await self._poll()
            self.has_polled.set()
            await asyncio.sleep(wait)

    async def _poll(self) -> float:
        async with self._polling:
            return await self._poller.poll(self._client)


# poll() rather than epoll: an epoll set would stay shared with a forked child, which could stop its parent's loop by
# cleaning up. Windows has no poll(), and no fork.
_Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)


class _EventLoop(asyncio.SelectorEventLoop):
    """Resolves names in threads of its own. The default executor's threads would delay the process's end while a name
    server is silent, and take no work once the end has begun, which is when the last outcomes are sent."""

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 (asyncio's own name)
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        answer: asyncio.Future[list[Any]] = self.create_future()

        def settle(found: list[Any] | Exception) -> None:
            if answer.done():
                return  # the caller has given up
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def resolve() -> None:
            found: list[Any] | Exception
            try:
                found = socket.getaddrinfo(host, port, family, type, proto, flags)
            except (OSError, UnicodeError) as error:
                found = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self.call_soon_threadsafe(settle, found)

        try:
            threading.Thread(target=resolve, name="arena-routing-names", daemon=True).start()
        except RuntimeError:  # Python 3.12 and later start no threads while the process ends
            resolve()
        return await answer
