"""Starts, pauses, resumes and stops runs. A run's items say what it needs; `claiming` decides which is asked for next.

A plain run links existing answers and asks for missing ones; those that had failed for good are tried again. A `fresh`
one asks for everything once more, as the next take.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from arena.errors import FieldError
from arena.models import User
from evals.catalog.queries.long_context import as_they_are, probes_of, takes
from evals.catalog.services.contenders import freeze
from evals.collection.queries.costs import cost_is_known
from evals.collection.queries.estimates import Estimate, estimate_run
from evals.models import Contender, Generation, Provider, Run, RunItem, RunWarmUp, Task, TaskSet, TaskSetVersion
from evals.models.bulk import insert
from evals.models.contenders import VISION
from evals.models.counts import recount_runs
from evals.models.generations import ErrorCategory

__all__ = [
    "MOST_SAMPLES",
    "MOST_WARM_UP_CALLS",
    "LocalOnlyError",
    "RunError",
    "change_budget",
    "check_budget",
    "check_warm_up_calls",
    "estimate",
    "pause",
    "rerun",
    "resume",
    "retry_failed",
    "settle",
    "start_run",
    "stop",
    "suite_of",
    "warm_up_calls_of",
]

MOST_SAMPLES = 20
MOST_WARM_UP_CALLS = 5
_MOST_BUDGET = 1_000_000
_BATCH = 2000

_STATE = Generation.State
_UNFINISHED = (Run.State.COLLECTING, Run.State.PAUSED)


class RunError(FieldError):
    """This run cannot be started or changed that way."""


class LocalOnlyError(RunError):
    """A hosted provider would have received tasks that must stay on our own machines."""


def start_run(
    *,
    version: TaskSetVersion,
    contenders: Sequence[Contender],
    samples: int = 1,
    fresh: bool = False,
    budget_usd: Decimal | None = None,
    allow_unknown_costs: bool = False,
    warm_up_calls: int | None = 0,
    started_by: User | None = None,
) -> Run:
    """Start a run over every task of `version`. The caller calls `evals.collection.wake.wake_workers()` on commit.

    `warm_up_calls` to each contender that has something to answer are made first and not measured; None: one at local
    providers, none at hosted ones. A budget over contenders of unknown cost is refused unless `allow_unknown_costs`.

    Raises RunError (or LocalOnlyError) before anything is written. Freezes each contender. A large run writes its
    generations in several transactions before its own, so that reviewers can vote meanwhile; if it is interrupted,
    the next run links those already written.
    """
    chosen = _chosen(contenders)
    _check(version, chosen, samples, budget_usd)
    check_warm_up_calls(warm_up_calls)
    _check_costs_are_known(budget_usd, chosen, allow_unknown_costs)
    for contender in chosen:
        freeze(contender)
    askable = version.items.exclude(task__messages=[])
    tasks = list(dict.fromkeys(askable.order_by("position").values_list("task_id", flat=True)))
    probes = probes_of(version)
    # By sample, then task by task across the contenders: the order in which they will be claimed.
    wanted = [
        _Wanted(task, contender.pk, sample)
        for sample in range(1, samples + 1)
        for task in tasks
        for contender in chosen
        if takes(contender, probes.get(task))
    ]
    before = _newest(version, chosen)
    missing = [place for place in wanted if fresh or place not in before]
    for n in range(0, len(missing), _BATCH):
        _create([(place, before[place].take + 1 if place in before else 1) for place in missing[n : n + _BATCH]])
    newest = _newest(version, chosen)
    return _make_run(
        Run(
            version=version,
            samples=samples,
            fresh=fresh,
            budget_usd=budget_usd,
            allow_unknown_costs=allow_unknown_costs,
            warm_up_calls=warm_up_calls,
            started_by=started_by,
        ),
        chosen,
        [newest[place] for place in wanted],
        asks=bool(missing),
    )


def estimate(
    *,
    version: TaskSetVersion,
    contenders: Sequence[Contender],
    samples: int = 1,
    fresh: bool = False,
    budget_usd: Decimal | None = None,
    allow_unknown_costs: bool = False,
    warm_up_calls: int | None = 0,
) -> Estimate:
    """What `start_run` with these would ask, cost and take, and its `problem` if it would be refused. Writes
    nothing."""
    chosen, problem = _chosen(contenders), ""
    try:
        _check(version, chosen, samples, budget_usd)
        check_warm_up_calls(warm_up_calls)
        _check_costs_are_known(budget_usd, chosen, allow_unknown_costs)
    except RunError as error:
        problem = str(error)
    return estimate_run(
        version=version,
        contenders=chosen,
        warm_up_calls={one.pk: warm_up_calls_of(one, warm_up_calls) for one in chosen},
        samples=samples,
        fresh=fresh,
        budget_usd=budget_usd,
        allow_unknown_costs=allow_unknown_costs,
        problem=problem,
    )


def _chosen(contenders: Iterable[Contender]) -> list[Contender]:
    found = Contender.objects.select_related("provider").filter(pk__in=[one.pk for one in contenders])
    return list(found.order_by("slug"))


def rerun(*, run: Run, started_by: User | None = None) -> Run:
    """Run the same suite as it is now: the newest version of its task set and the newest revisions of its contenders,
    without those retired since. The caller wakes the workers on commit."""
    version = run.version.task_set.versions.order_by("-n")[0]
    return start_run(
        version=version,
        contenders=suite_of(run),
        samples=run.samples,
        budget_usd=run.budget_usd,
        allow_unknown_costs=run.allow_unknown_costs,
        warm_up_calls=run.warm_up_calls,
        started_by=started_by,
    )


def suite_of(run: Run) -> list[Contender]:
    """The contenders of a run as they are now: their newest revisions, without those retired since."""
    families = run.contenders.filter(retired_at=None).values("family")
    newest: dict[str, Contender] = {
        contender.family: contender
        for contender in Contender.objects.filter(family__in=families, retired_at=None).order_by("revision")
    }
    return list(newest.values())


@transaction.atomic
def stop(*, run: Run, reason: str = "") -> bool:
    """Stop for good: calls in flight end and are kept, the rest is not asked for. False if it had already ended."""
    run.warm_ups.filter(state=RunWarmUp.State.WAITING).update(
        state=RunWarmUp.State.FAILED, error_detail="the run was stopped first", finished_at=timezone.now()
    )
    return _move(
        run,
        _UNFINISHED,
        Run.State.STOPPED,
        reason or "Stopped. Answers collected so far are kept.",
        finished_at=timezone.now(),
    )


@transaction.atomic
def pause(*, run: Run, reason: str = "") -> bool:
    return _move(run, (Run.State.COLLECTING,), Run.State.PAUSED, reason or "Paused.")


@transaction.atomic
def resume(*, run: Run) -> bool:
    """The caller calls `evals.collection.wake.wake_workers()` on commit. RunError if the budget is still used up."""
    run.refresh_from_db()
    if run.state == Run.State.PAUSED and run.budget_usd is not None and run.spent_usd >= run.budget_usd:
        raise RunError("budget_usd", f"${run.spent_usd:,.2f} of ${run.budget_usd:,.2f} is spent. Raise the budget.")
    moved = _move(run, (Run.State.PAUSED,), Run.State.COLLECTING, "")
    if moved:
        _warm_up(run)
        settle(run=run)
    return moved


@transaction.atomic
def change_budget(*, run: Run, budget_usd: Decimal | None, allow_unknown_costs: bool | None = None) -> None:
    """`budget_usd` None: no limit; `allow_unknown_costs` None: as before. A run that paused because of its budget
    resumes if there is room now; the caller wakes the workers."""
    check_budget(budget_usd)
    run = _locked(run)
    allow = run.allow_unknown_costs if allow_unknown_costs is None else allow_unknown_costs
    left = Generation.objects.filter(run_items__run=run, state__in=(_STATE.WAITING, _STATE.RUNNING))
    asked = run.contenders.select_related("provider").filter(pk__in=left.values("contender")).order_by("slug")
    _check_costs_are_known(budget_usd, asked, allow)
    reached = run.budget_usd is not None and run.spent_usd >= run.budget_usd
    Run.objects.filter(pk=run.pk).update(budget_usd=budget_usd, allow_unknown_costs=allow)
    room = budget_usd is None or run.spent_usd < budget_usd
    if run.state == Run.State.PAUSED and reached and room:
        _move(run, (Run.State.PAUSED,), Run.State.COLLECTING, "")
    elif run.state == Run.State.COLLECTING and not room:
        pause(run=run, reason=f"Its budget of ${budget_usd:,.2f} is reached: ${run.spent_usd:,.2f} spent. Raise it.")


@transaction.atomic
def retry_failed(*, run: Run, errors: Collection[str] = ()) -> int:
    """Ask again for generations that failed for good, all of them or only those with these errors; returns how many. A
    run that was done, paused or stopped collects again. The caller wakes the workers on commit."""
    run = _locked(run)
    if run.budget_usd is not None and run.spent_usd >= run.budget_usd:
        raise RunError("budget_usd", f"${run.spent_usd:,.2f} of ${run.budget_usd:,.2f} is spent. Raise the budget.")
    failed = Generation.objects.filter(run_items__run=run, state=_STATE.FAILED)
    if errors:
        failed = failed.filter(error__in=errors)
    reopened = _reopen(failed)
    if reopened:
        Run.objects.filter(pk=run.pk).update(state=Run.State.COLLECTING, reason="", finished_at=None)
        _warm_up(run)
    return reopened


def settle(*, run: Run | None = None) -> int:
    """Mark runs as done that have nothing waiting or in flight; returns how many. Without `run`, checks all.

    Locks first, then reads again: a single UPDATE would, on PostgreSQL, wait for a run that is being reopened and then
    decide by its items as they were before the wait.
    """
    open_items = RunItem.objects.filter(run=OuterRef("pk"), generation__state__in=(_STATE.WAITING, _STATE.RUNNING))
    ended = Run.objects.filter(~Exists(open_items), state__in=_UNFINISHED)
    if run is not None:
        ended = ended.filter(pk=run.pk)
    seen = list(ended.values_list("pk", flat=True))
    if not seen:
        return 0
    with transaction.atomic():
        locked = list(Run.objects.select_for_update().filter(pk__in=seen).order_by("pk").values_list("pk", flat=True))
        done = list(ended.filter(pk__in=locked).values_list("pk", flat=True))
        # Another run may have asked for an answer in the moment in which this one linked it: neither saw the other.
        recount_runs(done)
        return Run.objects.filter(pk__in=done).update(state=Run.State.DONE, reason="", finished_at=timezone.now())


@dataclass(frozen=True)
class _Wanted:
    task: int
    contender: int
    sample: int


@dataclass(frozen=True)
class _Existing:
    id: int
    take: int
    done: bool


def _newest(version: TaskSetVersion, contenders: Iterable[Contender]) -> dict[_Wanted, _Existing]:
    """The newest take of everything these contenders were ever asked for this version's tasks."""
    rows = (
        Generation.objects.filter(
            task__in=version.items.values("task_id"), contender__in=[contender.pk for contender in contenders]
        )
        .order_by("take")
        .values_list("pk", "task_id", "contender_id", "sample", "take", "state")
    )
    return {
        _Wanted(task, contender, sample): _Existing(pk, take, state == _STATE.DONE)
        for pk, task, contender, sample, take, state in rows.iterator(_BATCH)
    }


