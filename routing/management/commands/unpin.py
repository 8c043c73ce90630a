"""Let votes decide where a pin did."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from routing import services
from routing.management.acting import ACTOR, ActCommand, Done, saved


class Command(ActCommand):
    help = "Lift a pin, as a new version of the policy: votes decide again where they did before."
    example = """
examples:
  manage.py unpin code --reason "Votes decide again."
  manage.py unpin code --route fast --reason "Fast enough by now."     the route that the policy calls fast
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("category", help="its slug")
        parser.add_argument("--route", metavar="NAME", help="default: the one that always holds, else the only pinned")
        super().add_arguments(parser)

    def act(self, options: dict[str, Any]) -> Done:
        category = options["category"]
        made = services.unpin(category=category, route=options["route"], reason=options["reason"], by=ACTOR)
        return saved(made, None, f"The pin of {category} is lifted.")
