"""Makes the report of each bake-off whose run ended, once.

The chore looks for rounds without one, so it does not matter how a run ended, nor how often or how late the chore
comes. Report, webhook messages and e-mails are rows of one transaction.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from arena.leases import live
from arena.models import Role
from arena.ui.numbers import money
from arena.ui.wording import count
from evals.bake_offs.figures import measure
from evals.bake_offs.report import Occasion, VotesNeeded, document, not_started
from evals.collection.queries.runs import run_view
from evals.collection.services import stop
from evals.leaderboards.queries import LeaderboardView, all_latest
from evals.models import (
    BakeOffMail,
    BakeOffReport,
    BakeOffRound,
    BakeOffSubscription,
    Generation,
    Run,
    RunItem,
    TaskSetVersion,
)
from evals.ratings import SUPPOSED_LEAD, votes_for_a_newcomer, votes_to_go
from evals.signals import bake_off_finished

__all__ = ["end_at_budget", "make_report", "rounds_to_report"]

_ENDED = (Run.State.DONE, Run.State.STOPPED)
_STATE = BakeOffReport.State

log = structlog.get_logger(__name__)


def end_at_budget() -> list[int]:
    """Stops bake-offs that paused by themselves, whose budget is used up or cannot be kept: nobody watches them, and
    the next one would wait for them forever. One that a person paused is left to them. Returns the ids of the runs."""
    paused = Run.objects.filter(state=Run.State.PAUSED, bake_off_round__isnull=False, budget_usd__isnull=False)
    ended = []
    for run in paused.order_by("pk"):
        reason = _why_it_paused(run)
        if reason and stop(run=run, reason=reason):
            ended.append(run.pk)
    return ended


def _why_it_paused(run: Run) -> str:
    budget = run.budget_usd
    if budget is not None and run.spent_usd >= budget:
        return f"Its budget of {money(budget)} is used up: {money(run.spent_usd)} spent."
    unknown = RunItem.objects.filter(run=run, linked=False, generation__state=Generation.State.DONE)
    first = unknown.filter(generation__cost_usd=None).select_related("generation__contender").first()
    if first is not None and not run.allow_unknown_costs:
        return f"Its budget cannot be kept: what an answer of {first.generation.contender.slug} cost is not known."
    return ""


def rounds_to_report() -> list[int]:
    """Ids of rounds without a report that have ended or started nothing, the oldest first. One query.

    Calls in flight when a run is stopped still end and are kept: it has ended once none is.
    """
    in_flight = RunItem.objects.filter(
        run=OuterRef("run"),
        generation__in=Generation.objects.filter(live(timezone.now()), state=Generation.State.RUNNING),
    )
    without = BakeOffRound.objects.filter(report=None)
    ended = without.filter(~Exists(in_flight), run__state__in=_ENDED) | without.filter(run=None)
    return list(ended.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def make_report(*, round_id: int) -> BakeOffReport | None:
    """None if it has one, or its run collects again. Sends `bake_off_finished` with what it stores."""
    # The row is the lock: two chores make one report.
    found = BakeOffRound.objects.select_for_update(of=("self",)).select_related("bake_off__task_set", "run__version")
    it = found.get(pk=round_id)
    if BakeOffReport.objects.filter(round=it).exists() or (it.run is not None and it.run.state not in _ENDED):
        return None
    now = timezone.now()
    if it.run is None:
        state, content = _STATE.NOT_STARTED, _not_started(it)
    else:
        state = _STATE.DONE if it.run.state == Run.State.DONE else _STATE.STOPPED
        content = _document(it, it.run)
    made = BakeOffReport.objects.create(round=it, state=state, document=content, created_at=now)
    _address(made)
    bake_off_finished.send(sender=BakeOffReport, report_id=made.pk, made_at=now, document=content)
    log.info("bake_off_reported", report=made.pk, task_set=it.bake_off.task_set.slug, state=state)
    return made


def _address(report: BakeOffReport) -> None:
    """An e-mail to each admin who asked for it, where there is a mail server."""
    if not settings.EMAIL_HOST:
        return
    asked = BakeOffSubscription.objects.filter(user__is_active=True, user__role=Role.ADMIN)
    BakeOffMail.objects.bulk_create(
        BakeOffMail(report=report, user_id=user, address=address)
        for user, address in asked.order_by("pk").values_list("user", "address")
    )


def _not_started(it: BakeOffRound) -> dict[str, Any]:
    return not_started(
        task_set=it.bake_off.task_set.slug,
        n=it.n,
        started_at=it.started_at,
        started_by=it.started_by,
        reason=it.reason,
    )


def _document(it: BakeOffRound, run: Run) -> dict[str, Any]:
    earlier = BakeOffRound.objects.filter(bake_off=it.bake_off_id, n__lt=it.n, run__isnull=False)
    before = earlier.select_related("bake_off__task_set", "run__version").order_by("-n").first()
    measured = measure(run)
    measured_before = measure(before.run) if before is not None and before.run is not None else {}
    new = [] if before is None else [one.slug for family, one in measured.items() if family not in measured_before]
    return document(
        _occasion(it, run),
        measured,
        before=None if before is None or before.run is None else _occasion(before, before.run),
        measured_before=measured_before,
        votes=_votes_needed(run.version, new),
    )


def _occasion(it: BakeOffRound, run: Run) -> Occasion:
    view = run_view(run)
    return Occasion(
        task_set=it.bake_off.task_set.slug,
        n=it.n,
        started_at=it.started_at,
        started_by=it.started_by,
        run=run.pk,
        version=view.version,
        state="done" if run.state == Run.State.DONE else "stopped",
        reason=run.reason,
        finished_at=run.finished_at,
        tasks=view.tasks,
        samples=run.samples,
        spent_usd=float(run.spent_usd),
        budget_usd=None if run.budget_usd is None else float(run.budget_usd),
        unknown_costs=view.unpriced,
        facts=it.facts,
    )


def _votes_needed(version: TaskSetVersion, new: list[str]) -> dict[str, list[VotesNeeded]]:
    """Of each contender that is new, in each category of the task set that still is voted in."""
    if not new:
        return {}
    named = version.items.filter(task__category__retired_at=None).order_by("task__category__name")
    categories = dict(named.values_list("task__category__slug", "task__category__name").distinct())
    boards = {board.category: board for board in all_latest()}
    return {
        slug: [_needed(slug, category, name, boards.get(category)) for category, name in categories.items()]
        for slug in new
    }


def _needed(slug: str, category: str, name: str, board: LeaderboardView | None) -> VotesNeeded:
    first = next((str(one.contender) for one in board.ratings if one.contender != slug), None) if board else None
    if board is None or first is None:
        return VotesNeeded(category, name, 0, None, "there is no leaderboard yet, so every vote is one of the first.")
    standings = board.standings
    if slug not in standings:
        # It is one more to choose from than those on the board.
        go = votes_for_a_newcomer(rivals=len(standings.active))
        words = (
            f"no votes yet; about {go.more:,}, likely {go.low:,} to {go.high:,}, against {first} make a difference of "
            f"{SUPPOSED_LEAD:.0f} points sure."
        )
        return VotesNeeded(category, name, 0, go.more, words)
    lead = standings.lead(slug, first)
    rating = standings.rating(slug)
    votes = rating.wins + rating.losses + rating.ties
    found = votes_to_go(gap=abs(lead.lead), se=lead.se, votes=lead.votes, rivals=lead.rivals, q=lead.q, b=lead.b)
    side = "ahead of" if lead.lead > 0 else "behind"
    if found is None:
        return VotesNeeded(category, name, votes, None, f"{count(votes, 'vote')}; level with {first}.")
    if not found.more:
        return VotesNeeded(category, name, votes, 0, f"{count(votes, 'vote')}; surely {side} {first}.")
    return VotesNeeded(
        category, name, votes, found.more, f"{count(votes, 'vote')}; {side} {first}, not surely: {found}."
    )
