from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from arena.ui.wording import count
from evals.management.importing import ImportCommand
from evals.transfer.files.rows import open_source
from evals.transfer.generations import import_generations
from evals.transfer.images import FilesBeside


class Command(ImportCommand):
    help = (
        "Import answers collected elsewhere from a CSV or JSONL file. Fields: task (its id in the task set), model, "
        "text, or turns (the answers of a conversation, a JSON list); optional: images (a JSON list of files, data: "
        "URLs or addresses), tool_calls, sample, latency_ms, ttft_ms, gap_ms_p50, gap_ms_p95, tokens_in, tokens_out, "
        "cost_usd, error (a text in it: the call failed), task_set. The text may be empty. Unknown models become "
        "contenders that are never asked. An answer that is there already adds nothing; a further, different one "
        "becomes the next sample. The tasks' checks are run on the answers, and an answer that names its own model is "
        "kept from reviewers."
    )
    example = """
examples:
  manage.py import_generations answers.csv --task-set support
  manage.py import_generations results.jsonl --task-set llmfao --map task=prompt --map model=name \\
      --map text=result --map latency_ms=duration
"""

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_file_arguments(parser)
        parser.add_argument("--task-set", default="", metavar="SLUG", help="the task set whose task ids the file uses")
        self.add_contender_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        columns, contenders = self.columns(options), self.contenders(options)
        with self.refusals(), open_source(options["file"]) as source:
            done = import_generations(
                source=source,
                task_set=options["task_set"],
                file_format=options["format"],
                columns=columns,
                contenders=contenders,
                image_files=FilesBeside(Path(options["file"]).parent),
                dry_run=options["dry_run"],
            )
        lines = []
        if done.contenders_new:
            lines.append(f"New contenders: {', '.join(done.contenders_new)}")
        if done.moved:
            lines.append(f"{count(done.moved, 'answer')} got the next free sample number because theirs was taken.")
        if done.quarantined:
            lines.append(f"{count(done.quarantined, 'answer')} kept from reviewers: they name their own model.")
        lines.append(
            f"{count(done.rows, 'row')}: {count(done.new, 'new answer')} of "
            f"{count(len(done.contenders), 'contender')}, {done.failed:,} of them failed calls; "
            f"{done.present:,} already stored."
        )
        self.tell(lines, dry_run=options["dry_run"])
