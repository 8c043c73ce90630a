"""Lift a pin: votes may switch again from where it left the category."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from routing.management.audited import ACTOR, AuditedCommand, Done, saved
from routing.policy import queries, services
from routing.policy.parse import parse
from routing.policy.pins import pins
from routing.publishing.summaries import unpin_notice


class Command(AuditedCommand):
    help = (
        "Lift a pin, as a new version of the policy. Who was pinned stays first until votes are sure of another; to go "
        "back at once, roll back."
    )
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
        before = queries.policy()
        there = pins(parse(before.document), category) if before else {}
        made = services.unpin(category=category, route=options["route"], reason=options["reason"], by=ACTOR)
        done = saved(made, None, f"The pin of {category} is lifted.")
        lifted = there.items() - pins(parse(made.document), category).items()
        stays = unpin_notice(category, (contender for _, contender in lifted))
        return done._replace(words=f"{done.words} {stays}".strip())
