"""Gold battles: an editor marks the right outcome of a battle, and some draws show it to reviewers.

A wrong answer tells something about the reviewer. The vote counts like any other.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from arena.accounts.admin_log import log_change
from arena.models import User
from arena.ui.markup import one_line
from evals.models import Battle, GoldBattle
from evals.models.votes import Outcome

__all__ = ["GoldError", "mark_gold", "retire_gold"]


class GoldError(ValueError):
    """Nothing was changed; the message is for the editor."""


@transaction.atomic
def mark_gold(*, battle: Battle, outcome: str, why: str, actor: User) -> GoldBattle:
    """The right outcome of the battle, in its own order of `lo` and `hi`. Marking it again replaces outcome and reason,
    and brings a retired one back."""
    if outcome not in Outcome.values:
        raise GoldError(f"{outcome[:20]!r} is not an outcome: give lo, hi, tie or both_bad.")
    why = one_line(why)
    if not 0 < len(why) <= 500:
        raise GoldError("Say in 1 to 500 characters why: others judge the mark by it.")
    fields = {"outcome": outcome, "why": why, "created_by": actor, "created_at": timezone.now(), "retired_at": None}
    gold, _ = GoldBattle.objects.update_or_create(battle=battle, defaults=fields)
    log_change(of=gold, actor=actor, message=f"Gold: {outcome}, because {why}")
    return gold


@transaction.atomic
def retire_gold(*, gold: GoldBattle, actor: User) -> bool:
    """It is drawn like any other battle again, and no reviewer is measured by it. False if it was retired already."""
    retired = GoldBattle.objects.filter(pk=gold.pk, retired_at__isnull=True).update(retired_at=timezone.now())
    if retired:
        log_change(of=gold, actor=actor, message="No longer gold")
    return bool(retired)
