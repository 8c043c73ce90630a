from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from arena.ui.wording import count
from evals.management.importing import ImportCommand
from evals.transfer.files.rows import open_source
from evals.transfer.formats import TASKS
from evals.transfer.images import FilesBeside
from evals.transfer.tasks import import_tasks


class Command(ImportCommand):
    formats = TASKS
    help = (
        "Import a task set from a CSV or JSONL file. Fields: id (else the row's number), category, prompt or messages "
        "or turns (a conversation), system, tools, reference, checks, attachments; other fields are kept as metadata. "
        "Images are named by their path below the file's folder, a data: URL, or an http(s) address. MT-bench "
        "questions and OpenAI evals are read as they are. Any bad row, and nothing is written; an unchanged file adds "
        "nothing; a changed one becomes the task set's next version, in which unchanged tasks keep their answers and "
        "votes."
    )
    example = """
examples:
  manage.py import_tasks tasks.csv --task-set support
  manage.py import_tasks question.jsonl --task-set mt-bench --dry-run
  manage.py import_tasks prompts.jsonl --task-set llmfao --map prompt=text --category llmfao
"""

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_file_arguments(parser)
        parser.add_argument("--task-set", required=True, metavar="SLUG", help="created if it is new")
        parser.add_argument("--name", default="", help="of a new task set; by default its slug")
        parser.add_argument("--category", default="", metavar="NAME", help="for rows without a category")
        parser.add_argument(
            "--local-only",
            action="store_true",
            help="never send these tasks to a hosted provider; cannot be undone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        columns = self.columns(options)
        with self.refusals(), open_source(options["file"]) as source:
            done = import_tasks(
                source=source,
                task_set=options["task_set"],
                category=options["category"],
                file_format=options["format"],
                columns=columns,
                local_only=options["local_only"] or None,
                name=options["name"],
                image_files=FilesBeside(Path(options["file"]).parent),
                dry_run=options["dry_run"],
            )
        lines = [*done.notices]
        lines += [f"{category}: {count(n, 'task')}" for category, n in done.by_category.items()]
        if done.ids > done.tasks_new + done.tasks_kept:
            lines.append(f"{count(done.ids, 'id')}, of which some have equal content and are one task.")
        state = "unchanged, no new version" if done.unchanged else f"version {done.version}"
        lines.append(
            f"Task set {done.task_set}: {state}. {count(done.ids, 'row')}, {count(done.tasks_new, 'new task')}, "
            f"{done.tasks_kept:,} known before, {done.with_checks:,} with checks"
            f"{f', {done.with_images:,} with images' if done.with_images else ''}."
        )
        self.tell(lines, dry_run=options["dry_run"])
