"""Keep the live table as it is."""

from __future__ import annotations

from typing import Any

from routing.management.audited import ACTOR, AuditedCommand, Done
from routing.publishing import freezing, queries


class Command(AuditedCommand):
    help = "Publish no new decisions until the freeze is lifted. Voting, ranking and refreshes of the evidence go on."
    example = """
examples:
  manage.py freeze --reason "Launch week."
  manage.py unfreeze --reason "The launch is over."
"""

    def act(self, options: dict[str, Any]) -> Done:
        freezing.freeze(reason=options["reason"], actor=ACTOR)
        return Done(queries.freeze_state(), "Publishing is frozen. The live table stays as it is.")
