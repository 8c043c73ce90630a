"""Look through stored answers for those that name their writer."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from arena.commands import ExampleCommand
from arena.ui.wording import count
from evals.collection.quarantine.recheck import recheck, start_over


class Command(ExampleCommand):
    help = (
        "Look through stored answers for those that name their writer, and keep them from reviewers until an editor "
        "decides. Answers that an editor has decided about are left alone. The chores do this by themselves after an "
        "upgrade, a portion every five minutes."
    )
    example = """
examples:
  manage.py recheck_quarantine              what is left after an upgrade, at once
  manage.py recheck_quarantine --again      from the first answer, after a provider or contender got another name
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="begin with the first answer again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["again"]:
            start_over()
        read = found = 0
        while True:
            done = recheck(seconds=5)
            read, found = read + done.read, found + done.found
            if done.finished:
                break
            self.stderr.write(f"{count(read, 'answer')} read, {found:,} taken out so far")
        if not read:
            self.stdout.write("Nothing left to read: every stored answer has been looked through.")
            return
        self.stdout.write(f"{count(read, 'answer')} read. {count(found, 'answer')} taken out; decide at /quarantine/.")
