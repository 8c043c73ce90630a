"""A real shell whose `manage.py` commands run in this process: a start of Django costs more than most commands.

The shell finds `manage.py` by a program that hands its arguments to `run_shell` and prints what that answers, so that
pipes, redirections, `$(…)` and exit statuses are the shell's own. The first command in a folder starts a process of its
own, as a reader's does.
"""

from __future__ import annotations

import io
import json
import os
import select
import socket
import subprocess
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from django.core.management import ManagementUtility

from tests.processes import ROOT

__all__ = ["ASK", "run_shell"]

# Run by the shell in place of Python: `python ask_manage.py manage.py …`.
ASK = ROOT / "tests" / "ask_manage.py"


def run_shell(script: str, folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit status, standard output, standard error. The commands run in this thread, which waits for the shell."""
    with (
        tempfile.TemporaryDirectory() as place,
        socket.socket(socket.AF_UNIX) as listener,
        (Path(place) / "out").open("w+b") as out,
        (Path(place) / "err").open("w+b") as err,
    ):
        listener.bind(str(Path(place) / "manage"))
        listener.listen()
        told = environment | {
            "ARENA_TEST_MANAGE": str(Path(place) / "manage"),
            "ARENA_TEST_FIRST": str(folder / ".first-command"),
            "ARENA_TEST_ROOT": str(ROOT),
        }
        with subprocess.Popen(
            ["sh", "-eu", "-c", script], cwd=folder, env=told, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        ) as shell:
            while shell.poll() is None:
                if select.select([listener], [], [], 0.05)[0]:
                    with listener.accept()[0] as asking:
                        _answer(asking)
        return shell.returncode, _read(out), _read(err)


def _answer(asking: socket.socket) -> None:
    with asking.makefile("rwb") as stream:
        arguments = json.loads(stream.readline())
        stream.write(json.dumps(_manage(arguments)).encode())


def _manage(arguments: list[str]) -> tuple[int, str, str]:
    code = 0
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            ManagementUtility(arguments).execute()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return code, *(stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]


def _read(file: io.BufferedRandom) -> str:
    file.seek(0)
    return os.fsdecode(file.read())
