"""What the first page asks of whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from arena.models import Role, User
from evals.home.needs import needs_of
from evals.models import Contender, Provider, Reviewer, ReviewerFlag

pytestmark = pytest.mark.django_db


def _titles(role: Role) -> list[str]:
    user = User.objects.create(username=f"one-{role}", role=role)
    return [need.title for need in needs_of(user)]


@pytest.mark.on_both(because="a subquery's newest delivery and bounded reads by several indexes")
def test_an_editor_is_told_of_old_prices_and_flagged_reviewers_and_others_are_not() -> None:
    provider = Provider.objects.create(slug="p", name="P", kind=Provider.Kind.OPENAI, base_url="https://p.example/v1")
    old = timezone.now().date() - timedelta(days=61)
    prices = {"usd_per_mtok_input": 1, "usd_per_mtok_output": 2}
    Contender.objects.create(slug="dear", family="dear", provider=provider, model_name="m", priced_at=old, **prices)
    Contender.objects.create(
        slug="fresh", family="fresh", provider=provider, model_name="m", priced_at=timezone.now().date(), **prices
    )
    quick = Reviewer.objects.create(handle="file:quick", name="Quick")
    ReviewerFlag.objects.create(reviewer=quick, signs="speed", why="speed: too fast to have read (80% of 50 too fast)")

    assert _titles(Role.ADMIN) == ["Quick votes in a way worth a look", "Old price: dear"]
    assert _titles(Role.VIEWER) == []
    assert _titles(Role.REVIEWER) == ["Practise first"]
