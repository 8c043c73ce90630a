"""Send a category to one contender, whatever the votes say."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from routing.management.audited import ACTOR, AuditedCommand, Done, saved
from routing.policy import queries, services


class Command(AuditedCommand):
    help = (
        "Pin a category's route to a contender, as a new version of the policy. Within the policy's limits a pin goes "
        "before the votes, until it is lifted."
    )
    example = """
examples:
  manage.py pin code gpt-x --reason "Support asked for it."
  manage.py pin code small-a --route fast --reason "Fewer tokens."     the route that the policy calls fast
  manage.py unpin code --reason "Votes decide again."
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("category", help="its slug")
        parser.add_argument("contender", help="its slug")
        parser.add_argument("--route", metavar="NAME", help="default: the one that always holds")
        super().add_arguments(parser)

    def act(self, options: dict[str, Any]) -> Done:
        category, contender = options["category"], options["contender"]
        before = queries.policy()
        made = services.pin(
            category=category, contender=contender, route=options["route"], reason=options["reason"], by=ACTOR
        )
        return saved(made, before.version if before else None, f"{category} is pinned to {contender}.")