# A generation that has not been asked for yet.
_BLANK: dict[str, Any] = {
    "state": _STATE.WAITING.value,
    "attempts_made": 0,
    "ahead": False,
    "text": "",
    "thinking": "",
    "finish_reason": "",
    "tool_calls": [],
    "images": [],
    "turns": [],
    "error": "",
    "error_detail": "",
    "cost_source": "",
    "checks": [],
    "refused": False,
    "quarantine": "",
}


@transaction.atomic
def _create(places: Iterable[tuple[_Wanted, int]]) -> None:
    now = timezone.now()
    insert(
        Generation,
        ("task_id", "contender_id", "sample", "take", "not_before", "created_at", *_BLANK),
        ((place.task, place.contender, place.sample, take, now, now, *_BLANK.values()) for place, take in places),
        # Another run may be creating the same ones at this moment: then both link the same generations.
        ignore_conflicts=True,
    )


@transaction.atomic
def _make_run(run: Run, contenders: Sequence[Contender], wanted: Iterable[_Existing], *, asks: bool) -> Run:
    run.save()
    run.contenders.set(contenders)
    insert(RunItem, ("run_id", "generation_id", "linked"), ((run.pk, one.id, one.done) for one in wanted))
    reopened = _reopen(Generation.objects.filter(run_items__run=run, state=_STATE.FAILED))
    if settle(run=run) and not asks and not reopened:
        Run.objects.filter(pk=run.pk).update(reason="Everything had already been collected.")
    _warm_up(run)
    run.refresh_from_db()
    return run


