from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from arena.ui.wording import count
from evals.management.importing import ImportCommand
from evals.transfer.files.rows import open_source, parse_pairs
from evals.transfer.votes import import_votes


class Command(ImportCommand):
    help = (
        "Import votes cast elsewhere from a CSV or JSONL file with LMArena's columns: question_id, model_a, model_b, "
        "winner (model_a, model_b, tie or tie (bothbad); a, b and both_bad are read too); optional: judge, category, "
        "tstamp, task_set. Every row is a vote, repeats included. Unknown task sets, tasks, categories and contenders "
        "are made. Without a judge all rows are one reviewer's. An unknown label is an error, never a tie. The same "
        "file, read in the same way, adds nothing."
    )
    example = """
examples:
  manage.py import_votes battles.jsonl --task-set arena --category chat
  manage.py import_votes crowd-comparisons.csv --task-set llmfao --category llmfao \\
      --map question_id=prompt --map model_a=left --map model_b=right --map judge=worker \\
      --value left=a --value right=b
In the second, the file's winner says left, right or tie: --value left=a means that “left” stands for model_a.
Labels of ours that a value may name: a, b, tie, both_bad (or model_a, model_b, tie (bothbad)).
"""

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_file_arguments(parser)
        parser.add_argument("--task-set", default="", metavar="SLUG", help="by default the name of the file")
        parser.add_argument("--category", default="", metavar="NAME", help="of new tasks whose rows have none")
        parser.add_argument(
            "--value",
            action="append",
            default=[],
            metavar="LABEL=OURS",
            help="what a label in the file's winner column means: a, b, tie or both_bad",
        )
        self.add_contender_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        columns, contenders = self.columns(options), self.contenders(options)
        with self.refusals(), open_source(options["file"]) as source:
            done = import_votes(
                source=source,
                task_set=options["task_set"],
                category=options["category"],
                file_format=options["format"],
                columns=columns,
                values=parse_pairs("--value", options["value"]),
                contenders=contenders,
                dry_run=options["dry_run"],
            )
        if done.already:
            self.tell(["This file was already imported with the same options: 0 votes added."], dry_run=False)
            return
        lines = [*done.notices]
        if done.resumed:
            lines.insert(0, "An earlier import of this file had been interrupted: the rest of its votes is stored now.")
        if done.contenders_new:
            lines.append(f"New contenders: {', '.join(done.contenders_new)}")
        lines += [f"{category}: {count(n, 'vote')}" for category, n in done.by_category.items()]
        winners = ", ".join(f"{name} {n:,}" for name, n in sorted(done.by_winner.items()))
        lines.append(
            f"{count(done.votes, 'vote')} ({winners}) by {count(done.reviewers, 'reviewer')} on "
            f"{count(done.tasks, 'task')}, {done.tasks_new:,} of them new, between "
            f"{count(len(done.contenders), 'contender')}."
        )
        self.tell(lines, dry_run=options["dry_run"])
