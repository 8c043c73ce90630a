from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.battles.filters import NAMES, read_filters
from evals.battles.preferences import LeftOut, preference_lines, skipped_words
from evals.transfer.files.writing import whole_file


class Command(ExampleCommand):
    help = (
        "Write votes that prefer one answer as pairs for training, in the conversational preference format: prompt, "
        "chosen, rejected. Ties, votes that both are bad, excluded reviewers and quarantined answers are left out."
    )
    example = """
examples:
  manage.py export_preferences preferences.jsonl
  manage.py export_preferences code.jsonl --category code --a gpt-x --disagreement
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="ends in .jsonl")
        parser.add_argument("--category", default="", metavar="SLUG", help="only votes in it")
        parser.add_argument("--a", default="", metavar="SLUG", help="only votes on this contender")
        parser.add_argument("--b", default="", metavar="SLUG", help="only votes between it and --a")
        parser.add_argument("--outcome", default="", choices=["a", "b", "decided"], help="only votes that a or b won")
        parser.add_argument("--reviewer", default="", metavar="ID", help="only this reviewer's votes")
        parser.add_argument("--disagreement", action="store_true", help="only where votes on task and pair differ")
        parser.add_argument("--reason", default="", metavar="ID", help="only votes that give this reason")

    def handle(self, *args: Any, **options: Any) -> None:
        given = {name: options[name] for name in NAMES} | {"disagreement": "1" if options["disagreement"] else ""}
        read = read_filters(given)
        if read.errors:
            raise CommandError(" ".join(f"--{name}: {error}" for name, error in read.errors.items()))
        path = Path(options["file"])
        if path.suffix.lower() != ".jsonl":
            raise CommandError(f"{path.name}: end the file's name in .jsonl, the format of preferences.")
        tally = LeftOut()
        try:
            with whole_file(path, "w", encoding="utf-8") as stream:
                for line in preference_lines(read.filters, left_out=tally):
                    stream.write(line)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}.") from error
        for words, n in skipped_words(tally).items():
            self.stdout.write(f"{count(n, 'vote')} left out: {words}.")
        self.stdout.write(f"{count(tally.written, 'pair')} written to {path}.")
