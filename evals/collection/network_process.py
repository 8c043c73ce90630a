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
from evals.collection.network import Done, Network
from evals.collection.storing import Result

__all__ = ["NetworkEndedError", "NetworkProcess", "serve"]

_START_S = 60.0
_END_S = 5.0
_SERVE = "import django; django.setup(); from evals.collection.network_process import serve; serve({})"


class NetworkEndedError(RuntimeError):
    """The process is gone, and its calls with it."""


class NetworkProcess:
    """Like `Network`, which runs in the process. `done` gets each result, in a thread of its own."""

    def __init__(self, done: Done) -> None:
        self._done = done
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
        # If it has ended, `check` says so.
        with suppress(OSError):
            self._connection.send(list(calls))

    def _read(self) -> None:
        try:
            with suppress(EOFError, OSError):
                while True:
                    for result in self._connection.recv():
                        self._done(result)
        finally:
            self._ended = True

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


def serve(descriptor: int) -> None:
    """In the process: until the connection ends."""
    # Those tell the worker to end, which waits for its calls.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    _keep_what_is_loaded()
    connection: Connection[Any, Any] = Connection(descriptor)
    results: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def send_results() -> None:
        while True:
            some = [results.get()]
            with suppress(queue.Empty):
                while True:
                    some.append(results.get_nowait())
            connection.send(some)

    with Network(results.put) as network:
        # Before the thread that sends, too: one connection is for one at a time.
        connection.send("ready")
        threading.Thread(target=send_results, name="results", daemon=True).start()
        try:
            while True:
                network.ask(connection.recv())
        except (EOFError, OSError):
            # Not by way of the calls in flight: nobody waits for them.
            os._exit(0)
