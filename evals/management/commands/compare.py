"""Two runs, before and after, with paired differences and their intervals."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from arena.commands import ExampleCommand
from evals.collection.comparison.answers import TooManyAnswersError
from evals.collection.comparison.api import comparison_document
from evals.collection.comparison.comparison import compare_runs
from evals.collection.comparison.page import comparison_parts
from evals.models import Run


class Command(ExampleCommand):
    help = "Compare two runs over the tasks that both answered."
    example = """
examples:
  manage.py compare 12 14                     what is surely different, and each figure with its interval
  manage.py compare 12 14 --by family         a model's revisions with each other
  manage.py compare 12 14 --json              all of it, as one JSON document on stdout
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("before", metavar="RUN", type=int, help="the earlier run's number")
        parser.add_argument("after", metavar="RUN", type=int, help="the later run's number")
        parser.add_argument(
            "--by",
            choices=("slug", "family"),
            help="how contenders are matched; default: by slug if any matches, else by family",
        )
        parser.add_argument("--category", metavar="SLUG", default="", help="show only this category")
        parser.add_argument("--contender", metavar="SLUG", default="", help="show only this contender")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        before, after = (self._run(options[name]) for name in ("before", "after"))
        if before.pk == after.pk:
            raise CommandError("Both are the same run. Name two different runs.")
        try:
            comparison = compare_runs(before, after, by=options["by"])
        except TooManyAnswersError as error:
            raise CommandError(str(error)) from error
        chosen = {name: options[name] for name in ("contender", "category")}
        if options["json"]:
            document = comparison_document(comparison, **chosen)
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))
            return
        parts = comparison_parts(comparison, **chosen)
        self.stdout.write(parts.headline)
        for words in parts.warnings:
            self.stdout.write(f"  {words}")
        for contest in parts.contests:
            self.stdout.write(contest.before if contest.same else f"{contest.before} against {contest.after}")
            for cell in contest.cells:
                self.stdout.write("  ".join((f"  {cell.name}: {cell.tasks} tasks in both runs.", *cell.told)))
                for line in cell.lines:
                    change = f"{line.change.value} ({line.change.range})" if line.change.range else line.change.value
                    values = f"{line.before.value:>10} to {line.after.value:<10}"
                    self.stdout.write(f"    {line.name:<12} {values} {change:<34} {line.badge or line.unsure}")
        if parts.hidden:
            self.stdout.write(f"  {parts.hidden} more: --contender, --category or --json shows them.")

    def _run(self, pk: int) -> Run:
        found = Run.objects.select_related("version__task_set").filter(pk=pk).first()
        if found is None:
            newest = ", ".join(map(str, Run.objects.order_by("-pk").values_list("pk", flat=True)[:5])) or "none yet"
            raise CommandError(f"There is no run {pk}. The newest: {newest}.")
        return found
