from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.transfer.exports import export_votes
from evals.transfer.files.writing import ExportError


class Command(ExampleCommand):
    help = (
        "Write the votes that count to a CSV or JSONL file, with LMArena's columns and task_set. Votes that were "
        "changed or taken back and those of excluded reviewers are left out. import_votes reads the file as it is."
    )
    example = """
examples:
  manage.py export_votes votes.csv
  manage.py export_votes code.jsonl --category code
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="ends in .csv or .jsonl, which decides the format")
        parser.add_argument("--task-set", default="", metavar="SLUG", help="only votes on its tasks")
        parser.add_argument("--category", default="", metavar="SLUG", help="only votes in it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_votes(path=options["file"], task_set=options["task_set"], category=options["category"])
        except ExportError as error:
            raise CommandError(str(error)) from None
        if done.excluded:
            self.stdout.write(f"{count(done.excluded, 'vote')} of excluded reviewers left out.")
        self.stdout.write(f"{count(done.votes, 'vote')} written to {options['file']}.")
