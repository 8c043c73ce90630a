"""Invitations: links that make people reviewers, once for each person, until they are used up, expired or revoked.

Opening a link changes nothing, since mail and chat programs open links by themselves. Of two people who accept the
last use at once, one gets it: the UPDATE names the state it expects.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from arena.accounts.services import create_reviewer, raise_to_reviewer, token_digest
from arena.models import User
from arena.ui.markup import one_line
from evals.models import Invitation, InvitationUse, Reviewer, ReviewerGroup
from evals.voting.reviewers import reviewer_of

__all__ = [
    "MOST_DAYS",
    "MOST_USES",
    "InvitationError",
    "InvitationLine",
    "accept",
    "accept_as",
    "invitations",
    "invite",
    "revoke",
    "usable_invitation",
]

log = structlog.get_logger(__name__)

MOST_DAYS, MOST_USES = 90, 1000
MOST_NAME = 150
# For so long a form that is sent again signs in the person whom it made.
_SAME_FORM = timedelta(minutes=5)


class InvitationError(ValueError):
    """Nothing was changed; the message is for the person who sent the form."""


@dataclass(frozen=True)
class InvitationLine:
    """An invitation as editors see it. `state` is open, used up, expired or revoked."""

    id: int
    label: str
    group: str
    uses: int
    most_uses: int
    expires_at: datetime
    created_by: str
    created_at: datetime
    state: str


@transaction.atomic
def invite(*, label: str, group: ReviewerGroup | None, most_uses: int, days: int, actor: User) -> str:
    """The token of a new link. It is returned once: only its SHA-256 is stored."""
    label = one_line(label)
    if not 0 < len(label) <= 120:
        raise InvitationError("Say in 1 to 120 characters whom the link is for.")
    if not 1 <= most_uses <= MOST_USES:
        raise InvitationError(f"A link may be used by 1 to {MOST_USES:,} people.")
    if not 1 <= days <= MOST_DAYS:
        raise InvitationError(f"A link may be valid for 1 to {MOST_DAYS} days.")
    token = secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        token_sha256=token_digest(token),
        label=label,
        group=group,
        most_uses=most_uses,
        created_by=actor,
        expires_at=timezone.now() + timedelta(days=days),
    )
    log.info("invitation_made", invitation=made.pk, actor=actor.username, most_uses=most_uses)
    return token


def usable_invitation(token: str) -> Invitation | None:
    """The invitation of a link that can still be accepted. Does not use it. One query."""
    usable = Invitation.objects.filter(_usable(), token_sha256=token_digest(token))
    return usable.select_related("group", "created_by").first()


def accept(*, token: str, name: str, form_key: str) -> User:
    """A new person with the role reviewer, in the invitation's group. InvitationError if the link is not valid any
    more, or for a name that is not one.

    The same form (`form_key`) sent again within minutes is the same person.
    """
    name = one_line(name)
    if not 0 < len(name) <= MOST_NAME:
        raise InvitationError(f"Give a name of 1 to {MOST_NAME} characters.")
    form = token_digest(form_key) if form_key else None
    try:
        with transaction.atomic():
            invitation = _use(token)
            person = create_reviewer(name=name)
            _enter(invitation, reviewer_of(person), form)
            return person
    except (IntegrityError, InvitationError):
        # Either the other of two equal forms was first, or the use it took was the last one.
        earlier = _sent_before(token, form)
        if earlier is None:
            raise
        return earlier


def accept_as(*, token: str, person: User) -> User:
    """Somebody who is signed in joins the group; a viewer becomes a reviewer. Accepting it again uses nothing up."""
    reviewer = reviewer_of(person)
    known = InvitationUse.objects.filter(invitation__token_sha256=token_digest(token), reviewer=reviewer)
    if known.exists():
        return person
    try:
        with transaction.atomic():
            invitation = _use(token)
            raise_to_reviewer(person=person, actor=invitation.created_by)
            _enter(invitation, reviewer, None)
    except (IntegrityError, InvitationError):
        # A double click: the other request was first, maybe with the last use.
        if not known.exists():
            raise
    return person


@transaction.atomic
def revoke(*, invitation: Invitation, actor: User) -> bool:
    """Nobody else can accept it; who did stays. False if it was revoked already."""
    revoked = Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=timezone.now())
    if revoked:
        log.info("invitation_revoked", invitation=invitation.pk, actor=actor.username)
    return bool(revoked)


def invitations(*, limit: int, before: int | None = None, group: ReviewerGroup | None = None) -> list[InvitationLine]:
    """Newest first. One query."""
    found = Invitation.objects.select_related("group", "created_by").order_by("-pk")
    if before is not None:
        found = found.filter(pk__lt=before)
    if group is not None:
        found = found.filter(group=group)
    now = timezone.now()
    return [
        InvitationLine(
            one.pk,
            one.label,
            one.group.name if one.group else "",
            one.uses,
            one.most_uses,
            one.expires_at,
            one.created_by.name,
            one.created_at,
            _state(one, now),
        )
        for one in found[:limit]
    ]


def _state(invitation: Invitation, now: datetime) -> str:
    if invitation.revoked_at is not None:
        return "revoked"
    if invitation.uses >= invitation.most_uses:
        return "used up"
    return "expired" if invitation.expires_at <= now else "open"


def _usable() -> Q:
    return Q(revoked_at=None, expires_at__gt=timezone.now(), uses__lt=F("most_uses"))


def _use(token: str) -> Invitation:
    """Takes one use. The filter names columns of the invitation's own table only: a join would become a subquery, which
    PostgreSQL does not look at again after waiting for the row."""
    digest = token_digest(token)
    if not Invitation.objects.filter(_usable(), token_sha256=digest).update(uses=F("uses") + 1):
        raise InvitationError("This invitation is not valid any more. Ask the person who sent it for a new one.")
    return Invitation.objects.select_related("group", "created_by").get(token_sha256=digest)


def _enter(invitation: Invitation, reviewer: Reviewer, form: str | None) -> None:
    InvitationUse.objects.create(invitation=invitation, reviewer=reviewer, form_sha256=form)
    if invitation.group is not None:
        invitation.group.reviewers.add(reviewer)


def _sent_before(token: str, form: str | None) -> User | None:
    if form is None:
        return None
    use = InvitationUse.objects.filter(
        form_sha256=form, invitation__token_sha256=token_digest(token), at__gt=timezone.now() - _SAME_FORM
    )
    found = use.select_related("reviewer__user").first()
    user = found.reviewer.user if found else None
    return user if user is not None and user.is_active else None
