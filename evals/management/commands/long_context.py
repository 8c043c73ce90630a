"""Make long prompts of a task set."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count, listed
from evals.catalog.queries.long_context import LENGTHS
from evals.catalog.services.long_context import MOST_TASKS, make_long_context
from evals.catalog.services.task_sets import TaskSetError
from evals.models import TaskSet


class Command(ExampleCommand):
    help = (
        "Make long prompts of a task set's tasks: each at several lengths, at the start, in the middle and at the end "
        "of neutral text. They become a task set of their own, which `collect` asks for; nobody votes on it."
    )
    example = """
examples:
  manage.py long_context support                              10 tasks at 8,000, 32,000 and 128,000 tokens
  manage.py long_context support --tokens 4000 16000 --tasks 20
  manage.py collect --task-set support-long                   ask for them
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("--tokens", metavar="N", type=int, nargs="+", default=list(LENGTHS), help="lengths")
        parser.add_argument("--tasks", metavar="N", type=int, default=10, help=f"at most {MOST_TASKS} (10)")

    def handle(self, *args: Any, **options: Any) -> None:
        task_set = TaskSet.objects.filter(slug=options["slug"]).first()
        if task_set is None:
            raise CommandError(f"There is no task set “{options['slug']}”. See manage.py import_tasks.")
        try:
            made = make_long_context(task_set=task_set, lengths=options["tokens"], most_tasks=options["tasks"])
        except TaskSetError as error:
            raise CommandError(str(error)) from None
        slug = made.version.task_set.slug
        self.stdout.write(
            f"{slug}, version {made.version.n}{' (unchanged)' if made.unchanged else ''}: "
            f"{count(made.prompts, 'prompt')} of {count(made.tasks, 'task')}, about {made.tokens:,} tokens for each "
            "contender and sample."
        )
        if made.left_out:
            self.stdout.write("Left out: " + listed([f"{n:,} {reason}" for reason, n in made.left_out.items()]) + ".")
        self.stdout.write(f"Ask for them: manage.py collect --task-set {slug}")
