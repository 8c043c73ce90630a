"""What pages and the API read of bake-offs: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django_q.models import Schedule, Task

from evals.collection.schedules import BAKE_OFF, EVERY
from evals.models import BakeOff, BakeOffMail, BakeOffReport, BakeOffSubscription

__all__ = ["BakeOffLine", "MailLine", "ReportLine", "ReportView", "address_of", "bake_off_lines", "report_lines",
           "report_view", "reports", "standing"]  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A schedule of maintenance."""

    name: str
    every: str
    next_run: datetime | None
    last_result: str


@dataclass(frozen=True)
class BakeOffLine:
    """`every` empty: it rests. `last` is its newest report."""

    task_set: str
    every: str
    next_run: datetime | None
    last_result: str
    budget_usd: Decimal | None
    rule: str
    last: ReportLine | None


@dataclass(frozen=True)
class ReportLine:
    id: int
    task_set: str
    n: int
    state: str
    run: int | None
    started_at: datetime
    created_at: datetime
    document: Mapping[str, Any]


@dataclass(frozen=True)
class MailLine:
    name: str
    state: str
    words: str
    error: str
    finished_at: datetime | None
    next_at: datetime | None


@dataclass(frozen=True)
class ReportView:
    line: ReportLine
    mails: tuple[MailLine, ...]
    previous: int | None
    following: int | None


def reports() -> QuerySet[BakeOffReport]:
    return BakeOffReport.objects.select_related("round__bake_off__task_set").order_by("-pk")


def report_lines(*, limit: int, before: int | None = None) -> list[ReportLine]:
    """The newest first. One query."""
    found = reports() if before is None else reports().filter(pk__lt=before)
    return [_line(one) for one in found[:limit]]


def report_view(report_id: int) -> ReportView | None:
    """Four queries."""
    found = reports().filter(pk=report_id).first()
    if found is None:
        return None
    others = BakeOffReport.objects.filter(round__bake_off=found.round.bake_off_id).order_by("pk")
    earlier, later = others.filter(pk__lt=found.pk), others.filter(pk__gt=found.pk)
    return ReportView(
        line=_line(found),
        mails=tuple(_mail(one) for one in found.mails.select_related("user")),
        previous=earlier.values_list("pk", flat=True).last(),
        following=later.values_list("pk", flat=True).first(),
    )


def bake_off_lines() -> list[BakeOffLine]:
    """By task set, those that rest last. Four queries and one more for each that has run."""
    schedules = {row.args: row for row in Schedule.objects.filter(func=BAKE_OFF)}
    found = BakeOff.objects.select_related("task_set", "newcomers_from").order_by("task_set__slug")
    newest: dict[int, ReportLine] = {}
    for bake_off in found:
        report = reports().filter(round__bake_off=bake_off).first()
        if report is not None:
            newest[bake_off.pk] = _line(report)
    lines = [_bake_off(one, schedules.get(f"{one.task_set_id},"), newest.get(one.pk)) for one in found]
    return sorted(lines, key=lambda line: not line.every)


def standing() -> list[Standing]:
    """The schedules of maintenance."""
    rows = Schedule.objects.exclude(func=BAKE_OFF).order_by("name", "pk")
    return [Standing(row.name or "", _every(row), row.next_run, _result(row)) for row in rows]


def address_of(user_id: int) -> str:
    """Where this admin's reports go; empty: nowhere."""
    found = BakeOffSubscription.objects.filter(user=user_id).values_list("address", flat=True).first()
    return found or ""


def _bake_off(one: BakeOff, row: Schedule | None, last: ReportLine | None) -> BakeOffLine:
    return BakeOffLine(
        task_set=one.task_set.slug,
        every=_every(row) if row is not None else "",
        next_run=row.next_run if row is not None else None,
        last_result=_result(row) if row is not None else "",
        budget_usd=one.budget_usd,
        rule=f"new models of {one.newcomers_from.slug}" if one.newcomers_from else "",
        last=last,
    )


def _line(report: BakeOffReport) -> ReportLine:
    return ReportLine(
        id=report.pk,
        task_set=report.round.bake_off.task_set.slug,
        n=report.round.n,
        state=report.state,
        run=report.round.run_id,
        started_at=report.round.started_at,
        created_at=report.created_at,
        document=report.document,
    )


def _mail(one: BakeOffMail) -> MailLine:
    waiting = one.state == BakeOffMail.State.WAITING
    return MailLine(
        name=one.user.name,
        state=one.state,
        words=str(BakeOffMail.State(one.state).label).lower(),
        error=one.error,
        finished_at=one.finished_at,
        next_at=one.not_before if waiting else None,
    )


def _every(row: Schedule) -> str:
    if row.schedule_type == Schedule.MINUTES:
        return "every minute" if row.minutes == 1 else f"every {row.minutes} minutes"
    return EVERY.get(row.schedule_type, "")


def _result(row: Schedule) -> str:
    last = Task.objects.filter(id=row.task).first() if row.task else None
    return last.result if last is not None and isinstance(last.result, str) else ""