def _warm_up(run: Run) -> None:
    """Each contender that has something to answer warms up first: at the start, and when the run goes on after a while
    in which its model may have been unloaded."""
    if run.warm_up_calls == 0:
        return
    waiting = Generation.objects.filter(run_items__run=run, state=_STATE.WAITING).order_by()
    contenders = Contender.objects.filter(pk__in=waiting.values("contender")).select_related("provider")
    for contender in contenders.order_by("slug"):
        calls = warm_up_calls_of(contender, run.warm_up_calls)
        if calls:
            open_ = {"state": RunWarmUp.State.WAITING, "calls": calls, "calls_made": 0, "attempts_made": 0}
            row, made = RunWarmUp.objects.get_or_create(run=run, contender=contender, defaults=open_)
            ended = RunWarmUp.objects.filter(pk=row.pk, state__in=(RunWarmUp.State.DONE, RunWarmUp.State.FAILED))
            if not made:
                ended.update(**open_, not_before=timezone.now(), error="", error_detail="", finished_at=None)


def warm_up_calls_of(contender: Contender, warm_up_calls: int | None) -> int:
    """How many calls a contender gets: local models are loaded into memory by their first one."""
    if warm_up_calls is not None:
        return warm_up_calls
    return 1 if contender.provider.locality == Provider.Locality.LOCAL else 0


