"""The tables' fast lane as a process of its own."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from arena.machine import parts
from arena.machine.parts import MachineError
from routing.publishing.serving import LATEST_PATH

# A call takes microseconds and the interpreter runs one thread at a time. The others are for tokens not seen before,
# each of which waits for the database once.
THREADS = 4


class Command(BaseCommand):
    help = (
        f"Serves GET {LATEST_PATH} from memory, in processes that slow pages cannot starve, with /healthz and /readyz "
        "of their own. Put it behind the same address as web: docs/tables-behind-nginx.md.\n\n"
        "Example: manage.py serve_tables --port 8001 --workers 2"
    )
    requires_system_checks = ()  # a process that only reads tables starts with whatever else is amiss

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--host", default="127.0.0.1", help="where it listens (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8001, help="where it listens (8001)")
        parser.add_argument("--workers", type=_at_least_one, default=1, help="how many processes (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port, workers = options["host"], options["port"], options["workers"]
        try:
            if not parts.is_free(host, port):
                raise CommandError(f"Port {port} on {host} is in use. Choose another: manage.py serve_tables --port N")
        except MachineError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Serving {parts.writable_url(host, port)}{LATEST_PATH}")
        self.stdout.flush()
        # In place of this process: whoever started and stops it means the server.
        os.execv(sys.executable, granian(host, port, workers))  # noqa: S606 (no shell: an argument list of our own)


def granian(host: str, port: int, workers: int) -> list[str]:
    options = ["--interface", "wsgi", "--host", host, "--port", str(port), "--log-level", "warning", "--no-ws"]
    options += ["--workers", str(workers), "--blocking-threads", str(THREADS)]
    # One that dies must not take the others along; one that will not stop is not waited for.
    options += ["--respawn-failed-workers", "--workers-kill-timeout", "10"]
    return [sys.executable, "-m", "granian", *options, "arena.machine.serve_tables:application"]


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of processes: write 1 or more.")
    return int(text)
