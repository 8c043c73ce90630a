"""Count anew what pages count."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum

from arena.commands import ExampleCommand
from evals.models import AnswerCount, Category, ReviewerVotes, RunCount
from evals.models.counts import recount
from evals.voting import tallies


class Command(ExampleCommand):
    help = "Count anew what pages count: answers, items of runs, votes by reviewer; with --tallies the tallies too."
    example = """
examples:
  manage.py recount              from the answers, runs and votes themselves; writers wait for some seconds
  manage.py recount --tallies    the tallies of votes as well, and what they say of each contender
"""

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--tallies", action="store_true", help="recount the tallies from the votes as well")

    def handle(self, *args: Any, **options: Any) -> None:
        recount()
        if options["tallies"]:
            for category in Category.with_dimensions.order_by("pk"):
                tallies.rebuild(category)
        counted = {
            "answers": AnswerCount.objects.aggregate(n=Sum("done") + Sum("failed"))["n"] or 0,
            "items of runs": RunCount.objects.aggregate(n=Sum("total"))["n"] or 0,
            "votes": ReviewerVotes.objects.aggregate(n=Sum("votes"))["n"] or 0,
        }
        if options["verbosity"]:
            self.stdout.write("Counted " + ", ".join(f"{n:,} {what}" for what, n in counted.items()) + ".")
