"""Let decisions be published again."""

from __future__ import annotations

from typing import Any

from routing.management.audited import ACTOR, AuditedCommand, Done
from routing.publishing import freezing, queries


class Command(AuditedCommand):
    help = "Lift the freeze, and have publishing look at what it kept back. Where nothing is frozen, nothing is done."
    example = """
examples:
  manage.py publish --dry-run                           say first what would be published
  manage.py unfreeze --reason "The launch is over."
"""

    def act(self, options: dict[str, Any]) -> Done:
        lifted = freezing.unfreeze(reason=options["reason"], actor=ACTOR)
        words = "Publishing goes on. What was kept back is looked at again."
        return Done(queries.freeze_state(), words if lifted else "Publishing was not frozen.")
