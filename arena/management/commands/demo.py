"""Seed the demo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from arena.commands import ExampleCommand
from arena.machine.demo import is_empty, seed


class Command(ExampleCommand):
    help = "Seeds an empty database with the demo: a task set, three contenders, a policy and a run that collects."
    example = """
example:
  manage.py demo
"""

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_empty():
            raise CommandError("The demo needs an empty database, and this one has task sets or contenders.")
        run = seed()
        self.stdout.write(f"seeded the demo: {run.items.count()} answers are being collected")
