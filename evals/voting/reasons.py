"""How often each reason was given for a contender's answer being better, kept as votes begin or cease to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import F

from evals.models import Ballot, Reason, ReasonTally
from evals.models.votes import Side
from evals.voting.choices import side_at
from evals.voting.holding import counted

__all__ = ["counted_with_reasons", "move"]


def move(ballots: Iterable[Ballot], *, by: int) -> None:
    """Add (`by` 1) or take away (-1) the reasons of these ballots, whose votes prefer one answer; others count for
    nobody. Reads `battle.lo` and `battle.hi`. The caller holds the ledger's lock of their category."""
    change: Counter[tuple[int, int]] = Counter()
    for ballot in ballots:
        if ballot.reasons and ballot.choice in (Ballot.Choice.LEFT, Ballot.Choice.RIGHT):
            battle = ballot.battle
            won = battle.lo if side_at(ballot.choice, ballot.left) == Side.LO else battle.hi
            change.update({(reason, won.contender_id): by for reason in set(ballot.reasons)})
    if not change:
        return
    known = set(Reason.objects.filter(pk__in={reason for reason, _ in change}).values_list("pk", flat=True))
    ReasonTally.objects.bulk_create(
        [ReasonTally(reason_id=reason, contender_id=contender) for reason, contender in change if reason in known],
        ignore_conflicts=True,
    )
    for (reason, contender), n in change.items():
        ReasonTally.objects.filter(reason=reason, contender=contender).update(votes=F("votes") + n)


def counted_with_reasons(reviewer_id: int) -> list[Ballot]:
    """The reviewer's counted ballots that give a reason."""
    ballots = Ballot.objects.filter(counted(), reviewer=reviewer_id)
    texts = (f"battle__{side}__{field}" for side in ("lo", "hi") for field in ("text", "turns", "tool_calls"))
    return list(ballots.exclude(reasons=[]).select_related("battle__lo", "battle__hi").defer(*texts))
