from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.transfer.exports import export_task_set
from evals.transfer.files.writing import ExportError


class Command(ExampleCommand):
    help = (
        "Write a task set to a CSV or JSONL file, its newest version unless --task-set-version says another. "
        "Imported again under the same name it is unchanged."
    )
    example = """
examples:
  manage.py export_task_set support support.csv
  manage.py export_task_set support support-3.jsonl --task-set-version 3
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("file", metavar="FILE", help="ends in .csv or .jsonl, which decides the format")
        parser.add_argument("--task-set-version", type=int, metavar="N", help="by default the newest")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_task_set(slug=options["slug"], path=options["file"], n=options["task_set_version"])
        except ExportError as error:
            raise CommandError(str(error)) from None
        if done.left_out:
            self.stdout.write(f"{count(done.left_out, 'task')} known only by id left out.")
        self.stdout.write(
            f"{count(done.tasks, 'task')} of {options['slug']}, version {done.version}, written to {options['file']}."
        )
