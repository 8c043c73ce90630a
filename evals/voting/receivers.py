"""Receivers of signals from other rooms of evals."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from evals.models import Category, Contender, ReviewerTally
from evals.signals import contender_retired
from evals.voting import ledger


@receiver(contender_retired, dispatch_uid="voting.contender")
def rank_again(sender: Any, *, contender: Contender, **_: Any) -> None:
    """In the transaction that retires a contender or brings it back: rank the categories it was voted on in again."""
    voted = ReviewerTally.objects.filter(Q(lo=contender) | Q(hi=contender)).values("category")
    # In one order, in which every writer of several ledgers locks them.
    for category in Category.objects.filter(pk__in=voted).order_by("pk"):
        ledger.raise_revision(category)
