"""The pump: claims what is due, asks for many at once, and stores what comes back, until it is told to stop.

The thread that runs it does the database's work; the calls are made on an event loop in a second thread (`Network`),
or, in a worker, in a process of its own (`NetworkProcess`). A call begins only in a place of its own, and keeps that
until its result is stored (`Places`): so results are stored as they come, and each gives its place to a call that was
claimed ahead.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.db import Error, connections

from evals.collection.calls import Call, prepare
from evals.collection.claiming import claim, claim_ahead, release, wanted
from evals.collection.network import FAILED, INTERRUPTED, Done, Network
from evals.collection.network_process import NetworkEndedError, NetworkProcess
from evals.collection.places import Places
from evals.collection.services import settle
from evals.collection.storing import LEASES, RENEW_EVERY_S, Claim, Result, hand_over, store
from evals.collection.warm_up import WarmUps

__all__ = ["Pump"]

log = logging.getLogger(__name__)

# Work is looked for this often when no message announces it, more often while there is some, and sooner where a place
# was left empty.
_POLL_EVERY_S = 2.0
_POLL_AT_WORK_S = 0.2
_LOOK_AGAIN_S = 0.02
# Results are stored as they come, but storing rests as long as it took, and at most this long: so it takes no more than
# half of a core, and the more there is to do, the more is stored together.
_REST_S = 0.1
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
        self._places = Places()
        self._stopping = threading.Event()
        self._look_at = self._rests_until = self._looked_if_wanted = 0.0
        self._none_ahead: dict[int, float] = {}
        self._warm_ups = WarmUps(self.wake)

    def wake(self) -> None:
        """There may be work."""
        self._inbox.put(None)

    def stop(self) -> None:
        """Claim nothing more; `run` ends when the calls in flight have."""
        self._stopping.set()
        self.wake()

    def run(self, *, until_idle: bool = False) -> None:
        """Returns when stopped; with `until_idle` also when nothing is due and nothing is in flight."""
        with self._make_network(self._inbox.put) as network:
            try:
                self._run(network, until_idle=until_idle)
            except BaseException as error:
                # It counts as an attempt, so that a bug is not paid for forever; if even this cannot be written, the
                # leases expire.
                interrupted = isinstance(error, NetworkEndedError) or not isinstance(error, Exception)
                failure = INTERRUPTED if interrupted else FAILED
                self._take_all()
                answered = {result.claim for result in self._unstored}
                held = [one for one in self._places.claims_held() if one not in answered]
                with suppress(Error):
                    release(self._places.take_back())
                    store([*self._unstored, *(Result(one, failure) for one in held)])
                self._unstored.clear()
                self._places = Places()
                raise

    def _run(self, network: Network | NetworkProcess, *, until_idle: bool) -> None:
        renewed = time.monotonic()
        self._look_at = 0.0
        while True:
            network.check()
            try:
                if time.monotonic() - renewed > RENEW_EVERY_S:
                    renewed = time.monotonic()
                    held = self._places.claims_held() + self._places.claims_waiting()
                    LEASES.renew({one.token for one in held})
                    self._warm_ups.renew()
                self._store(network)
                self._give_back()
                more = self._claim(network)
                self._claim_ahead(network)
                if not (more or self._busy):
                    settle()
                    if self._stopping.is_set() or until_idle:
                        return
            except Error:
                # The database may be away for a moment; what was answered is kept, and stored when it is back.
                log.exception("The database failed the pump; trying again in %g s.", _POLL_EVERY_S)
                connections.close_all()
                time.sleep(_POLL_EVERY_S)
            self._wait()

    @property
    def _busy(self) -> bool:
        return self._places.busy or self._warm_ups.busy or bool(self._unstored) or not self._inbox.empty()

    def _store(self, network: Network | NetworkProcess) -> None:
        """What has ended. Others begin in its place, and only once it is stored: see `Places`."""
        if not self._unstored:
            return
        began = time.monotonic()
        successors = [] if self._stopping.is_set() else self._places.successors(self._unstored)
        holding = hand_over(self._unstored, [call.claim for call in successors])
        begin = self._places.pass_on(self._unstored, successors, holding)
        if begin:
            network.ask(begin)
        ended = time.monotonic()
        self._rests_until = ended + min(ended - began, _REST_S)
        if len(begin) < len(self._unstored):
            self._look_at = min(self._look_at, ended + _LOOK_AGAIN_S)
        self._unstored.clear()

    def _claim(self, network: Network | NetworkProcess) -> bool:
        """For places that are free. Whether there may be more to claim."""
        now, stopping = time.monotonic(), self._stopping.is_set()
        if now < self._look_at:
            return not stopping
        self._look_at = now + (_POLL_AT_WORK_S if self._places.busy else _POLL_EVERY_S)
        if stopping:
            return False
        self._warm_ups.start()
        room = min(self._most - self._places.held, _CLAIM)
        claims = claim(most=room) if room > 0 else []
        self._begin(claims, network)
        if claims:
            self._look_at = now
        return bool(claims)

    def _claim_ahead(self, network: Network | NetworkProcess) -> None:
        if self._stopping.is_set() or self._most == 1:
            return
        now = time.monotonic()
        room = {one: most for one, most in self._places.room_ahead().items() if self._none_ahead.get(one, 0.0) <= now}
        if room:
            self._begin(claim_ahead(room), network)
            # Those that gave too few are asked again later.
            too_few = room.keys() & self._places.room_ahead().keys()
            self._none_ahead |= dict.fromkeys(too_few, now + _POLL_AT_WORK_S)

    def _begin(self, claims: Sequence[Claim], network: Network | NetworkProcess) -> None:
        prepared = prepare(claims)
        calls = [one for one in prepared if isinstance(one, Call)]
        self._places.enter(calls)
        begin = [one for one in calls if not one.claim.ahead]
        if begin:
            network.ask(begin)
        self._unstored.extend(one for one in prepared if isinstance(one, Result))

    def _give_back(self) -> None:
        """What is not to be asked for any more: the provider pauses, the run was stopped, or this pump is."""
        back = self._places.take_back(only_stuck=not self._stopping.is_set())
        now = time.monotonic()
        if self._places.waiting and now - self._looked_if_wanted > _WANTED_EVERY_S:
            self._looked_if_wanted = now
            back += self._places.take_back(but=wanted(self._places.claims_waiting()))
        if back:
            release(back)

    def _wait(self) -> None:
        """Until something happens, or it is time to look for work."""
        if not self._unstored:
            with suppress(queue.Empty):
                self._take(self._inbox.get(timeout=max(self._look_at - time.monotonic(), 0)))
        if self._unstored:
            time.sleep(max(self._rests_until - time.monotonic(), 0))
        self._take_all()

    def _take_all(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._take(self._inbox.get_nowait())

    def _take(self, result: Result | None) -> None:
        if result is None:
            self._look_at = 0.0
        else:
            self._unstored.append(result)
