"""Score stored answers again, without asking for them again."""

from __future__ import annotations

import getpass
import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.collection.rescoring import ask_rescore, rescore
from evals.models import Run, TaskSet


class Command(ExampleCommand):
    help = (
        "Score stored answers again by the checks of the newest version of their task set, and say what changed. "
        "Nothing is asked for again. It may be interrupted: what is left is done by the chores, or by the same "
        "command."
    )
    example = """
examples:
  manage.py rescore --task-set support     after a check in the file was corrected and imported
  manage.py rescore --run 12 --json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--task-set", metavar="SLUG", help="the answers of all its runs and imports")
        which.add_argument("--run", metavar="ID", type=int, help="the answers of one run")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        asked, _ = ask_rescore(**_scope(options["task_set"], options["run"]), who=getpass.getuser())
        while not rescore(pk=asked.pk, seconds=5).finished:
            asked.refresh_from_db()
            self.stderr.write(f"{count(asked.read, 'answer')} read, {asked.changed:,} changed so far")
        asked.refresh_from_db()
        if options["json"]:
            names = ("read", "changed", "now_pass", "now_fail")
            self.stdout.write(json.dumps({name: getattr(asked, name) for name in names}))
            return
        self.stdout.write(
            f"{count(asked.read, 'answer')} scored again, {asked.changed:,} changed: "
            f"{asked.now_pass:,} now pass, {asked.now_fail:,} now fail."
        )


def _scope(slug: str | None, run: int | None) -> dict[str, Any]:
    if run is not None:
        found = Run.objects.filter(pk=run).first()
        if found is None:
            raise CommandError(f"There is no run {run}.")
        return {"run": found}
    task_set = TaskSet.objects.filter(slug=slug).first()
    if task_set is None:
        known = ", ".join(TaskSet.objects.values_list("slug", flat=True)) or "none yet: see import_tasks"
        raise CommandError(f"There is no task set {slug!r}. Known: {known}.")
    return {"task_set": task_set}
