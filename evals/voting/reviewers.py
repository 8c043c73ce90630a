"""People whose votes count, and the acts by which an editor stops or resumes counting them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils import timezone

from arena.models import User
from arena.ui.markup import visible
from evals.models import Category, Reviewer
from evals.voting import ledger, tallies

__all__ = ["ExclusionError", "exclude", "imported_reviewer", "imported_reviewers", "include", "reviewer_of"]

log = structlog.get_logger(__name__)

# Handles of our own users start with it, so no import may be called so.
_OURS = "user"


class ExclusionError(ValueError):
    """An exclusion or its end that cannot be; the message is for the person who asked."""


def reviewer_of(user: User) -> Reviewer:
    """The user as a reviewer, made at their first visit. Follows a changed name."""
    reviewer, _ = Reviewer.objects.get_or_create(
        user=user, defaults={"handle": f"{_OURS}:{user.pk}", "name": user.name[:150]}
    )
    if reviewer.name != user.name[:150]:
        reviewer.name = user.name[:150]
        reviewer.save(update_fields=["name"])
    return reviewer


def imported_reviewer(*, source: str, name: str) -> Reviewer:
    """The person a file calls `name`; the same name from the same source is the same person."""
    return imported_reviewers(source=source, names=[name])[name]


@transaction.atomic
def imported_reviewers(*, source: str, names: Iterable[str]) -> dict[str, Reviewer]:
    """As `imported_reviewer`, for many names in two queries."""
    if source == _OURS:
        raise ValueError(f"No import may be called {_OURS!r}: the handles of our own users start so.")
    handles = {name: _handle(source, name) for name in names}
    Reviewer.objects.bulk_create(
        [Reviewer(handle=handle, name=(name or source)[:150]) for name, handle in sorted(handles.items())],
        ignore_conflicts=True,
    )
    found = {reviewer.handle: reviewer for reviewer in Reviewer.objects.filter(handle__in=handles.values())}
    return {name: found[handle] for name, handle in handles.items()}


def _handle(source: str, name: str) -> str:
    handle = f"{source}:{name}"
    if len(handle) > 255:
        handle = f"{handle[:190]}#{hashlib.sha256(handle.encode()).hexdigest()}"
    return handle


@transaction.atomic
def exclude(*, reviewer: Reviewer, reason: str, actor: User) -> Reviewer:
    """Stop counting the reviewer's votes, in every category, from now on; the votes stay. Undone by `include`."""
    reason = _checked(reason)
    reviewer = _locked(reviewer)
    if reviewer.excluded_at is not None:
        raise ExclusionError(f"{reviewer.name} is excluded already: {reviewer.excluded_reason}")
    for category, votes in _votes(reviewer):
        tallies.move(category=category, removed=votes)
        ledger.raise_revision(category)
    reviewer.excluded_at, reviewer.excluded_reason = timezone.now(), reason
    reviewer.save(update_fields=["excluded_at", "excluded_reason"])
    _write_down(reviewer, actor, f"Excluded: {reason}")
    return reviewer


@transaction.atomic
def include(*, reviewer: Reviewer, reason: str, actor: User) -> Reviewer:
    """Count the reviewer's votes again, those cast meanwhile too."""
    reason = _checked(reason)
    reviewer = _locked(reviewer)
    if reviewer.excluded_at is None:
        raise ExclusionError(f"{reviewer.name} is not excluded: their votes count.")
    reviewer.excluded_at, reviewer.excluded_reason = None, ""
    reviewer.save(update_fields=["excluded_at", "excluded_reason"])
    for category, votes in _votes(reviewer):
        tallies.move(category=category, added=votes)
        ledger.raise_revision(category)
    _write_down(reviewer, actor, f"Counted again: {reason}")
    return reviewer


def _checked(reason: str) -> str:
    reason = " ".join(visible(reason).split())
    if not reason:
        raise ExclusionError("Give a reason: it is kept with the decision and shown beside it.")
    if len(reason) > 255:
        raise ExclusionError(f"The reason has {len(reason)} characters; the limit is 255.")
    return reason


def _locked(reviewer: Reviewer) -> Reviewer:
    """The reviewer's row, after every ledger: a vote they cast at this moment is either counted before, or sees
    the new state. Ledgers in the order of their ids, so that two exclusions do not wait for each other."""
    for category in Category.objects.order_by("pk"):
        ledger.lock(category)
    return Reviewer.objects.select_for_update(no_key=True).get(pk=reviewer.pk)


def _votes(reviewer: Reviewer) -> list[tuple[Category, tallies.Counted]]:
    counted = ((c, tallies.facts(c, reviewer=reviewer)) for c in Category.objects.order_by("pk"))
    return [(category, votes) for category, votes in counted if votes]


def _write_down(reviewer: Reviewer, actor: User, message: str) -> None:
    LogEntry.objects.log_actions(
        actor.pk, Reviewer.objects.filter(pk=reviewer.pk), CHANGE, change_message=message, single_object=True
    )
    log.info("reviewer_exclusion", reviewer=reviewer.handle, actor=actor.username, act=message)
