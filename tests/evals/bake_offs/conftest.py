"""A task set, a provider whose list of models a double serves on loopback, and runs that end as a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import Schedule

from evals.bake_offs import chores
from evals.bake_offs.services import BakeOffFields, save_bake_off
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.models import Attempt, BakeOff, BakeOffReport, Contender, Generation, Provider, Run, TaskSet
from tests.servers import Misbehaving, misbehaving, routes

# Prices as OpenRouter's list has them, for one token.
CHEAP = {"prompt": "0.0000002", "completion": "0.0000008"}
DEAR = {"prompt": "0.00001", "completion": "0.00003"}


@pytest.fixture(autouse=True)
def _no_other_schedules(db: None) -> None:
    """`migrate` makes the house's own."""
    Schedule.objects.all().delete()


@pytest.fixture
def task_set(db: None) -> TaskSet:
    checks = [{"type": "contains", "value": "yes"}]
    rows = [TaskRow(str(n), "Code", [{"role": "user", "content": f"Question {n}?"}], checks=checks) for n in range(4)]
    return save_version(task_set_slug="code", rows=rows, source="test").version.task_set


@pytest.fixture
def listing(settings: Any) -> Iterator[Callable[..., Misbehaving]]:
    """`listing(model, …)`: a provider's list, of names or of entries as the list has them."""
    with ExitStack() as stack:

        def serve(*models: Any) -> Misbehaving:
            entries = [one if isinstance(one, dict) else {"id": one, "pricing": CHEAP} for one in models]
            server = stack.enter_context(misbehaving(routes({"/v1/models": {"data": entries}})))
            settings.ARENA_OUTBOUND_ALLOW = [*settings.ARENA_OUTBOUND_ALLOW, f"127.0.0.1:{server.port}"]
            return server

        yield serve


@pytest.fixture
def provider(db: None) -> Provider:
    return Provider.objects.create(slug="cloud", name="Cloud", base_url="http://127.0.0.1:1/v1", locality="hosted")


@pytest.fixture
def contender(provider: Provider) -> Contender:
    fields = ContenderFields(
        provider=provider,
        model_name="old",
        settings={},
        usd_per_mtok_input=Decimal(1),
        usd_per_mtok_output=Decimal(2),
    )
    return save_contender(slug="old", fields=fields).contender


def set_up(task_set: TaskSet, **fields: Any) -> BakeOff:
    return save_bake_off(task_set=task_set, fields=BakeOffFields(**fields), every="W", actor="Mara")


def rule(provider: Provider, **fields: Any) -> dict[str, Any]:
    return {
        "newcomers_from": provider,
        "most_usd_input": Decimal(1),
        "most_usd_output": Decimal(2),
        "only_newly_listed": False,
        **fields,
    }


def lists(provider: Provider, server: Misbehaving) -> None:
    """The provider's list is the one of this double from now on."""
    Provider.objects.filter(pk=provider.pk).update(base_url=server.base_url)


def due(weeks: int) -> str:
    return (timezone.now().replace(microsecond=0) + timedelta(weeks=weeks)).isoformat()


def bake(task_set: TaskSet, weeks: int = 0) -> Run | None:
    """What the schedule does when it is due, that many weeks from now."""
    before = Run.objects.order_by("-pk").first()
    chores.bake_off(task_set.pk, due=due(weeks))
    newest = Run.objects.order_by("-pk").first()
    return newest if newest != before else None


def answer(run: Run, *, wrong: int = 0, usd: str | None = "0.01", ms: float = 1000, only: str = "") -> None:
    """Every answer of the run comes, or those of one contender; the first `wrong` of each fail their check."""
    seen: dict[int, int] = {}
    found = Generation.objects.filter(run_items__run=run, state="waiting").order_by("pk")
    for one in found.filter(contender__slug=only) if only else found:
        seen[one.contender_id] = seen.get(one.contender_id, 0) + 1
        ok = seen[one.contender_id] > wrong
        cost = None if usd is None else Decimal(usd)
        Generation.objects.filter(pk=one.pk).update(
            state="done",
            text="yes" if ok else "no",
            checks=[{"type": "contains", "ok": ok, "detail": ""}],
            latency_ms=ms,
            ttft_ms=ms / 4,
            tokens_in=10,
            tokens_out=20,
            cost_usd=cost,
            finished_at=timezone.now(),
        )
        Attempt.objects.create(generation=one, n=1, started_at=timezone.now(), latency_ms=ms, cost_usd=cost)
        if cost is not None:
            run.spent_usd += cost
    Run.objects.filter(pk=run.pk).update(spent_usd=run.spent_usd)


def end(run: Run, state: str = Run.State.DONE, reason: str = "") -> None:
    Run.objects.filter(pk=run.pk).update(state=state, reason=reason, finished_at=timezone.now())


def report(run: Run | None = None) -> dict[str, Any]:
    """Has the chore make what is due; the document of the run's report, or of the newest."""
    chores.report_bake_offs()
    found = BakeOffReport.objects.order_by("-pk") if run is None else BakeOffReport.objects.filter(round__run=run)
    return found[0].document
