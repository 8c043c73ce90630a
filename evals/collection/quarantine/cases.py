"""Quarantine cases: an answer is taken out by the detector or by a reviewer's report, and an editor releases it or
confirms that it stays out.

Each function locks the generation first, then its case. `Generation.quarantine` is written here and where answers are
stored, and nowhere else: empty if, and only if, no case of the answer is open or confirmed. Votes that were cast on an
answer count, whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from arena.accounts.admin_log import log_change
from arena.models import User
from arena.ui.markup import one_line
from evals.models import Ballot, Generation, QuarantineAct, QuarantineCase, Reviewer

__all__ = ["UNDECIDED_REPORTS", "DecisionError", "ReportLimitError", "confirm", "detected", "open_case", "release"]

log = structlog.get_logger(__name__)

_STATE, _SOURCE, _KIND = QuarantineCase.State, QuarantineCase.Source, QuarantineAct.Kind

# Reports by one reviewer within a day that no editor has confirmed: each takes an answer from everybody. Whoever finds
# so many real ones is no longer limited once an editor has confirmed them.
UNDECIDED_REPORTS = 20
_WITHIN = timedelta(hours=24)
DETECTOR = "Arena"
_MOST = 255


class ReportLimitError(Exception):
    """The reviewer has reported too many answers that nobody has confirmed; the message is for them."""


class DecisionError(ValueError):
    """The case cannot be decided so; the message is for the editor."""


def detected(found: Mapping[int, str], *, at: datetime | None = None) -> int:
    """Open a case for each of these generations, whose `quarantine` the caller has stored, or stores, in the same
    transaction with their rows locked. Those with a case that stands already keep it. Returns how many were opened.
    Three queries, however many there are."""
    at = at or timezone.now()
    standing = QuarantineCase.objects.filter(generation__in=found).exclude(state=_STATE.RELEASED)
    new = Generation.objects.filter(pk__in=found).exclude(pk__in=standing.values("generation")).order_by("pk")
    made = QuarantineCase.objects.bulk_create(
        QuarantineCase(
            generation_id=pk,
            contender_id=contender,
            category_id=category,
            source=_SOURCE.DETECTOR,
            why=found[pk][:_MOST],
            opened_at=at,
        )
        for pk, contender, category in new.values_list("pk", "contender_id", "task__category_id")
    )
    QuarantineAct.objects.bulk_create(
        QuarantineAct(case=case, kind=_KIND.OPENED, who=DETECTOR, why=case.why, at=at) for case in made
    )
    return len(made)


@transaction.atomic
def open_case(*, generation: Generation, reporter: Reviewer, why: str, ballot: Ballot, side: str) -> QuarantineCase:
    """A reviewer's report, which takes the answer out for everybody until an editor decides.

    `why` is what the reviewer wrote, cleaned; empty stands for the usual reason. A report that tells nothing new (its
    answer is out already, or an editor released it after the same reviewer had said the same) is only kept with the
    case, which is returned as it is: `is_out` says whether the answer is out. Raises ReportLimitError.
    """
    why = (why or "reveals which model wrote it")[:_MOST]
    answer = _locked(generation.pk)
    known = _case_of(answer, reporter, why)
    if known is not None:
        _act(known, _KIND.REPEATED, reporter.name, why, ballot=ballot)
        return known
    _refuse_many(reporter)
    case = QuarantineCase.objects.create(
        generation=answer,
        contender_id=answer.contender_id,
        category_id=answer.task.category_id,
        source=_SOURCE.REVIEWER,
        why=why,
        reporter=reporter,
        ballot=ballot,
        side=side,
    )
    _act(case, _KIND.OPENED, reporter.name, why, ballot=ballot)
    # Also on the caller's own instance, which pages ask whether its battle is withdrawn.
    generation.quarantine = _take_out(case)
    return case


def release(*, case: QuarantineCase, reason: str, who: str, user: User | None = None) -> QuarantineCase:
    """Show the answer to reviewers again; its battles can be drawn from now on. `who` is the person's or the token's
    name; `user` is given for a person, whose act is then in the log of the admin site too. Raises DecisionError."""
    return _decide(case, _STATE.RELEASED, reason, who, user)


def confirm(*, case: QuarantineCase, reason: str, who: str, user: User | None = None) -> QuarantineCase:
    """Keep the answer from reviewers for good; also one that was released by mistake. As `release`."""
    return _decide(case, _STATE.CONFIRMED, reason, who, user)


@transaction.atomic
def _decide(
    case: QuarantineCase, state: QuarantineCase.State, reason: str, who: str, user: User | None
) -> QuarantineCase:
    reason = _checked(reason)
    _locked(case.generation_id)
    case = (
        QuarantineCase.objects.select_for_update(of=("self",), no_key=True).select_related("generation").get(pk=case.pk)
    )
    if case.state == state:
        raise DecisionError(f"{case.decided_by} has {state} this already: {case.decision}. Nothing was changed.")
    if QuarantineCase.objects.filter(generation=case.generation_id, pk__gt=case.pk).exists():
        raise DecisionError("This answer has been reported again since. Decide the newer case; nothing was changed.")
    case.state, case.decision = state, reason
    case.decided_by, case.decided_at = who[:150], timezone.now()
    case.save(update_fields=["state", "decision", "decided_by", "decided_at"])
    if state == _STATE.RELEASED:
        Generation.objects.filter(pk=case.generation_id).update(quarantine="")
    else:
        _take_out(case)
    _act(case, _KIND(state), case.decided_by, reason)
    if user is not None:
        log_change(of=case, actor=user, message=f"{state.capitalize()}: {reason}")
    log.info("quarantine_decision", case=case.pk, actor=case.decided_by, act=state.value)
    return case


def _checked(reason: str) -> str:
    reason = one_line(reason)
    if not reason:
        raise DecisionError("Give a reason: it is kept with the decision.")
    if len(reason) > _MOST:
        raise DecisionError(f"The reason has {len(reason)} characters; the limit is {_MOST}.")
    return reason


def _locked(pk: int) -> Generation:
    """Its row, locked: what happens to one answer happens one after the other."""
    rows = Generation.objects.select_for_update(of=("self",), no_key=True).select_related("task")
    return rows.only("contender_id", "quarantine", "task__category_id").get(pk=pk)


def _case_of(answer: Generation, reporter: Reviewer, why: str) -> QuarantineCase | None:
    """The case to which the report adds nothing."""
    cases = QuarantineCase.objects.filter(generation=answer).order_by("-pk")
    newest = cases.first()
    if newest is None or newest.is_out:
        return newest
    said = QuarantineAct.objects.filter(case__in=cases, case__reporter=reporter, kind=_KIND.OPENED)
    return newest if why.casefold() in {words.casefold() for words in said.values_list("why", flat=True)} else None


def _refuse_many(reporter: Reviewer) -> None:
    # Two windows of one reviewer count one after the other.
    Reviewer.objects.select_for_update(no_key=True).get(pk=reporter.pk)
    recent = QuarantineCase.objects.filter(reporter=reporter, opened_at__gt=timezone.now() - _WITHIN)
    if recent.exclude(state=_STATE.CONFIRMED).count() >= UNDECIDED_REPORTS:
        raise ReportLimitError(
            f"You reported {UNDECIDED_REPORTS} answers within a day that no editor has confirmed yet, so this one was "
            "not reported. Skip the battle, and ask an editor to look at the quarantine page."
        )


def _take_out(case: QuarantineCase) -> str:
    why = case.why
    if case.source == _SOURCE.REVIEWER and case.reporter is not None:
        why = f"reported by {case.reporter.name}: {why}"
    Generation.objects.filter(pk=case.generation_id).update(quarantine=why[:_MOST])
    return why[:_MOST]


def _act(case: QuarantineCase, kind: QuarantineAct.Kind, who: str, why: str, *, ballot: Ballot | None = None) -> None:
    QuarantineAct.objects.create(case=case, kind=kind, who=who[:150] or "a reviewer", why=why, ballot=ballot)
