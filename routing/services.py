"""Writes beside publishing itself: policies, freezing, and the mark that publishing is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from arena.models import User
from routing.models import PolicyVersion, Publication
from routing.policies import Policy, PolicyError, default_document, parse
from routing.policy_references import unknown

__all__ = [
    "PolicyConflictError",
    "ReasonMissingError",
    "checked_policy",
    "current_policy",
    "enqueue_publish",
    "ensure_policy",
    "freeze",
    "lock",
    "save_policy",
    "unfreeze",
    "worded",
]

log = structlog.get_logger(__name__)
# A chore that was lost is noticed: a mark this old no longer keeps another from being enqueued.
STALE = timedelta(seconds=60)


class ReasonMissingError(ValueError):
    """What a person does to routing is read by others later: it needs a reason."""


class PolicyConflictError(ValueError):
    """Somebody saved a policy since version `base`; `newest` is theirs."""

    def __init__(self, base: int, newest: int) -> None:
        self.base, self.newest = base, newest
        super().__init__(
            f"Policy {newest} exists by now, and this was made from {base or 'none'}. Nothing was saved; look at what "
            f"{newest} says otherwise, and save again on top of it."
        )


def worded(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason:
        raise ReasonMissingError("Write a reason: others will read why this was done.")
    if len(reason) > 500:
        raise ReasonMissingError(f"A reason has at most 500 characters; this one has {len(reason)}.")
    return reason


def lock() -> Publication:
    """The one row that publishers queue for. In a transaction only; made if it is missing."""
    Publication.objects.get_or_create(id=1)
    return Publication.objects.select_for_update().get(id=1)


@transaction.atomic
def enqueue_publish() -> bool:
    """Enqueues one look at what may be published, in the caller's transaction; False if one waits already."""
    Publication.objects.get_or_create(id=1)
    now = timezone.now()
    due = Q(publish_enqueued_at=None) | Q(publish_enqueued_at__lt=now - STALE)
    if not Publication.objects.filter(due, id=1).update(publish_enqueued_at=now):
        return False
    async_task("routing.chores.publish")
    return True


@transaction.atomic
def save_policy(
    *, document: Any, reason: str, actor: User | None = None, by: str = "", base: int | None = None
) -> PolicyVersion:
    """A new version of the policy, and a look at what it changes. `by` names whoever is no `actor`: a token, a command.

    Raises PolicyError with every field that must change, ReasonMissingError, and PolicyConflictError if `base`, the
    version this one was made from (0: none), is not the newest any more. The same rules again are no new version.
    """
    policy = checked_policy(document)
    said = worded(reason)
    lock()
    newest = PolicyVersion.objects.order_by("-version").first()
    if base is not None and base != (newest.version if newest else 0):
        raise PolicyConflictError(base, newest.version if newest else 0)
    if newest is not None and newest.sha256 == policy.sha256:
        return newest
    made = PolicyVersion.objects.create(
        version=newest.version + 1 if newest else 1,
        document=policy.document,
        sha256=policy.sha256,
        reason=said,
        created_by=actor,
        actor=actor.name if actor else by,
    )
    enqueue_publish()
    log.info("policy_saved", version=made.version, actor=made.actor, reason=said)
    return made


def checked_policy(document: Any) -> Policy:
    """The policy, if it may be saved. Raises PolicyError."""
    policy = parse(document)
    errors = unknown(policy)
    if errors:
        raise PolicyError(errors)
    return policy


@transaction.atomic
def ensure_policy() -> PolicyVersion:
    """The newest policy; on a new installation that is version 1, the default document."""
    newest = PolicyVersion.objects.order_by("-version").first()
    if newest is not None:
        return newest
    lock()
    policy = parse(default_document())
    made, _ = PolicyVersion.objects.get_or_create(
        version=1,
        defaults={"document": policy.document, "sha256": policy.sha256, "reason": "The default policy."},
    )
    return made


def current_policy(*, dry_run: bool = False) -> tuple[PolicyVersion, Policy]:
    """The rules in force. Makes the default policy if there is none; a dry run does not store it."""
    stored = PolicyVersion.objects.order_by("-version").first()
    if stored is None and dry_run:
        policy = parse(default_document())
        return PolicyVersion(version=1, document=policy.document, sha256=policy.sha256), policy
    stored = stored or ensure_policy()
    return stored, parse(stored.document)


@transaction.atomic
def freeze(*, reason: str, actor: str) -> Publication:
    """No new decisions are published until `unfreeze`; refreshes of the same ones go on. Again: the newer reason."""
    said = worded(reason)
    publication = lock()
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = timezone.now(), actor, said
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    log.info("publishing_frozen", actor=actor, reason=said)
    return publication


@transaction.atomic
def unfreeze(*, actor: str, reason: str = "") -> Publication:
    """Lifts the freeze, and has publishing look at what it kept back."""
    publication = lock()
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = None, "", ""
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    enqueue_publish()
    log.info("publishing_unfrozen", actor=actor, reason=reason)
    return publication
