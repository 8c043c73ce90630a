"""How reviewers judge battles whose right outcome is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from evals.models import Ballot, Category, GoldBattle, Reviewer
from evals.ratings.health import Finding, gold_accuracy
from evals.voting.choices import outcome_of
from evals.voting.holding import counted

__all__ = ["gold_count", "gold_findings"]


def gold_count(category: Category) -> int:
    """Gold battles of the category that are not retired."""
    return GoldBattle.objects.filter(battle__task__category=category, retired_at__isnull=True).count()


def gold_findings(reviewers: Iterable[Reviewer], *, until: datetime | None = None) -> dict[int, Finding]:
    """By reviewer, over the votes that were counted (before `until`); reviewers without one on a gold battle are
    missing. What somebody marked as gold says nothing about their own votes. Two queries, over the few battles that are
    gold."""
    # Named one by one: with a subquery in its place, SQLite begins with every ballot of the reviewers.
    gold = list(GoldBattle.objects.filter(retired_at__isnull=True).values_list("battle", flat=True))
    if not gold:
        return {}
    judged = Ballot.objects.filter(counted(), reviewer__in=list(reviewers), battle__in=gold)
    if until is not None:
        judged = judged.filter(closed_at__lt=until)
    own = F("battle__gold__created_by")
    rows = judged.exclude(reviewer__user__isnull=False, reviewer__user=own).values_list(
        "reviewer", "choice", "left", "battle__gold__outcome"
    )
    seen: Counter[int] = Counter()
    right: Counter[int] = Counter()
    for reviewer, choice, left, outcome in rows.order_by():
        seen[reviewer] += 1
        right[reviewer] += outcome_of(choice, left) == outcome
    return {reviewer: gold_accuracy(right[reviewer], n) for reviewer, n in seen.items()}
