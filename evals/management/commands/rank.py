"""Recompute leaderboards from the tallies."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q

from arena.commands import ExampleCommand
from evals.leaderboards import queries, ranking
from evals.leaderboards.documents import documents
from evals.models import Category
from evals.voting.counting import count_votes
from evals.voting.importing import categories_being_imported


class Command(ExampleCommand):
    help = "Recompute leaderboards from the tallies, or with --rebuild from the votes."
    example = """
examples:
  manage.py rank                            every category
  manage.py rank --category code --json     one, as one JSON document on stdout
  manage.py rank --rebuild                  recount the tallies from the votes first
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--category", metavar="NAME", help="slug or name; default: every category with votes")
        parser.add_argument("--json", action="store_true", help="print the leaderboards as one JSON document")
        parser.add_argument("--rebuild", action="store_true", help="first recount the tallies from the votes")

    def handle(self, *args: Any, **options: Any) -> None:
        categories = Category.objects.order_by("name")
        if options["category"]:
            categories = categories.filter(Q(slug=options["category"]) | Q(name=options["category"]))
            if not categories:
                known = ", ".join(Category.objects.values_list("slug", flat=True)) or "none yet"
                raise CommandError(f"There is no category {options['category']!r}. Known: {known}.")
        else:
            categories = categories.filter(retired_at__isnull=True)
        views = []
        for category in categories:
            count_votes(category=category)
            for one in (category, *Category.with_dimensions.filter(dimension_of=category).order_by("pk")):
                leaderboard = ranking.rank_category(category_id=one.pk, rebuild=options["rebuild"])
                if leaderboard is not None:
                    views.append(queries.view(leaderboard))
                elif one.pk in categories_being_imported():
                    self.stderr.write(f"{one}: a file of votes is being imported; it is ranked once all are stored.")
        if options["json"]:
            document = {"leaderboards": documents([found for found in views if not found.dimension_of])}
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
            return
        for found in views:
            self._print(found)
        if not views:
            self.stdout.write("No votes yet: nothing to rank.")

    def _print(self, found: queries.LeaderboardView) -> None:
        below = f"  dimension of {found.dimension_of}, " if found.dimension_of else ""
        self.stdout.write(f"{below}{found.category}: {found.votes_words} on {found.tasks} tasks")
        if not found.connected:
            self.stdout.write(
                f"  not connected: {len(found.standings.groups)} groups never compared; ranks within each"
            )
        for rating in found.ratings:
            rank = "-" if rating.rank is None else f"{rating.rank[0]}-{rating.rank[1]}"
            low, high = rating.ci95
            self.stdout.write(f"  {rank:>7}  {rating.contender!s:<40} {rating.rating:7.0f}  [{low:.0f}, {high:.0f}]")
