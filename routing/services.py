"""Writes beside publishing itself: policies, freezing, and the mark that publishing is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from arena.models import User
from evals.selectors.contenders import contender_cards
from routing.models import PolicyVersion, Publication
from routing.policies import FieldError, Policy, PolicyError, default_document, parse

__all__ = [
    "ReasonMissingError",
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
def save_policy(*, document: Any, reason: str, actor: User | None = None) -> PolicyVersion:
    """A new version of the policy, and a look at what it changes. Raises PolicyError with every field that must change.

    The same rules again are no new version.
    """
    policy = parse(document)
    errors = [*_unknown(policy)]
    if errors:
        raise PolicyError(errors)
    said = worded(reason)
    lock()
    newest = PolicyVersion.objects.order_by("-version").first()
    if newest is not None and newest.sha256 == policy.sha256:
        return newest
    made = PolicyVersion.objects.create(
        version=newest.version + 1 if newest else 1,
        document=policy.document,
        sha256=policy.sha256,
        reason=said,
        created_by=actor,
    )
    enqueue_publish()
    return made


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


def _unknown(policy: Policy) -> Iterator[FieldError]:
    """Slugs that name nobody, somebody retired, or somebody hosted where only local ones may serve."""
    cards = {card.slug: card for card in contender_cards()}
    for field, slug, local_only in _named(policy):
        card = cards.get(slug)
        if card is None:
            yield FieldError(field, f"{slug!r} is no contender; see the contenders page for the slugs.")
        elif card.retired:
            yield FieldError(field, f"{slug} is retired.")
        elif local_only and card.locality != "local":
            yield FieldError(field, f"{slug} is hosted, but this route is for local contenders only.")


def _named(policy: Policy) -> Iterator[tuple[str, str, bool]]:
    """Every slug the policy routes to, with its field, and whether only a local one may stand there."""
    for at, fixed in enumerate(policy.default):
        local = fixed.when.local_only is True
        yield f"default[{at}].primary", fixed.primary, local
        for n, slug in enumerate(fixed.fallbacks):
            yield f"default[{at}].fallbacks[{n}]", slug, local
        if fixed.escalate_to is not None:
            yield f"default[{at}].escalate_to", fixed.escalate_to, local
    places = {"every_category": policy.every_category}
    places |= {f"categories.{slug}": rules for slug, rules in policy.categories.items()}
    for place, rules in places.items():
        everywhere = rules.limits.locality == "local"
        if rules.default is not None:
            yield f"{place}.default", rules.default, everywhere
        for at, route in enumerate(rules.routes):
            local = everywhere or route.when.local_only is True
            if route.pin is not None:
                yield f"{place}.routes[{at}].pin", route.pin, local
            if route.escalate_to not in (None, "best"):
                yield f"{place}.routes[{at}].escalate_to", str(route.escalate_to), local


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
