"""Calls in a process of their own, beside the one that does the database's work.

One interpreter runs one thread at a time: within one process, answers wait to be read while others are stored. This one
needs no database. Calls go to it and results come back over a pair of sockets that nobody else can open. It ends with
that connection, however its worker came to die; its calls break off then.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Self

from django.conf import settings

from evals.collection.calls import Call
from evals.collection.network import Done, Network, Places
from evals.collection.queue import Claim, Result

__all__ = ["NetworkEndedError", "NetworkProcess", "serve"]

_START_S = 60.0
_END_S = 5.0
_SERVE = "import django; django.setup(); from evals.collection.network_process import serve; serve({})"


class NetworkEndedError(RuntimeError):
    """The process is gone, and its calls with it."""


class NetworkProcess(Places):
    """Like `Network`, which runs in the process; its places are known here as of the last result. `done` gets each
    result, in a thread of its own."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self._done = done
        self._sending = threading.Lock()
        self._taken: queue.SimpleQueue[list[Claim]] = queue.SimpleQueue()
        self._ended = False

    def __enter__(self) -> Self:
        _keep_what_is_loaded()
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _SERVE.format(theirs.fileno())]
            self._process = subprocess.Popen(  # noqa: S603 (our own file, our own interpreter)
                command, cwd=settings.BASE_DIR, pass_fds=[theirs.fileno()]
            )
        # Of its own, so that the socket can be shut while a thread reads from it.
        self._connection: Connection[Any, Any] = Connection(os.dup(self._socket.fileno()))
        try:
            ready = self._connection.poll(_START_S) and self._connection.recv() == "ready"
        except (EOFError, OSError):  # it ended, or died with something unread
            ready = False
        if not ready:
            self._close()
            raise NetworkEndedError("the process that makes the calls did not start: the log says why")
        self._reader = threading.Thread(target=self._read, name="results", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._reader.join()

    def check(self) -> None:
        if self._ended:
            raise NetworkEndedError("the process that makes the calls has ended: the log says why")

    def ask(self, calls: Sequence[Call]) -> None:
        if calls:
            with self._lock:
                self._place(calls)
            self._send("ask", list(calls))

    def stop_handing_over(self) -> None:
        self._send("stop_handing_over")

    def take_back(self, *, only_stuck: bool = False, but: set[int] | None = None) -> list[Claim]:
        with self._lock:
            unwanted = [call.claim for call in self._unwanted(only_stuck=only_stuck, but=but)]
            if not unwanted and not (only_stuck and self._paused):
                return []
        self._send("take_back", only_stuck, but)
        taken = unwanted if self._ended else self._taken.get()
        with self._lock:
            for calls in self._ahead.values():
                for claim in taken:
                    calls.pop(claim.generation_id, None)
            if only_stuck:
                self._paused.clear()
        return taken

    def _send(self, *message: Any) -> None:
        # If it has ended, `check` says so.
        with self._sending, suppress(OSError):
            self._connection.send(message)

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                received = self._connection.recv()
                if isinstance(received, _Taken):
                    self._taken.put(received.claims)
                else:
                    self._follow(received)
        self._ended = True
        # No other answer will come.
        self._taken.put([])

    def _follow(self, results: Sequence[Result]) -> None:
        with self._lock:
            for result in results:
                call = self._asked[result.claim.generation_id]
                self._leave(call, result.outcome)
                if result.next is not None:
                    self._enter(self._ahead[call.provider_id].pop(result.next.generation_id))
                # Within the lock: a thread that sees nothing in flight finds the result.
                self._done(result)

    def _close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        self._connection.close()


def _keep_what_is_loaded() -> None:
    """Looking for garbage among all that Django has loaded held every call up, for tens of milliseconds at a time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class _Taken:
    def __init__(self, claims: list[Claim]) -> None:
        self.claims = claims


def serve(descriptor: int) -> None:
    """In the process: until the connection ends."""
    # Those tell the worker to end, which waits for its calls.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    _keep_what_is_loaded()
    connection: Connection[Any, Any] = Connection(descriptor)
    sending = threading.Lock()
    results: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def send_results() -> None:
        while True:
            some = [results.get()]
            with suppress(queue.Empty):
                while True:
                    some.append(results.get_nowait())
            with sending:
                connection.send(some)

    with Network(results.put) as network:
        threading.Thread(target=send_results, name="results", daemon=True).start()
        connection.send("ready")
        try:
            while True:
                match connection.recv():
                    case "ask", calls:
                        network.ask(calls)
                    case "stop_handing_over", *_:
                        network.stop_handing_over()
                    case "take_back", only_stuck, but:
                        taken = _Taken(network.take_back(only_stuck=only_stuck, but=but))
                        with sending:
                            connection.send(taken)
        except (EOFError, OSError):
            # Not by way of the calls in flight: nobody waits for them.
            os._exit(0)
