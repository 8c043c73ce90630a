from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.transfer.exports import export_generations
from evals.transfer.files.writing import ExportError


class Command(ExampleCommand):
    help = (
        "Write the stored answers to a CSV or JSONL file: of each sample the newest finished take. import_generations "
        "reads the file as it is, where the task sets are there."
    )
    example = """
examples:
  manage.py export_generations answers.csv
  manage.py export_generations answers.jsonl --task-set support
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="ends in .csv or .jsonl, which decides the format")
        parser.add_argument("--task-set", default="", metavar="SLUG", help="only answers to its tasks")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_generations(path=options["file"], task_set=options["task_set"])
        except ExportError as error:
            raise CommandError(str(error)) from None
        if done.left_out:
            self.stdout.write(
                f"{count(done.left_out, 'answer')} left out: a later version gave their task's id another content."
            )
        self.stdout.write(f"{count(done.generations, 'answer')} written to {options['file']}.")
