"""arena-rank, LMArena's own package, timed inside a process of its own environment: without its start, its imports, the
reading of the file, and its first run, in which jax compiles."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

HOST = Path(__file__).with_name("arena_rank_host.py")


class Answer(TypedDict, total=False):
    """Empty when it is ready."""

    seconds: float
    ratings: dict[str, float]


class ArenaRank:
    """A context manager; `turn()` gives the seconds of one more run, and `ratings` then holds its result.

    `kind` is `strings` for a CSV file, `integers` for an npz file: see `benchmarks.speed.logs`.
    """

    name = "arena-rank"

    def __init__(self, python: Path, kind: str, file: Path) -> None:
        # -P: the modules beside the host are not for its imports to find.
        self.command = [str(python), "-P", str(HOST), kind, str(file)]
        self.ratings: dict[str, float] = {}

    def __enter__(self) -> Self:
        self.errors = tempfile.TemporaryFile("w+")  # jax says much there
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.ask()
        return self

    def turn(self) -> float:
        answer = self.ask("again\n")
        self.ratings = answer["ratings"]
        return answer["seconds"]

    def ask(self, question: str = "") -> Answer:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(question)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"{' '.join(self.command)} ended without an answer:\n{self.errors.read()[-2000:]}")
        answer: Answer = json.loads(line)
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()  # the host ends with its input
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()
