"""What contenders were chosen for: how often each reason was given when their answer was better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from arena.ui.numbers import chance
from evals.models import ReasonTally

__all__ = ["Chosen", "ChosenFor", "chosen_for"]

# Reasons that a line of a table names.
_NAMED = 3


@dataclass(frozen=True)
class Chosen:
    """`share` of all reasons given for the contender; a vote may give several."""

    reason: str
    votes: int
    share: float


@dataclass(frozen=True)
class ChosenFor:
    """Of one contender, most given first. `given` is how many reasons were given in all."""

    reasons: tuple[Chosen, ...]
    given: int

    @property
    def words(self) -> str:
        """`correct 61%, shorter 22%`."""
        return ", ".join(f"{one.reason} {chance(one.share)}" for one in self.reasons[:_NAMED])


def chosen_for(categories: Collection[str]) -> dict[str, Mapping[str, ChosenFor]]:
    """By category and contender, of those for whom a reason was given. Kept as votes are counted. One query."""
    rows = ReasonTally.objects.filter(reason__category__slug__in=list(categories), votes__gt=0).values_list(
        "reason__category__slug", "contender__slug", "reason__label", "votes"
    )
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for category, contender, label, votes in rows.order_by():
        counts[category][contender][label] = counts[category][contender].get(label, 0) + votes
    return {
        category: {contender: _chosen(given) for contender, given in contenders.items()}
        for category, contenders in counts.items()
    }


def _chosen(given: Mapping[str, int]) -> ChosenFor:
    total = sum(given.values())
    ordered = sorted(given.items(), key=lambda one: (-one[1], one[0]))
    return ChosenFor(tuple(Chosen(label, votes, votes / total) for label, votes in ordered), total)
