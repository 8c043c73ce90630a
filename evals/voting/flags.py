"""Flags reviewers whose votes are worth a look, so that editors need not read the whole list every day.

What flags somebody are the signs of the reviewers' page that fail: hardly more agreement than chance, gold battles
judged differently, one side preferred, votes faster than reading. The statistics cost seconds, so they are made by a
chore and kept; pages read the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from evals.models import ReviewerFlag
from evals.voting.queries.reviewers import PAGE_SIZE, ReviewerRow, reviewer_rows
from evals.voting.reviewer_signs import Sign, signs

__all__ = ["MOST_LOOKED_AT", "flag_reviewers"]

# In the order of the reviewers' page: Arena's own people first, then by votes. Those after them have few votes.
MOST_LOOKED_AT = 500
# A leader who depends on one reviewer is a fact about the contest, not about the reviewer.
_ABOUT_THE_PERSON = frozenset({"agreement", "gold", "side", "speed"})


def flag_reviewers(*, seconds: float, clock: Callable[[], float] = time.monotonic) -> int:
    """Looks at everybody's signs, as long as there is time, and keeps what is found. Returns how many are flagged.
    Idempotent."""
    end = clock() + seconds
    looked_at: list[int] = []
    found: dict[int, list[Sign]] = {}
    while len(looked_at) < MOST_LOOKED_AT and clock() < end:
        rows = reviewer_rows(limit=PAGE_SIZE, before=len(looked_at))
        looked_at += [row.id for row in rows]
        found |= {row.id: failing for row in rows if (failing := _failing(row))}
        if len(rows) < PAGE_SIZE:
            break
    _keep(looked_at, found)
    return len(found)


def _failing(row: ReviewerRow) -> list[Sign]:
    if row.excluded_at is not None or not row.votes:
        return []
    return [one for one in signs(row.health, counts=True) if one.tick == "fail" and one.label in _ABOUT_THE_PERSON]


@transaction.atomic
def _keep(looked_at: list[int], found: dict[int, list[Sign]]) -> None:
    """Whose signs are fine again loses the flag, and is flagged anew if they fail once more."""
    ReviewerFlag.objects.filter(reviewer__in=looked_at).exclude(reviewer__in=found).delete()
    known = {flag.reviewer_id: flag for flag in ReviewerFlag.objects.select_for_update().filter(reviewer__in=found)}
    for reviewer, failing in found.items():
        named = " ".join(sorted(sign.label for sign in failing))
        why = "; ".join(f"{sign.label}: {sign.words} ({sign.facts})" for sign in failing)[:500]
        flag = known.get(reviewer)
        if flag is None:
            # Another chore may be keeping the same: the first one's row stays.
            ReviewerFlag.objects.bulk_create(
                [ReviewerFlag(reviewer_id=reviewer, signs=named, why=why)], ignore_conflicts=True
            )
        elif (flag.signs, flag.why) != (named, why):
            if flag.signs != named:
                flag.found_at = timezone.now()
            flag.signs, flag.why = named, why
            flag.save(update_fields=["signs", "why", "found_at"])
