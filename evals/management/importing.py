"""Shared by the import and export commands: options, and readable errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.transfer.files.errors import BadRowsError, RefusedError
from evals.transfer.files.rows import parse_pairs
from evals.transfer.formats import TABLES, Format

__all__ = ["ImportCommand"]


class ImportCommand(ExampleCommand):
    """A command that reads a file: exits with 1 and the reasons if the file is refused."""

    formats: tuple[Format, ...] = TABLES

    def add_file_arguments(self, parser: CommandParser) -> None:
        titles = ", ".join(one.title for one in self.formats)
        parser.add_argument("file", metavar="FILE", help=f"one of: {titles}; texts in UTF-8")
        names = ["auto", *(one.name for one in self.formats)]
        parser.add_argument("--format", choices=names, default="auto", help="auto: decided by the content")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="read FIELD from the file's COLUMN; FIELD= ignores it",
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would happen, and write nothing")

    def add_contender_argument(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--contender",
            action="append",
            default=[],
            metavar="NAME=SLUG",
            help="the model called NAME in the file is the contender SLUG (by default found or created by its name)",
        )

    def columns(self, options: dict[str, Any]) -> dict[str, str]:
        with self.refusals():
            return parse_pairs("--map", options["map"])

    def contenders(self, options: dict[str, Any]) -> dict[str, str]:
        with self.refusals():
            return parse_pairs("--contender", options["contender"])

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turns a refused file into its errors, one per line, and exit code 1."""
        try:
            yield
        except BadRowsError as error:
            summary = count(error.total, "row is", "rows are") + " wrong, so nothing was written."
            raise CommandError(f"{error}\n{summary}") from None
        except RefusedError as error:
            raise CommandError(f"{error}\nNothing was written.") from None

    def tell(self, lines: Iterable[str], *, dry_run: bool) -> None:
        for line in lines:
            self.stdout.write(line)
        if dry_run:
            self.stdout.write("This was a dry run: nothing was written.")