def _reopen(failed: QuerySet[Generation]) -> int:
    return (
        Generation.objects.filter(pk__in=failed.values("pk"), state=_STATE.FAILED)
        .exclude(error=ErrorCategory.IMPORTED)
        .update(
            state=_STATE.WAITING,
            attempts_made=0,
            not_before=timezone.now(),
            error="",
            error_detail="",
            finished_at=None,
        )
    )


def _move(run: Run, states: Iterable[str], to: str, reason: str, **changes: object) -> bool:
    moved = Run.objects.filter(pk=run.pk, state__in=states).update(state=to, reason=reason[:255], **changes)
    run.refresh_from_db()
    return bool(moved)


def _locked(run: Run) -> Run:
    return Run.objects.select_for_update(of=("self",)).get(pk=run.pk)


def check_budget(budget_usd: Decimal | None) -> None:
    if budget_usd is not None and not 0 < budget_usd < _MOST_BUDGET:
        raise RunError(
            "budget_usd", f"A budget must be more than 0 and less than ${_MOST_BUDGET:,}. Leave it out for no limit."
        )


def check_warm_up_calls(calls: int | None) -> None:
    if calls is not None and not 0 <= calls <= MOST_WARM_UP_CALLS:
        raise RunError("warm_up_calls", f"Choose between 0 and {MOST_WARM_UP_CALLS} warm-up calls to each contender.")


def _check_costs_are_known(budget_usd: Decimal | None, contenders: Iterable[Contender], allow: bool) -> None:
    """A budget counts what it knows: with a contender of unknown cost it would be a promise that cannot be kept."""
    if budget_usd is None or allow:
        return
    unknown = [one.slug for one in contenders if not cost_is_known(one)]
    if unknown:
        raise RunError(
            "allow_unknown_costs",
            f"It is not known what {', '.join(unknown)} will cost, so a budget of ${budget_usd:,.2f} cannot be kept. "
            "Give each a price (0 if it costs nothing), leave them out, or allow unknown costs.",
        )


