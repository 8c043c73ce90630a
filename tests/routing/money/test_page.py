"""The money page: what is known of the table's contenders, and never a zero for a price that nobody knows."""

from decimal import Decimal

import pytest
from django.utils import timezone

from arena.models import Role
from evals.models import Attempt, Contender, Generation, Task
from evals.voting.reviewers import reviewer_of
from routing.money.queries import money_of
from routing.publishing.publisher import publish
from tests.routing.conftest import FLIPPED, cast
from tests.routing.outcomes.batches import an_outcome, bearer, post

pytestmark = pytest.mark.on_both(because="sums of outcomes, and the newest switch")


@pytest.fixture
def priced(voted):
    """40 answers of a at 1 cent, of b at 4 mills and as many tokens; c has no price."""
    usd = {"a": Decimal("0.01"), "b": Decimal("0.004"), "c": None}
    for n in range(40):
        task = Task.objects.create(category=voted, digest=str(n).rjust(64, "f"))
        for slug, cost in usd.items():
            answer = Generation.objects.create(
                task=task,
                contender=Contender.objects.get(slug=slug),
                state=Generation.State.DONE,
                latency_ms=1000.0,
                tokens_in=10,
                tokens_out=100,
                finished_at=timezone.now(),
            )
            Attempt.objects.create(generation=answer, n=1, started_at=timezone.now(), cost_usd=cost)
    publish(actor="Mara")
    return voted


def words(client, query=""):
    answer = client.get(f"/routing/money/{query}")
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def test_costs_follow_the_volume_and_what_is_not_known_stays_unknown(priced, client_of, editor_user, make_user):
    client = client_of(editor_user)
    assert money_of("code", None).now is None
    assert "Nothing was reported in 30 days" in words(client)
    typed = money_of("code", 1000)
    costs = {one.slug: one.a_month for one in typed.contenders}
    assert costs["a"].middle == pytest.approx(10)
    assert costs["a"].low == pytest.approx(10)
    assert costs["a"].high > 10
    assert costs["b"].middle == pytest.approx(4)
    assert costs["c"] is None
    assert typed.now == costs["a"]
    page = words(client, "?category=code&volume=1000&gpu_usd=0.001&gpu_model=c&gpu_tokens=100&gpu_busy=100")
    assert "$10.00" in page
    assert "no price" in page
    # $0.73 a month: against a cent a success, 73 of them; against 4 mills, 183.
    assert ">73" in page
    assert "183" in page
    assert "Name the contender that would run on it" in words(client, "?gpu_usd=1")
    assert "Ensure this value is greater than or equal to 1" in words(client, "?volume=0")
    assert "No category “prose”" in words(client, "?category=prose")
    assert "closed to you" in words(client_of(reviewer_of(make_user(Role.REVIEWER, "mara")).user))


def test_reported_outcomes_are_the_cost_now_and_the_switch_says_what_it_saved(priced):
    cast(priced, FLIPPED)
    publish(actor="Mara")
    assert post([an_outcome(model="b", cost_usd=0.005) for _ in range(30)], bearer("outcomes:write")).status_code == 200
    found = money_of("code", None)
    assert (found.volume, found.by_outcomes) == (30, True)
    assert found.now.middle == pytest.approx(0.15)
    assert (found.switch.before, found.switch.after, found.switch.reported) == ("a", "b", True)
    assert found.switch.saved.middle == pytest.approx(30 * 0.006)
    assert found.switch.saved.low < found.switch.saved.middle < found.switch.saved.high
    post([an_outcome(model="b", cost_usd=None)], bearer("outcomes:write"))
    assert not money_of("code", None).by_outcomes
