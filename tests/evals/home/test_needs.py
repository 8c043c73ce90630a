"""What the first page asks of whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from arena.models import Role, User
from evals.home.needs import needs_of
from evals.models import Contender, Generation, Provider, Reviewer, ReviewerFlag, Run
from evals.models.generations import ErrorCategory
from evals.voting.flags import flag_reviewers
from tests.suites import Suite

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


def test_failed_calls_and_a_paused_run_are_told_with_what_mends_them(suite: Suite) -> None:
    suite.tasks(3)
    run = suite.run()
    first, second, third = Generation.objects.order_by("pk")
    now = timezone.now()
    Generation.objects.filter(pk=first.pk).update(state="failed", error=ErrorCategory.AUTH, not_before=now)
    # With this one nothing is to be done, and that one is long over.
    Generation.objects.filter(pk=second.pk).update(state="failed", error=ErrorCategory.CONTENT_FILTER, not_before=now)
    Generation.objects.filter(pk=third.pk).update(
        state="failed", error=ErrorCategory.AUTH, not_before=now - timedelta(days=8)
    )
    Run.objects.filter(pk=run.pk).update(state=Run.State.PAUSED, reason="Its budget of $1.00 is reached.")
    admin = User.objects.create(username="ada", role=Role.ADMIN)
    told = [(need.title, need.words, need.url) for need in needs_of(admin)]
    assert [title for title, *_ in told] == [f"Run {run.pk}: 1 call failed for good", f"Run {run.pk} is paused"]
    assert told[0][1].startswith(f"Most often: {ErrorCategory.AUTH.label}.")
    assert told[1][1] == "Its budget of $1.00 is reached."
    assert {url for *_, url in told} == {f"/runs/{run.pk}/"}


def test_whose_signs_are_fine_again_loses_the_flag() -> None:
    jo = Reviewer.objects.create(handle="file:jo", name="Jo")
    ReviewerFlag.objects.create(reviewer=jo, signs="speed", why="speed: too fast")
    assert flag_reviewers(seconds=20) == 0
    assert not ReviewerFlag.objects.exists()


def test_flagging_ends_when_its_time_is_over() -> None:
    jo = Reviewer.objects.create(handle="file:jo", name="Jo")
    ReviewerFlag.objects.create(reviewer=jo, signs="speed", why="speed: too fast")
    assert flag_reviewers(seconds=0) == 0
    assert ReviewerFlag.objects.exists(), "nobody was looked at, so nothing is known"
