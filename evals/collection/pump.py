"""The pump: claims what is due, asks for many at once, and stores what comes back, until it is told to stop.

The thread that runs it does the database's work; the calls are made on an event loop in a second thread (`Network`),
or, in a worker, in a process of its own (`NetworkProcess`). A call that ends hands its place to one that was claimed
ahead, so that no place is empty while the database is at work; what ended and what began is stored together, many at a
time.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from django.db import Error, connections

from evals.collection.calls import Call, prepare
from evals.collection.network import FAILED, INTERRUPTED, Done, Network
from evals.collection.network_process import NetworkEndedError, NetworkProcess
from evals.collection.queue import (
    LEASES,
    RENEW_EVERY_S,
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

    def __init__(self, *, most: int = _MOST, network: Callable[[Done], Network | NetworkProcess] = Network) -> None:
        self._most = most
        self._make_network = network
        self._inbox: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._unstored: list[Result] = []
        self._stopping = threading.Event()
        self._network: Network | NetworkProcess | None = None
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
        with self._make_network(self._inbox.put) as network:
            self._network = network
            try:
                self._run(network, until_idle=until_idle)
            except BaseException as error:
                # It counts as an attempt, so that a bug is not paid for forever; if even this cannot be written, the
                # leases expire.
                interrupted = isinstance(error, NetworkEndedError) or not isinstance(error, Exception)
                failure = INTERRUPTED if interrupted else FAILED
                with suppress(Error):
                    release(network.take_back())
                    store([*self._unstored, *(Result(one, failure) for one in network.asked())])
                self._unstored.clear()
                raise

    def _run(self, network: Network | NetworkProcess, *, until_idle: bool) -> None:
        renewed = time.monotonic()
        while True:
            claimed = False
            network.check()
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

    def _claim(self, network: Network | NetworkProcess) -> bool:
        if self._stopping.is_set():
            return False
        self._warm_ups.start()
        room = min(self._most - network.in_flight, _CLAIM)
        claims = claim(most=room) if room > 0 else []
        if self._most > 1:
            claims += claim_ahead(network.room_ahead())
        prepared = prepare(claims)
        network.ask([one for one in prepared if isinstance(one, Call)])
        for one in prepared:
            if isinstance(one, Result):
                self._inbox.put(one)
        return bool(claims)

    def _give_back(self, network: Network | NetworkProcess) -> None:
        """What is not to be asked for any more: the provider pauses, the run was stopped, or this pump is."""
        back = network.take_back() if self._stopping.is_set() else network.take_back(only_stuck=True)
        now = time.monotonic()
        if network.waiting and now - self._looked_if_wanted > _WANTED_EVERY_S:
            self._looked_if_wanted = now
            back += network.take_back(but=wanted(network.ahead()))
        if back:
            release(back)

    def _wait(self, network: Network | NetworkProcess, *, more_to_claim: bool) -> None:
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
