"""Keeps the parts of one machine running: starts, restarts with back-off, and stops them without an orphan.

Each part has a process group of its own: a terminal's Ctrl-C reaches the supervisor alone, which then stops the
parts in order, and what a part leaves behind (a worker's children after `kill -9`) is killed with its group. Should
the supervisor itself be killed, `arena.machine.lifeline` notices and stops the groups. Knows nothing of Django.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["Log", "Part", "Patience", "Supervisor"]

LINE_MOST = 1 << 20
RELAY_REST_S = 2.0


class Log(Protocol):
    def __call__(self, name: str, line: str) -> None: ...


@dataclass(frozen=True)
class Part:
    """One process to keep running. `vital`: when it is given up, so is everything. `last`: stopped after the others,
    because they need it in order to stop well."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    vital: bool = True
    last: bool = False
    # Lines with these words are not worth a line of ours.
    ignored_log_lines: Sequence[str] = ()
    grace_s: float = 10.0


@dataclass(frozen=True)
class Patience:
    """Pauses double from `first_s` to `most_s`. A part that lived for `well_after_s` was well: its next death starts
    anew. One that dies more than `deaths` times in a row is given up, after about 45 s of trying."""

    first_s: float = 0.3
    most_s: float = 15.0
    well_after_s: float = 30.0
    deaths: int = 8

    def pause_s(self, deaths: int) -> float:
        pause: float = min(self.first_s * 2 ** (deaths - 1), self.most_s)
        return pause


class Supervisor:
    """`run(first, then, …)` starts `first`, waits for `ready()`, calls `announce()`, starts `then`, and keeps all of
    them running until SIGINT, SIGTERM or SIGHUP (returns 0) or until a vital part is given up (returns 1)."""

    def __init__(self, log: Log, patience: Patience = Patience()) -> None:
        self._log = log
        self._patience = patience
        self._stopping = asyncio.Event()
        self._stop_last = asyncio.Event()
        self._hurry = asyncio.Event()
        self._status = 0
        self._lifeline: asyncio.subprocess.Process | None = None

    async def run(
        self,
        first: Sequence[Part],
        then: Sequence[Part],
        ready: Callable[[], Awaitable[bool]],
        announce: Callable[[], Awaitable[None]],
    ) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop)
        await self._hold_lifeline()
        keepers: dict[asyncio.Task[None], Part] = {}
        try:
            keepers |= {asyncio.create_task(self._keep(part)): part for part in first}
            if await self._unless_stopping(ready()):
                keepers |= {asyncio.create_task(self._keep(part)): part for part in then}
                await self._unless_stopping(announce())
            await self._stopping.wait()
        finally:  # also when `ready` or `announce` failed: no part outlives us
            self._stopping.set()
            await asyncio.gather(*(keeper for keeper, part in keepers.items() if not part.last))
            self._stop_last.set()
            await asyncio.gather(*keepers)
            await self._release_lifeline()
        return self._status

    def _asked_to_stop(self) -> None:
        """The first signal stops with grace, a second one at once."""
        if self._stopping.is_set():
            self._hurry.set()
        else:
            self._log("up", "stopping")
        self._stopping.set()

    async def _unless_stopping(self, work: Awaitable[bool | None]) -> bool:
        """Whether `work` was done (and not false) before somebody asked to stop."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result() is not False
        task.cancel()
        return False

    async def _keep(self, part: Part) -> None:
        """Runs one part again and again until it is told to stop."""
        stop_requested = self._stop_last if part.last else self._stopping
        deaths = 0
        while not stop_requested.is_set():
            began = time.monotonic()
            try:
                code = await self._live(part, stop_requested)
            except OSError as error:  # not even started
                self._log(part.name, str(error))
                code = os.EX_OSERR
            if stop_requested.is_set():
                return
            deaths = 1 if time.monotonic() - began >= self._patience.well_after_s else deaths + 1
            if deaths > self._patience.deaths:
                self._give_up(part)
                return
            pause = self._patience.pause_s(deaths)
            self._log(part.name, f"ended with {_describe_exit(code)}; starts again in {pause:.1f} s")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop_requested.wait(), pause)

    def _give_up(self, part: Part) -> None:
        self._log(part.name, f"ended {self._patience.deaths + 1} times in a row, given up; its last lines say why")
        if part.vital:
            self._status = 1
            self._stopping.set()

    async def _live(self, part: Part, stop_requested: asyncio.Event) -> int:
        """One life of a part, from start to the death of its whole group; its exit code."""
        # A pipe of our own: asyncio's would let `wait` wait for whatever the part's children do with it.
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                env={**os.environ, **part.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        finally:
            os.close(writing)
            relay = asyncio.create_task(self._relay(part, reading))
        self._tell_lifeline("+", process.pid)
        ended = asyncio.create_task(process.wait())
        stop = asyncio.create_task(stop_requested.wait())
        await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await self._end(process, part.grace_s)
        stop.cancel()
        code = await ended
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self._tell_lifeline("-", process.pid)
        with contextlib.suppress(asyncio.TimeoutError):  # a daemon that left the group may hold the pipe open
            await asyncio.wait_for(relay, RELAY_REST_S)
        return code

    async def _end(self, process: asyncio.subprocess.Process, grace_s: float) -> None:
        """Asks, waits, then leaves the rest to the group's SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        hurry = asyncio.create_task(self._hurry.wait())
        gone = asyncio.create_task(process.wait())
        await asyncio.wait({hurry, gone}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await gone

    async def _relay(self, part: Part, reading: int) -> None:
        lines = asyncio.StreamReader(limit=LINE_MOST)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), io.FileIO(reading)
        )
        try:
            while line := await self._line(lines):
                text = line.decode(errors="replace").rstrip()
                if not any(words in text for words in part.ignored_log_lines):
                    self._log(part.name, text)
        finally:
            transport.close()

    async def _line(self, lines: asyncio.StreamReader) -> bytes:
        try:
            return await lines.readline()
        except ValueError:  # longer than LINE_MOST: the reader has dropped it
            return b"(a line too long to show)\n"

    async def _hold_lifeline(self) -> None:
        """The lifeline reads our pipe; when we end in whatever way, it reads the end and stops what we left."""
        self._lifeline = await asyncio.create_subprocess_exec(
            sys.executable,
            "-IS",
            str(Path(__file__).with_name("lifeline.py")),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    def _tell_lifeline(self, sign: str, group: int) -> None:
        assert self._lifeline is not None
        assert self._lifeline.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._lifeline.stdin.write(f"{sign}{group}\n".encode())

    async def _release_lifeline(self) -> None:
        assert self._lifeline is not None
        assert self._lifeline.stdin is not None
        self._lifeline.stdin.close()
        await self._lifeline.wait()


def _describe_exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
