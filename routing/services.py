"""Writes beside publishing itself: policies, pins, freezing, what people did, and the mark that publishing is due."""

from __future__ import annotations

import difflib
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from arena.models import User
from evals.selectors.categories import category_cards
from routing.models import Act, PolicyVersion, Publication
from routing.policies import Policy, PolicyError, default_document, parse
from routing.policies.pins import PinError, main_route, pinned, pins, unpinned
from routing.policy_references import unknown

__all__ = [
    "FreezeConflictError",
    "PolicyConflictError",
    "ReasonMissingError",
    "checked_policy",
    "current_policy",
    "enqueue_publish",
    "ensure_policy",
    "freeze",
    "lock",
    "note",
    "pin",
    "save_policy",
    "unfreeze",
    "unpin",
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


class FreezeConflictError(ValueError):
    """Somebody froze or lifted since the person looked."""


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


def note(
    kind: Act.Kind, *, actor: str, reason: str, version: int | None = None, policy: int | None = None, **about: Any
) -> None:
    """Remembers what a person did, with the table's version or the policy that it led to. In the transaction that does
    it. `about` as `Act.about` has it."""
    Act.objects.create(kind=kind, actor=actor[:150], reason=reason, about=about, table_id=version, policy_id=policy)


@transaction.atomic
def save_policy(
    *, document: Any, reason: str, actor: User | None = None, by: str = "", base: int | None = None
) -> PolicyVersion:
    """A new version of the policy, and a look at what it changes. `by` names whoever is no `actor`: a token, a command.

    Raises PolicyError with every field that must change, ReasonMissingError, and PolicyConflictError if `base`, the
    version this one was made from (0: none), is not the newest any more. The same rules again are no new version.
    """
    policy, said = checked_policy(document), worded(reason)
    return _saved(policy, said, Act.Kind.POLICY, actor, by, base)


@transaction.atomic
def pin(
    *,
    category: str,
    contender: str,
    reason: str,
    route: str | None = None,
    actor: User | None = None,
    by: str = "",
    base: int | None = None,
) -> PolicyVersion:
    """Pins a category's route to a contender: the newest policy with that in it, as a new version. `route` is its name;
    without one it is the route that always holds. Already so: no new version.

    Raises as `save_policy` does, and PinError. Edited under the lock, so that who pins at once with others, or saves a
    policy, takes nothing of theirs back; `base` is for whoever was shown what it would change.
    """
    said = worded(reason)
    lock()
    _known_category(category)
    before = _newest_document()
    policy = checked_policy(pinned(before, category=category, contender=contender, route=route))
    name = main_route(parse(before).rules(category)) if route is None else route
    about = {"category": category, "route": name, "contender": contender}
    return _saved(policy, said, Act.Kind.PIN, actor, by, base, **about)


@transaction.atomic
def unpin(
    *,
    category: str,
    reason: str,
    route: str | None = None,
    actor: User | None = None,
    by: str = "",
    base: int | None = None,
) -> PolicyVersion:
    """Votes may switch again from whom `pin` routed. Without `route`: the pin of the one that always holds, else the
    only one. Raises as `pin` does, and PinError if nothing is pinned."""
    said = worded(reason)
    lock()
    before = parse(_newest_document())
    policy = checked_policy(
        unpinned(before.document, category=category, route=route, copied_from=_without_own_routes(category))
    )
    (name, contender), *_ = pins(before, category).items() - pins(policy, category).items()
    about = {"category": category, "route": name, "contender": contender}
    return _saved(policy, said, Act.Kind.UNPIN, actor, by, base, **about)


def _saved(
    policy: Policy, reason: str, kind: Act.Kind, actor: User | None, by: str, base: int | None, **about: Any
) -> PolicyVersion:
    lock()
    newest = PolicyVersion.objects.order_by("-version").first()
    # Asked first: a second click finds what the first one saved, and is no conflict.
    if newest is not None and newest.sha256 == policy.sha256:
        return newest
    if base is not None and base != (newest.version if newest else 0):
        raise PolicyConflictError(base, newest.version if newest else 0)
    made = PolicyVersion.objects.create(
        version=newest.version + 1 if newest else 1,
        document=policy.document,
        sha256=policy.sha256,
        reason=reason,
        created_by=actor,
        actor=actor.name if actor else by,
    )
    if made.actor:
        note(kind, actor=made.actor, reason=reason, policy=made.version, **about)
    enqueue_publish()
    log.info("policy_saved", version=made.version, kind=str(kind), actor=made.actor, reason=reason, **about)
    return made


def _newest_document() -> Any:
    newest = PolicyVersion.objects.order_by("-version").first()
    return newest.document if newest else default_document()


def _without_own_routes(category: str) -> Any:
    """The newest policy in which the category followed every_category, before somebody gave it routes; None if it never
    did."""
    for document in PolicyVersion.objects.order_by("-version").values_list("document", flat=True).iterator(20):
        if "routes" not in document["categories"].get(category, {}):
            return document
    return None


def _known_category(category: str) -> None:
    """A pin in a category that there is not would do nothing, and say nothing."""
    known = [card.slug for card in category_cards()]
    if category not in known:
        near = difflib.get_close_matches(category, known, n=1)
        told = f"Is it {near[0]}?" if near else "Write a short name as on the routing page."
        raise PinError("category", f"There is no category “{category}” in use. {told}")


def checked_policy(document: Any) -> Policy:
    """The policy, if it may be saved. Raises PolicyError with every field that must change, be it that it cannot be
    read or that it names nobody."""
    try:
        policy = parse(document)
    except PolicyError as error:
        told = {one.field for one in error.errors}
        others = unknown(error.rest) if error.rest is not None else []
        raise PolicyError([*error.errors, *(one for one in others if one.field not in told)]) from None
    if errors := unknown(policy):
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
def freeze(*, reason: str, actor: str, seen: str | None = None) -> Publication:
    """No new decisions are published until `unfreeze`; refreshes of the same ones go on. Again: the newer reason.

    `seen` is what the person was shown of it, as `frozen_since` has it. Raises ReasonMissingError, and
    FreezeConflictError if that changed meanwhile.
    """
    said = worded(reason)
    publication = _as_seen(lock(), seen)
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = timezone.now(), actor[:150], said
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    note(Act.Kind.FREEZE, actor=actor, reason=said)
    log.info("publishing_frozen", actor=actor, reason=said)
    return publication


@transaction.atomic
def unfreeze(*, reason: str, actor: str, seen: str | None = None) -> bool:
    """Lifts the freeze, and has publishing look at what it kept back. False, and nothing is done, if there is none.
    `seen` and errors as with `freeze`."""
    said = worded(reason)
    publication = _as_seen(lock(), seen)
    if publication.frozen_at is None:
        return False
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = None, "", ""
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    note(Act.Kind.UNFREEZE, actor=actor, reason=said)
    enqueue_publish()
    log.info("publishing_unfrozen", actor=actor, reason=said)
    return True


def _as_seen(publication: Publication, seen: str | None) -> Publication:
    if seen is None or seen == publication.frozen_since:
        return publication
    if publication.frozen_at is None:
        raise FreezeConflictError("Somebody lifted the freeze meanwhile. Nothing was changed.")
    raise FreezeConflictError(
        f"{publication.frozen_by} froze publishing meanwhile: “{publication.frozen_reason}” Nothing was changed."
    )
