"""Writes about people: their roles, and the links they sign in by."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from arena.accounts.admin_log import log_change
from arena.models import PersonSession, Role, SignInLink, User

__all__ = [
    "PersonError",
    "change_person",
    "clear_old_links",
    "create_reviewer",
    "create_sign_in_link",
    "end_sign_in_link",
    "everybody",
    "link_lifetime",
    "link_owner",
    "link_path",
    "raise_to_reviewer",
    "save_person",
    "token_digest",
    "use_sign_in_link",
]

# A link is as good as a password while it is open. Somebody new may have to be found first.
_LIFETIME = timedelta(minutes=15)
_LIFETIME_OF_FIRST = timedelta(hours=1)


class PersonError(ValueError):
    """A change that would leave no admin; the message is for the person who asked."""


def link_lifetime(user: User) -> timedelta:
    """15 minutes; an hour for somebody who has never signed in."""
    return _LIFETIME if user.last_login else _LIFETIME_OF_FIRST


@transaction.atomic
def create_sign_in_link(*, user: User) -> str:
    """A token that signs `user` in once, within `link_lifetime`, in the role they have now. It is returned once: only
    its SHA-256 is stored. It takes the place of an earlier one."""
    # Two admins at once come one after the other, so that one link is left.
    user = User.objects.select_for_update().get(pk=user.pk)
    token, now = secrets.token_urlsafe(32), timezone.now()
    end_sign_in_link(user=user)
    SignInLink.objects.create(
        user=user,
        token_sha256=token_digest(token),
        sign_in_era=user.sign_in_era,
        created_at=now,
        expires_at=now + link_lifetime(user),
    )
    return token


def end_sign_in_link(*, user: User) -> int:
    """The open link of `user` signs nobody in any more; 0 if there was none."""
    now = timezone.now()
    return SignInLink.objects.filter(user=user, used_at=None, expires_at__gt=now).update(expires_at=now)


def everybody() -> QuerySet[User]:
    """Each with `link_until`, the time at which their open link ends, or None."""
    usable = SignInLink.objects.filter(
        user=OuterRef("pk"), used_at=None, expires_at__gt=timezone.now(), sign_in_era=OuterRef("sign_in_era")
    )
    people = User.objects.annotate(link_until=Subquery(usable.order_by("-expires_at").values("expires_at")[:1]))
    return people.order_by("-is_active", "username")


def link_path(token: str) -> str:
    """The address of `accounts:link`, for commands: looking it up would load every page, which takes a second."""
    return f"/accounts/link/{token}/"


def link_owner(token: str) -> User | None:
    """Whom a usable link would sign in. Does not use it up: mail and chat programs open links by themselves."""
    link = SignInLink.objects.select_related("user").filter(**_usable(token)).first()
    return link.user if link and _is_for_who_they_are(link) else None


@transaction.atomic
def use_sign_in_link(*, token: str) -> User | None:
    """The person the link was made for, and the link is spent; None if it was spent, has expired, or never was.

    Of two that arrive at once one gets the row: the UPDATE names the state it expects, and only in columns of its
    own table. A join would become a subquery, which PostgreSQL does not look at again after waiting for the row.
    """
    link = SignInLink.objects.select_related("user").filter(token_sha256=token_digest(token)).first()
    if link is None or not _is_for_who_they_are(link):
        return None
    spent = SignInLink.objects.filter(**_usable(token)).update(used_at=timezone.now())
    return link.user if spent == 1 else None


@transaction.atomic
def save_person(*, username: str, role: Role | None = None) -> tuple[User, bool]:
    """The person and whether they are new. `role` None leaves a known person's role alone; somebody new is a viewer."""
    user, created = User.objects.get_or_create(username=username, defaults={"role": role or Role.VIEWER})
    if created:
        user.set_unusable_password()
        user.save()
    elif role is not None and user.role != role:
        user.role = role
        user.save(update_fields=["role"])
        _end_sign_ins(user)
    return user, created


@transaction.atomic
def create_reviewer(*, name: str) -> User:
    """A new person with the role reviewer who calls themselves `name`, 1 to 150 characters. The username is made from
    the name; if it is taken, a few characters are added, so that nothing tells who else is here."""
    base = _username(name)
    for ending in ("", *(f"-{secrets.token_hex(3)}" for _ in range(5))):
        user = User(username=base + ending, first_name=name, role=Role.REVIEWER)
        user.set_unusable_password()
        try:
            # Two people of one name may arrive at once: the row decides, in a savepoint of its own.
            with transaction.atomic():
                user.save()
        except IntegrityError:
            continue
        return user
    raise PersonError("No free username was found. Try again.")


@transaction.atomic
def raise_to_reviewer(*, person: User, actor: User) -> User:
    """A viewer becomes a reviewer, and it is written down on whose invitation; any other role stays as it is."""
    raised = User.objects.filter(pk=person.pk, role=Role.VIEWER).update(role=Role.REVIEWER)
    person.refresh_from_db(fields=["role"])
    if raised:
        _end_sign_ins(person)
        log_change(of=person, actor=actor, message="Role viewer to reviewer, by an invitation")
    return person


@transaction.atomic
def change_person(*, person: User, role: Role, active: bool, actor: User) -> User:
    """Give a role, or take somebody in or out. One active admin always stays, and it is written down who did it."""
    # All admins are locked, so that two of them cannot take each other out at once.
    admins = list(User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).order_by("pk"))
    person = User.objects.select_for_update().get(pk=person.pk)
    if [one.pk for one in admins] == [person.pk] and not (active and role == Role.ADMIN):
        raise PersonError(f"{person.username} is the only admin. Make somebody else one first.")
    before = (person.role, person.is_active)
    person.role, person.is_active = role, active
    if before == (role, active):
        return person
    person.save(update_fields=["role", "is_active"])
    _end_sign_ins(person)
    log_change(of=person, actor=actor, message=f"Role {before[0]} to {role}, {'active' if active else 'deactivated'}")
    return person


def _end_sign_ins(person: User) -> None:
    """Their sessions and their link: those of a role that they no longer have, or of somebody who was taken out."""
    User.objects.filter(pk=person.pk).update(sign_in_era=F("sign_in_era") + 1)
    person.refresh_from_db(fields=["sign_in_era"])
    PersonSession.objects.filter(user=person).delete()
    end_sign_in_link(user=person)


def clear_old_links() -> int:
    """Deletes those that ended long ago; how many. Until then an admin can tell a used one from one that never was."""
    cleared, _ = SignInLink.objects.filter(expires_at__lt=timezone.now() - timedelta(days=30)).delete()
    return cleared


def _is_for_who_they_are(link: SignInLink) -> bool:
    """Not for somebody of another role, or who was taken out meanwhile."""
    return link.user.is_active and link.sign_in_era == link.user.sign_in_era


def _username(name: str) -> str:
    """ "Mara Lindqvist" to "mara.lindqvist"; `reviewer` where no letter or digit is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", ".", plain).strip(".")[:100] or "reviewer"


def token_digest(token: str) -> str:
    """What is stored of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _usable(token: str) -> dict[str, object]:
    return {"token_sha256": token_digest(token), "used_at": None, "expires_at__gt": timezone.now()}
