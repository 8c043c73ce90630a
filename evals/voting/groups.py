"""Groups of reviewers, and the categories they judge."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Count, Q

from arena.models import Role, User
from arena.ui.markup import one_line
from evals.catalog.names import derived_slug, is_reserved
from evals.models import Category, Reviewer, ReviewerGroup
from evals.voting.reviewers import reviewer_of

__all__ = [
    "GroupError",
    "GroupLine",
    "Member",
    "add_member",
    "change_group",
    "create_group",
    "group_lines",
    "members",
    "people_to_add",
    "remove_member",
    "set_groups",
]

log = structlog.get_logger(__name__)

_SLUG_LENGTH = 80
# Addresses below /reviewers/groups/ that are not those of a group.
_OURS = frozenset({"new"})
PEOPLE_MOST = 500


class GroupError(ValueError):
    """Nothing was changed; the message is for the editor."""


@dataclass(frozen=True)
class GroupLine:
    slug: str
    name: str
    members: int
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    id: int
    name: str
    username: str


def group_lines() -> list[GroupLine]:
    """By name. Two queries."""
    groups = ReviewerGroup.objects.annotate(members=Count("reviewers")).prefetch_related("categories")
    return [
        GroupLine(one.slug, one.name, one.members, tuple(category.name for category in one.categories.all()))
        for one in groups.order_by("name", "pk")
    ]


def members(group: ReviewerGroup) -> list[Member]:
    """By name. One query."""
    rows = group.reviewers.order_by("name", "pk").values_list("pk", "name", "user__username")
    return [Member(pk, name, username or "") for pk, name, username in rows]


def people_to_add(group: ReviewerGroup) -> list[tuple[str, str]]:
    """Usernames and names of people who may vote and are not in the group, `PEOPLE_MOST` at most. One query."""
    may_vote = User.objects.filter(is_active=True).exclude(role=Role.VIEWER)
    others = may_vote.exclude(Q(reviewer__groups=group)).order_by("username")
    return [(person.username, person.name) for person in others[:PEOPLE_MOST]]


@transaction.atomic
def create_group(*, name: str, actor: User) -> ReviewerGroup:
    """A group without members and categories."""
    name = _name(name)
    slug = derived_slug(name, longest=_SLUG_LENGTH)
    if is_reserved(slug) or slug in _OURS:
        raise GroupError(f"“{name}” is reserved for Arena's own addresses. Choose another name.")
    group, made = ReviewerGroup.objects.get_or_create(slug=slug, defaults={"name": name})
    if not made:
        raise GroupError(f"“{group.name}” already exists at this address. Choose another name.")
    log.info("group_made", group=slug, actor=actor.username)
    return group


@transaction.atomic
def change_group(*, group: ReviewerGroup, name: str, categories: Collection[int], actor: User) -> ReviewerGroup:
    """Another name, and the categories that the group judges, by id. A category without any group is open to every
    reviewer; retired ones keep theirs, so that they come back as they were."""
    group.name = _name(name)
    group.save(update_fields=["name"])
    group.categories.set(Category.objects.filter(Q(pk__in=categories) | Q(groups=group, retired_at__isnull=False)))
    log.info("group_changed", group=group.slug, actor=actor.username)
    return group


@transaction.atomic
def set_groups(*, category: Category, groups: Collection[int], actor: User) -> None:
    """The groups, by id, whose members alone may vote in the category; none: every reviewer may."""
    category.groups.set(ReviewerGroup.objects.filter(pk__in=groups))
    log.info("category_groups", category=category.slug, actor=actor.username)


@transaction.atomic
def add_member(*, group: ReviewerGroup, username: str, actor: User) -> Reviewer:
    """Add a person who may vote, by their username; adding a member again changes nothing."""
    person = User.objects.filter(username=username.strip(), is_active=True).first()
    if person is None:
        raise GroupError(f"There is nobody with the username “{username.strip()[:150]}” who may sign in.")
    if not person.may(Role.REVIEWER):
        raise GroupError(f"{person.name} is a viewer and cannot vote. An admin can change the role under People.")
    reviewer = reviewer_of(person)
    group.reviewers.add(reviewer)
    log.info("group_member_added", group=group.slug, reviewer=reviewer.handle, actor=actor.username)
    return reviewer


@transaction.atomic
def remove_member(*, group: ReviewerGroup, reviewer: Reviewer, actor: User) -> None:
    """Votes stay. A ballot that is open stays the reviewer's until it is closed; no other one is drawn."""
    group.reviewers.remove(reviewer)
    log.info("group_member_removed", group=group.slug, reviewer=reviewer.handle, actor=actor.username)


def _name(name: str) -> str:
    name = one_line(name)
    if not 0 < len(name) <= 120:
        raise GroupError("Give a name of 1 to 120 characters.")
    return name
