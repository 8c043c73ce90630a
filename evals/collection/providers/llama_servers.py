"""Model files served on loopback, each by a process of its own that this one starts, watches and ends.

A model is loaded when it is first asked, and stays until it has been idle for a while, until its place is wanted for
another, or until this process ends, however that happens (`llama_child`). What is loaded is bounded by the settings:
`ARENA_GGUF_LOADED` models, each within `ARENA_GGUF_MEMORY_MB` and on `ARENA_GGUF_THREADS` threads.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import secrets
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from evals.collection.providers.errors import OutOfMemory, Overloaded, ProviderError, RequestRefused, ServerError
from evals.collection.providers.refusals import is_about_memory
from evals.collection.providers.texts import clean

__all__ = ["LlamaServer", "LlamaServers"]

_CHILD = Path(__file__).with_name("llama_child.py")
# A large file from a slow disk. Nobody's clock runs meanwhile.
_LONGEST_LOAD_S = 600.0
_LONGEST_END_S = 10.0
_SEEN_LATE_S = 1.0
_QUOTED_BYTES = 4000
# What the process needs besides the weights: the interpreter, the library, buffers and a small context.
_BESIDE_WEIGHTS = 320 << 20


@dataclass(eq=False)
class LlamaServer:
    """A loaded model. `key` is of this start alone."""

    path: Path
    context: int
    base_url: str
    key: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)
    log: IO[bytes] = field(repr=False)
    users: int = 0
    idle_since: float = 0.0

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def why_it_died(self) -> ProviderError | None:
        """None if it lives. What breaks a connection may be seen a moment before the end of the process is."""
        try:
            self.process.wait(_SEEN_LATE_S)
        except subprocess.TimeoutExpired:
            return None
        return _why_it_ended(self.process, self.log)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(_LONGEST_END_S)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        # What it was told and did not read is written once more.
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


class LlamaServers:
    """Those of one process. Every method may be called from any thread, and blocks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._loaded: dict[tuple[Path, int], LlamaServer] = {}
        self._loading: set[tuple[Path, int]] = set()
        self._reaper: threading.Thread | None = None

    @contextmanager
    def serving(self, path: Path, *, context: int, wait_s: float) -> Iterator[LlamaServer]:
        """The model, loaded and healthy, and not ended before the caller is done with it.

        Waits at most `wait_s` for a place among the loaded ones, then raises Overloaded. Raises OutOfMemory if it does
        not fit, RequestRefused if it cannot be loaded at all.
        """
        server = self._acquired((path, context), time.monotonic() + wait_s)
        try:
            yield server
        finally:
            with self._changed:
                server.users -= 1
                server.idle_since = time.monotonic()
                self._changed.notify_all()

    def loaded(self) -> list[Path]:
        with self._changed:
            return [path for path, _ in self._loaded]

    def end_idle(self, *, after_s: float = 0.0) -> None:
        """Ends those that nobody has asked for this long."""
        with self._changed:
            before = time.monotonic() - after_s
            for place, server in list(self._loaded.items()):
                if not server.users and (server.idle_since <= before or not server.alive):
                    self._end(place)

    def end_all(self) -> None:
        with self._changed:
            for place in list(self._loaded):
                self._end(place)

    def _acquired(self, place: tuple[Path, int], deadline: float) -> LlamaServer:
        with self._changed:
            while True:
                server = self._loaded.get(place)
                if server is not None and server.alive:
                    server.users += 1
                    return server
                if server is not None and not server.users:
                    self._end(place)
                if place not in self._loading and self._has_room():
                    self._loading.add(place)
                    break
                if not self._changed.wait(deadline - time.monotonic()):
                    raise Overloaded(
                        f"{len(self._loaded)} other models are in use, the most that ARENA_GGUF_LOADED allows"
                    )
        server = None
        try:
            server = _started(*place)
        finally:
            # At once: in between, another model would find room beside this one.
            with self._changed:
                self._loading.discard(place)
                if server is not None:
                    server.users = 1
                    self._loaded[place] = server
                    self._watch()
                self._changed.notify_all()
        return server

    def _has_room(self) -> bool:
        """Makes room by ending the model that has been idle for longest. Under the lock."""
        while len(self._loaded) + len(self._loading) >= settings.ARENA_GGUF_LOADED:
            idle = [place for place, server in self._loaded.items() if not server.users]
            if not idle:
                return False
            self._end(min(idle, key=lambda place: self._loaded[place].idle_since))
        return True

    def _end(self, place: tuple[Path, int]) -> None:
        self._loaded.pop(place).end()
        self._changed.notify_all()

    def _watch(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Thread(target=self._reap, name="idle models", daemon=True)
            self._reaper.start()

    def _reap(self) -> None:
        """Lives as long as there is a model to watch."""
        idle_s = settings.ARENA_GGUF_IDLE_MINUTES * 60.0
        while True:
            with self._changed:
                if not self._loaded:
                    self._reaper = None
                    return
                idle = [server.idle_since for server in self._loaded.values() if not server.users]
                self._changed.wait(min(idle, default=time.monotonic()) + idle_s - time.monotonic() if idle else None)
            self.end_idle(after_s=idle_s)


def _started(path: Path, context: int) -> LlamaServer:
    _check_installed()
    memory = settings.ARENA_GGUF_MEMORY_MB << 20
    needed = path.stat().st_size + _BESIDE_WEIGHTS
    if needed > memory:
        raise OutOfMemory(
            f"{path.name} needs about {needed >> 20:,} MB of memory, and ARENA_GGUF_MEMORY_MB allows "
            f"{memory >> 20:,}: raise it, or use a smaller quantization"
        )
    key = secrets.token_urlsafe(32)
    log = tempfile.TemporaryFile()  # noqa: SIM115 (the server closes it)
    # No environment: it needs no secrets. Its own session: the parent handles Ctrl-C.
    process = subprocess.Popen(  # noqa: S603 (our own file, our own interpreter)
        [sys.executable, "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={},
        start_new_session=True,
    )
    server = LlamaServer(path, context, "", key, process, log)
    try:
        wanted = {"path": str(path), "context": context, "threads": settings.ARENA_GGUF_THREADS}
        _tell(process, wanted | {"memory_bytes": memory, "key": key})
        server.base_url = _address(process, log) + "/v1"
    except BaseException:
        server.end()
        raise
    return server


def _check_installed() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        how = "run `pip install xllamacpp`, then start Arena again"
        raise RequestRefused(f"llama.cpp is not installed where this runs: {how}")


def _tell(process: subprocess.Popen[bytes], wanted: dict[str, Any]) -> None:
    assert process.stdin is not None
    # If it has ended already, reading its address says why.
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        process.stdin.flush()


def _address(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """Where it listens, once the model is loaded: the line is short, and written at once."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(_LONGEST_LOAD_S):
            raise ServerError(f"the model was not loaded in {_LONGEST_LOAD_S:g} s")
    line = process.stdout.readline()
    if not line:
        process.wait(_LONGEST_END_S)
        raise _why_it_ended(process, log)
    return str(json.loads(line)["address"])


def _why_it_ended(process: subprocess.Popen[bytes], log: IO[bytes]) -> ProviderError:
    log.seek(0)
    said = log.read(_QUOTED_BYTES).decode("utf-8", "replace")
    how = "raise ARENA_GGUF_MEMORY_MB, or use a smaller quantization or n_ctx"
    if process.returncode == -9:
        return OutOfMemory(f"the model's process was killed, as the system does when memory runs out: {how}")
    # The first line names the cause; those after it, what failed because of it.
    first = clean(next((line for line in said.splitlines() if " E " in line), said)).strip()[:300]
    if is_about_memory(said):
        return OutOfMemory(f"the model does not fit into the memory that ARENA_GGUF_MEMORY_MB allows: {how} ({first})")
    return RequestRefused(f"llama.cpp could not load the model: {first or f'it ended with {process.returncode}'}")


SERVERS = LlamaServers()
atexit.register(SERVERS.end_all)
