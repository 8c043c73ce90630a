"""The one thread behind a Router: a daemon with an event loop of its own, in which tables are polled for and outcomes
are sent, so that neither waits for the other and every request has a hard time limit."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import threading
from concurrent.futures import Future
from typing import Any

import httpx

from arena_routing._feed import Feed
from arena_routing._outcomes import Outcomes

__all__ = ["Worker"]

# poll() in place of epoll: an epoll set would stay shared with a forked child, which could stop its parent's loop by
# tidying up. Windows has no poll(), and no fork.
_Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)


class _Loop(asyncio.SelectorEventLoop):
    """Resolves names in threads of its own. Those of the default executor would hold up the process's end while a name
    server is silent, and take nothing on once the end has begun, which is when the last outcomes are sent."""

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
                return  # nobody waits any more
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
        except RuntimeError:  # Python 3.12 starts no thread any more while it ends
            resolve()
        return await answer


class Worker:
    """Runs from `start` to `stop`. Not restarted, and not carried over a fork: a child makes its own."""

    def __init__(self, feed: Feed, outcomes: Outcomes | None, client: httpx.AsyncClient) -> None:
        self.has_looked = threading.Event()
        self._feed = feed
        self._outcomes = outcomes
        self._client = client
        self._loop = _Loop(_Selector())
        self._polling = asyncio.Lock()
        self._closing = asyncio.Event()
        self._grace_s = 0.0
        self._thread = threading.Thread(target=self._run, name="arena-routing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> Future[float]:
        """A look out of turn, from another thread."""
        return asyncio.run_coroutine_threadsafe(self._look(), self._loop)

    def stop(self, grace_s: float) -> None:
        """Sends the outcomes that wait, for at most `grace_s`, and ends."""
        self._grace_s = grace_s
        try:
            self._loop.call_soon_threadsafe(self._closing.set)
        except RuntimeError:
            return  # its loop has ended already
        self._thread.join(grace_s + 1.0)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._work())
            # Bodies that were not read to their end.
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _work(self) -> None:
        outcomes = self._outcomes
        duties = [asyncio.create_task(self._watch())]
        if outcomes is not None:
            duties.append(asyncio.create_task(outcomes.watch(self._client)))
        await self._closing.wait()
        if outcomes is not None:
            await outcomes.drain(self._client, self._grace_s)
        for duty in duties:
            duty.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
        if outcomes is not None:
            outcomes.give_up()
        await self._client.aclose()

    async def _watch(self) -> None:
        while True:
            wait = await self._look()
            self.has_looked.set()
            await asyncio.sleep(wait)

    async def _look(self) -> float:
        async with self._polling:
            return await self._feed.poll(self._client)
