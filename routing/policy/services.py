"""Writes of policies: a new version for each edit, pins among them."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import transaction

from arena.models import User
from arena.ui.wording import did_you_mean
from evals.catalog.queries.categories import category_cards
from routing.audit import checked_reason, record
from routing.models import AuditEntry, PolicyVersion
from routing.policy.parse import Policy, PolicyError, default_document, in_present_words, parse, same_rules
from routing.policy.pins import PinError, main_route, pinned, pins, unpinned
from routing.policy.references import unknown
from routing.publication import enqueue_publish, lock

__all__ = ["PolicyConflictError", "checked_policy", "current_policy", "ensure_policy", "pin", "save_policy", "unpin"]

log = structlog.get_logger(__name__)


class PolicyConflictError(ValueError):
    """Somebody saved a policy since version `base`; `newest` is theirs."""

    def __init__(self, base: int, newest: int) -> None:
        self.base, self.newest = base, newest
        super().__init__(
            f"Policy {newest} exists by now, and this was made from {base or 'none'}. Nothing was saved; look at what "
            f"{newest} says otherwise, and save again on top of it."
        )


@transaction.atomic
def save_policy(
    *, document: Any, reason: str, actor: User | None = None, by: str = "", base: int | None = None
) -> PolicyVersion:
    """A new version of the policy, and a look at what it changes. `by` names whoever is no `actor`: a token, a command.

    Raises PolicyError with every field that must change, ReasonMissingError, and PolicyConflictError if `base`, the
    version this one was made from (0: none), is not the newest any more. The same rules again are no new version.
    """
    policy, reason = checked_policy(document), checked_reason(reason)
    return _store(policy, reason, AuditEntry.Kind.POLICY, actor, by, base)


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
    reason = checked_reason(reason)
    lock()
    _known_category(category)
    before = _newest_document()
    policy = checked_policy(pinned(before, category=category, contender=contender, route=route))
    name = main_route(parse(before).rules(category)) if route is None else route
    about = {"category": category, "route": name, "contender": contender}
    return _store(policy, reason, AuditEntry.Kind.PIN, actor, by, base, **about)


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
    """Lifts a pin, so that votes may change the route again. Without `route`: the pin of the one that always holds,
    else the only one. Raises as `pin` does, and PinError if nothing is pinned."""
    reason = checked_reason(reason)
    lock()
    before = parse(_newest_document())
    policy = checked_policy(
        unpinned(before.document, category=category, route=route, copied_from=_without_own_routes(category))
    )
    (name, contender), *_ = pins(before, category).items() - pins(policy, category).items()
    about = {"category": category, "route": name, "contender": contender}
    return _store(policy, reason, AuditEntry.Kind.UNPIN, actor, by, base, **about)


def _store(
    policy: Policy, reason: str, kind: AuditEntry.Kind, actor: User | None, by: str, base: int | None, **about: Any
) -> PolicyVersion:
    lock()
    newest = PolicyVersion.objects.order_by("-version").first()
    # Asked first: a second click finds what the first one saved, and is no conflict.
    if newest is not None and (newest.sha256 == policy.sha256 or same_rules(parse(newest.document), policy)):
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
        record(kind, actor=made.actor, reason=reason, policy=made.version, **about)
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
    """Refuses a pin in a category that does not exist: it would have no effect."""
    known = [card.slug for card in category_cards()]
    if category not in known:
        guess = did_you_mean(category, known, otherwise="Write a short name as on the routing page.")
        raise PinError("category", f"There is no category “{category}” in use. {guess}")


def checked_policy(document: Any) -> Policy:
    """The policy in today's words, if it may be saved. Raises PolicyError with every field that must change, be it that
    it cannot be read or that it names a contender that does not exist."""
    try:
        policy = parse(document)
    except PolicyError as error:
        fields = {one.field for one in error.errors}
        others = unknown(error.rest) if error.rest is not None else []
        raise PolicyError([*error.errors, *(one for one in others if one.field not in fields)]) from None
    if errors := unknown(policy):
        raise PolicyError(errors)
    return parse(in_present_words(policy.document))


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
