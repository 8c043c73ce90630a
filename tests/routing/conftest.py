"""A small installation: one category, contenders, and votes that are counted as all votes are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from evals.leaderboards.ranking import rank_category
from evals.models import Category, Contender, Provider, Reviewer, Task
from evals.voting import ledger as ledgers
from evals.voting import tallies
from evals.voting.tallies import VoteFacts
from routing.policy.services import save_policy
from tests.evals.voting.casting import store
from tests.routing.boards import Wins

CLEAR = {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5), ("b", "c"): (50, 50, 5)}
# After these b leads, surely.
FLIPPED = {("a", "b"): (0, 300, 0), ("a", "c"): (0, 100, 0), ("b", "c"): (200, 40, 0)}
EAGER = {"every_category": {"gate": {"min_votes": 3, "dwell_hours": 0}}}


@pytest.fixture
def contenders(db: None) -> dict[str, Contender]:
    hosted = Provider.objects.create(slug="one", name="One", base_url="https://one.example/v1", locality="hosted")
    local = Provider.objects.create(slug="home", name="Home", base_url="http://127.0.0.1:1234/v1", locality="local")
    return {
        slug: Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=f"{slug}-1")
        for slug, provider in (("a", hosted), ("b", hosted), ("c", local))
    }


@pytest.fixture
def code(contenders: dict[str, Contender]) -> Category:
    return Category.objects.create(slug="code", name="Code")


def cast(category: Category, wins: Wins, reviewers: int = 4) -> None:
    """Stores votes cast elsewhere and ranks the category, as an import does."""
    people = [
        Reviewer.objects.get_or_create(handle=f"test:{n}", defaults={"name": f"Reviewer {n}"})[0].pk
        for n in range(reviewers)
    ]
    task, _ = Task.objects.get_or_create(category=category, digest="0" * 64)
    known = {slug: contender.pk for slug, contender in Contender.objects.in_bulk(field_name="slug").items()}
    outcomes = [
        (known[one], known[other], outcome)
        for (one, other), counts in wins.items()
        for outcome, times in zip(("lo", "hi", "tie"), counts, strict=True)
        for _ in range(times)
    ]
    with transaction.atomic():
        ledger = ledgers.lock(category)
        seqs = ledgers.take_seqs(ledger, len(outcomes))
        votes = [
            VoteFacts(people[seq % reviewers], task.pk, lo, hi, "unknown", outcome)
            for seq, (lo, hi, outcome) in zip(seqs, outcomes, strict=True)
        ]
        store(category, votes, seqs)
        tallies.move(category=category, added=votes)
    rank_category(category_id=category.pk)


@pytest.fixture
def eager() -> Callable[..., None]:
    """`eager(**more)` saves a policy under which three votes are enough."""

    def save(**more: object) -> None:
        save_policy(document=EAGER | more, reason="For the test.")

    return save


@pytest.fixture
def voted(code: Category, eager: Callable[..., None]) -> Category:
    """315 votes that favour a, and a policy that lets them decide."""
    eager()
    cast(code, CLEAR)
    return code
