"""Publish an earlier version's decisions again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from routing.management.audited import ACTOR, AuditedCommand, Done
from routing.publishing import publisher


class Command(AuditedCommand):
    help = "Publish an earlier version's decisions as a new version, with today's evidence, and freeze publishing."
    example = """
examples:
  manage.py rollback 41 --reason "b is too slow."       version 41 decides again, until somebody lifts the freeze
  manage.py unfreeze --reason "b is fixed."             goes on from there
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("to", type=int, metavar="VERSION", help="the version whose decisions to publish")
        super().add_arguments(parser)

    def act(self, options: dict[str, Any]) -> Done:
        result = publisher.rollback(to=options["to"], reason=options["reason"], actor=ACTOR)
        words = f"Version {result.version} published with the decisions of {options['to']}. Publishing is frozen until "
        return Done(result.as_dict(), words + "manage.py unfreeze --reason …")