def _check(version: TaskSetVersion, contenders: Sequence[Contender], samples: int, budget_usd: Decimal | None) -> None:
    if not contenders:
        raise RunError("contenders", "Choose at least one contender.")
    if not 1 <= samples <= MOST_SAMPLES:
        raise RunError("samples", f"Choose between 1 and {MOST_SAMPLES} samples of each task.")
    check_budget(budget_usd)
    for contender in contenders:
        if contender.provider.kind == Provider.Kind.IMPORTED:
            raise RunError("contenders", f"{contender.slug} cannot be asked: its outputs were collected elsewhere.")
        if contender.retired_at is not None:
            raise RunError("contenders", f"{contender.slug} is retired. Bring it back first, or leave it out.")
    tasks = Task.objects.filter(items__version=version)
    if not tasks.exists():
        raise RunError("version", f"{version} has no tasks.")
    # Tasks known only by their ids, from imported votes, are left out: there is no text to ask.
    if not tasks.exclude(messages=[]).exists():
        raise RunError(
            "version",
            f"The tasks of {version} are known only by their ids, from imported votes: there is nothing to ask. "
            "Import the task set itself.",
        )
    _check_length(version, contenders)
    _check_vision(version, contenders)
    _check_locality(version, contenders)


def _check_length(version: TaskSetVersion, contenders: Sequence[Contender]) -> None:
    """One that takes some of the prompts is asked those; the others are told apart from failures."""
    probes = probes_of(version).values()
    short = [one for one in contenders if not any(takes(one, probe) for probe in probes)]
    if probes and len(short) == len(contenders):
        shortest = min(probe.tokens for probe in probes)
        raise RunError(
            "contenders",
            f"The shortest prompts have about {shortest:,} tokens, and the context of each of these contenders is "
            f"shorter: {', '.join(one.slug for one in short)}. Add others, or make shorter prompts.",
        )


def _check_vision(version: TaskSetVersion, contenders: Sequence[Contender]) -> None:
    blind = [one.slug for one in contenders if VISION not in one.capabilities]
    # By their ids: else the database compares whole tasks to tell which are distinct.
    tasks = Task.objects.filter(items__version=version).exclude(images=[]).values("pk").distinct()
    with_images = tasks.count() if blind else 0
    if with_images:
        raise RunError(
            "contenders",
            f"{with_images:,} of the tasks have images, and these contenders lack the capability “{VISION}”: "
            f"{', '.join(blind)}. Add it to those that take images, or leave them out.",
        )


def _check_locality(version: TaskSetVersion, contenders: Sequence[Contender]) -> None:
    hosted = [one for one in contenders if one.provider.locality == Provider.Locality.HOSTED]
    if not hosted:
        return
    names = ", ".join(f"{one.slug} ({one.provider.slug})" for one in hosted)
    if version.task_set.local_only:
        raise LocalOnlyError(
            "contenders",
            f"Task set {version.task_set.slug} is local_only and stays on your own machines, but these contenders are "
            f"hosted: {names}. Leave them out.",
        )
    shared = TaskSet.objects.filter(local_only=True, versions__items__task__items__version=version).distinct()
    if version.task_set.long_context_of_id is not None:
        # What stands in a long prompt may have become local_only since it was made.
        shared = TaskSet.objects.filter(local_only=True, versions__items__task__in=as_they_are(version)).distinct()
    kept = ", ".join(shared.order_by("slug").values_list("slug", flat=True))
    if kept or Task.objects.filter(items__version=version, local_only=True).exists():
        raise LocalOnlyError(
            "contenders",
            f"Tasks of {version.task_set.slug} also belong to a local_only task set ({kept or 'an earlier one'}) and "
            f"stay on your own machines, but these contenders are hosted: {names}. Leave them out.",
        )
