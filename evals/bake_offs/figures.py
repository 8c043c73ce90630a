"""Reads what a run measured of each contender."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import BooleanField, Count, ExpressionWrapper, Q, Sum

from evals.bake_offs.measurements import Cost, Measurements, Row
from evals.models import Attempt, Generation, Run, RunItem

__all__ = ["measure"]

_CHUNK = 5000
_STATE = Generation.State


def measure(run: Run) -> dict[str, Measurements]:
    """By family of contenders. Two queries, over every generation of the run and its calls."""
    costs = _costs(run)
    found: dict[str, Measurements] = {}
    rows = (
        RunItem.objects.filter(run=run)
        .annotate(checked=ExpressionWrapper(~Q(generation__task__checks=[]), output_field=BooleanField()))
        .values_list(
            "generation_id",
            "generation__contender__slug",
            "generation__contender__family",
            "generation__task_id",
            "generation__sample",
            "generation__state",
            "generation__error",
            "generation__checks",
            "generation__latency_ms",
            "generation__ttft_ms",
            "generation__cost_usd",
            "checked",
        )
    )
    for pk, slug, family, task, sample, state, error, checks, latency, ttft, usd, checked in rows.iterator(_CHUNK):
        of = found.setdefault(family, Measurements(slug, family))
        if state not in (_STATE.DONE, _STATE.FAILED):
            of.not_asked += 1
            continue
        done = state == _STATE.DONE
        if not done:
            of.failed[error] += 1
        of.rows[task, sample] = Row(
            passed=done and all(check["ok"] for check in checks or ()),
            done=done,
            checked=bool(checked),
            latency_ms=latency if done else None,
            ttft_ms=ttft if done else None,
            # What was imported has a cost, and no calls.
            cost=costs.get(pk) or Cost(usd or Decimal(0), answered=int(done), unpriced=int(done and usd is None)),
        )
    return found


def _costs(run: Run) -> dict[int, Cost]:
    answered, unknown = Q(error=""), Q(cost_usd__isnull=True)
    rows = (
        Attempt.objects.filter(generation__run_items__run=run)
        .values_list("generation_id")
        .annotate(
            usd=Sum("cost_usd"),
            usd_answered=Sum("cost_usd", filter=answered),
            answered=Count("pk", filter=answered),
            unpriced=Count("pk", filter=answered & unknown),
            broken=Count("pk", filter=~answered & unknown),
        )
        .order_by()
    )
    return {
        pk: Cost(usd or Decimal(0), usd_answered or Decimal(0), *counts)
        for pk, usd, usd_answered, *counts in rows.iterator(_CHUNK)
    }
