"""Receivers of signals from other rooms of evals. Connected in `evals.apps`."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from evals.models import Category, Contender, ReviewerTally
from evals.voting import ledger


def rank_again(sender: Any, *, contender: Contender, **_: Any) -> None:
    """In the transaction that retires a contender or brings it back: rank the categories it was voted on in again."""
    voted = ReviewerTally.objects.filter(Q(lo=contender) | Q(hi=contender)).values("category")
    # In one order, in which every writer of several ledgers locks them.
    for category in Category.with_dimensions.filter(pk__in=voted).order_by("pk"):
        ledger.raise_revision(category)
