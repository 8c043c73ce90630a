"""Reviewers, and excluding and including them by an editor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import structlog
from django.db import transaction
from django.utils import timezone

from arena.accounts.admin_log import log_change
from arena.models import User
from arena.ui.markup import one_line
from evals.models import Category, Reviewer
from evals.voting import ledger, reasons, tallies

__all__ = ["ExclusionError", "exclude", "imported_reviewers", "include", "reviewer_of"]

log = structlog.get_logger(__name__)

# Handles of Arena's own users start with it, so an import cannot have this name.
_OURS = "user"


class ExclusionError(ValueError):
    """The reviewer cannot be excluded or included; the message is for the editor."""


def reviewer_of(user: User) -> Reviewer:
    """The user as a reviewer, created on their first visit. A changed name is copied."""
    reviewer, _ = Reviewer.objects.get_or_create(
        user=user, defaults={"handle": f"{_OURS}:{user.pk}", "name": user.name[:150]}
    )
    if reviewer.name != user.name[:150]:
        reviewer.name = user.name[:150]
        reviewer.save(update_fields=["name"])
    return reviewer


@transaction.atomic
def imported_reviewers(*, source: str, names: Iterable[str]) -> dict[str, Reviewer]:
    """The people of these names in a file, by name; the same name from the same source is the same person. Two
    queries."""
    if source == _OURS:
        raise ValueError(f"An import cannot be called {_OURS!r}: handles of Arena's own users start with it.")
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
        raise ExclusionError(f"{reviewer.name} is already excluded: {reviewer.excluded_reason}")
    for category, votes in _votes(reviewer):
        tallies.move(category=category, removed=votes)
        tallies.move_excluded(category, votes.total())
        ledger.raise_revision(category)
    reasons.move(reasons.counted_with_reasons(reviewer.pk), by=-1)
    reviewer.excluded_at, reviewer.excluded_reason = timezone.now(), reason
    reviewer.save(update_fields=["excluded_at", "excluded_reason"])
    _write_down(reviewer, actor, f"Excluded: {reason}")
    return reviewer


@transaction.atomic
def include(*, reviewer: Reviewer, reason: str, actor: User) -> Reviewer:
    """Count the reviewer's votes again, including those cast meanwhile."""
    reason = _checked(reason)
    reviewer = _locked(reviewer)
    if reviewer.excluded_at is None:
        raise ExclusionError(f"{reviewer.name} is not excluded: their votes count.")
    reviewer.excluded_at, reviewer.excluded_reason = None, ""
    reviewer.save(update_fields=["excluded_at", "excluded_reason"])
    for category, votes in _votes(reviewer):
        tallies.move(category=category, added=votes)
        tallies.move_excluded(category, -votes.total())
        ledger.raise_revision(category)
    reasons.move(reasons.counted_with_reasons(reviewer.pk), by=1)
    _write_down(reviewer, actor, f"Counted again: {reason}")
    return reviewer


def _checked(reason: str) -> str:
    reason = one_line(reason)
    if not reason:
        raise ExclusionError("Give a reason: it is stored and shown with the exclusion.")
    if len(reason) > 255:
        raise ExclusionError(f"The reason has {len(reason)} characters; the limit is 255.")
    return reason


def _locked(reviewer: Reviewer) -> Reviewer:
    """The reviewer's row, locked after every ledger: a vote cast at this moment is either counted before, or sees the
    new state. Ledgers are locked in the order of their ids, so that two exclusions do not deadlock."""
    for category in Category.with_dimensions.order_by("pk"):
        ledger.lock(category)
    return Reviewer.objects.select_for_update(no_key=True).get(pk=reviewer.pk)


def _votes(reviewer: Reviewer) -> list[tuple[Category, tallies.Counted]]:
    counted = ((c, tallies.facts(c, reviewer=reviewer)) for c in Category.with_dimensions.order_by("pk"))
    return [(category, votes) for category, votes in counted if votes]


def _write_down(reviewer: Reviewer, actor: User, message: str) -> None:
    log_change(of=reviewer, actor=actor, message=message)
    log.info("reviewer_exclusion", reviewer=reviewer.handle, actor=actor.username, act=message)
