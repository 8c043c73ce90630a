"""How a category is voted on: its settings, the reasons a reviewer can give, and its rubric's dimensions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from arena.accounts.admin_log import log_change
from arena.models import User
from arena.ui.markup import one_line
from evals.catalog.names import derived_slug
from evals.catalog.services.categories import retire_category, unretire_category
from evals.models import Category, Reason
from evals.voting.groups import set_groups
from evals.voting.kept import forget_all
from evals.voting.ledger import raise_revision

__all__ = [
    "MOST_DIMENSIONS",
    "CategorySettingsError",
    "DimensionLine",
    "ReasonLine",
    "add_dimension",
    "add_reason",
    "change_category",
    "change_reason",
    "change_voting",
    "changes_of",
    "dimension_lines",
    "reason_lines",
    "rename_dimension",
    "retire",
    "retire_dimension",
    "retire_reason",
    "speak_for",
    "unretire",
]

# Each dimension is one more verdict for every battle.
MOST_DIMENSIONS = 6
KEYS = "123456789"
# Of the 80 characters of a slug; between the two parts stands "--", which no other category has.
_PARENT, _OWN = 50, 28
_VOTING_FIELDS = ("guidelines", "overlap", "gold_percent", "ask_strength", "boards_open")


class CategorySettingsError(ValueError):
    """Nothing was changed; the message is for the editor."""


@dataclass(frozen=True)
class ReasonLine:
    """`votes`: how often it was given for a better answer, of the votes that count."""

    id: int
    key: str
    label: str
    votes: int
    retired: bool


@dataclass(frozen=True)
class DimensionLine:
    id: int
    slug: str
    name: str
    votes: int
    retired: bool


def reason_lines(category: Category) -> list[ReasonLine]:
    """By key, retired ones last. One query."""
    reasons = Reason.objects.filter(category=category).annotate(votes=Coalesce(Sum("tallies__votes"), 0))
    lines = [ReasonLine(one.pk, one.key, one.label, one.votes, one.retired_at is not None) for one in reasons]
    return sorted(lines, key=lambda line: (line.retired, line.key, line.id))


@dataclass(frozen=True)
class ChangeLine:
    at: datetime
    who: str
    what: str


def changes_of(category: Category, *, most: int = 20) -> list[ChangeLine]:
    """The newest changes of the category's settings, newest first, with the reasons given. Two queries."""
    kind = ContentType.objects.get_for_model(Category)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(category.pk)).select_related("user")
    newest = entries.order_by("-action_time", "-pk")[:most]
    return [ChangeLine(one.action_time, one.user.name, one.get_change_message()) for one in newest]


def dimension_lines(category: Category) -> list[DimensionLine]:
    """In the order they were added, retired ones last. One query."""
    rows = Category.with_dimensions.filter(dimension_of=category).select_related("ledger").order_by("pk")
    lines = [DimensionLine(one.pk, one.slug, one.name, one.ledger.votes, one.retired_at is not None) for one in rows]
    return sorted(lines, key=lambda line: line.retired)


@transaction.atomic
def change_voting(*, category: Category, groups: Collection[int], actor: User) -> None:
    """Save the voting settings that `category` was given, and the groups, by id, whose members alone vote in it."""
    before = Category.objects.select_for_update().values(*_VOTING_FIELDS).get(pk=category.pk)
    category.save(update_fields=_VOTING_FIELDS)
    set_groups(category=category, groups=groups, actor=actor)
    changed = [name for name in _VOTING_FIELDS if before[name] != getattr(category, name)]
    told = [name if name == "guidelines" else f"{name} {before[name]} to {getattr(category, name)}" for name in changed]
    if told:
        _changed(category, actor, f"Voting settings: {', '.join(told)}")


@transaction.atomic
def change_category(*, category: Category, name: str, speaks_for: str, single_reviewer: bool, actor: User) -> None:
    """Its name, and for whom its votes speak; its address stays. Another audience ranks it anew, and its dimensions
    with it."""
    name = _label(name, "category", longest=120)
    if speaks_for not in Category.SpeaksFor.values:
        raise CategorySettingsError(f"{speaks_for[:20]!r} is not an audience: choose one of those offered.")
    before = Category.objects.select_for_update().get(pk=category.pk)
    taken = Category.objects.filter(name__iexact=name).exclude(pk=category.pk).first()
    if taken is not None:
        raise CategorySettingsError(f"There is a category “{taken.name}” already. Choose another name.")
    category.name, category.speaks_for, category.single_reviewer = name, speaks_for, single_reviewer
    fields = ("name", "speaks_for", "single_reviewer")
    told = [f"{field} {getattr(before, field)} to {getattr(category, field)}" for field in fields
            if getattr(before, field) != getattr(category, field)]  # fmt: skip
    if not told:
        return
    category.save(update_fields=fields)
    if (before.speaks_for, before.single_reviewer) != (speaks_for, single_reviewer):
        speak_for(category=category)
    _changed(category, actor, f"Category: {', '.join(told)}")


@transaction.atomic
def retire(*, category: Category, why: str, actor: User) -> bool:
    """As `retire_category`, with a reason that is kept in the log of changes. False if it was retired already."""
    why = _why(why)
    if not retire_category(category=category):
        return False
    _changed(category, actor, f"Retired: {why}")
    return True


@transaction.atomic
def unretire(*, category: Category, why: str, actor: User) -> bool:
    why = _why(why)
    if not unretire_category(category=category):
        return False
    _changed(category, actor, f"Restored: {why}")
    return True


@transaction.atomic
def add_reason(*, category: Category, key: str, label: str, actor: User) -> Reason:
    """A reason by one digit. A retired one of the same name comes back, with what was counted for it."""
    label = _label(label)
    retired = Reason.objects.filter(category=category, label__iexact=label, retired_at__isnull=False).first()
    reason = retired or Reason(category=category)
    reason.retired_at = None
    return _save_reason(reason, key, label, actor, "added")


@transaction.atomic
def change_reason(*, reason: Reason, key: str, label: str, actor: User) -> Reason:
    """Another key or name; votes that gave it keep it."""
    return _save_reason(reason, key, _label(label), actor, "changed")


@transaction.atomic
def retire_reason(*, reason: Reason, actor: User) -> None:
    """It can no longer be given; votes that gave it keep it, and its key is free."""
    if Reason.objects.filter(pk=reason.pk, retired_at__isnull=True).update(retired_at=timezone.now()):
        _changed(reason.category, actor, f"Reason “{reason.label}” retired")


@transaction.atomic
def add_dimension(*, category: Category, name: str, actor: User) -> Category:
    """A dimension of the category's rubric: a category below it, with a ledger and a leaderboard of its own. A retired
    one of the same name comes back."""
    name = _label(name, "dimension", longest=120)
    if category.dimension_of_id is not None:
        raise CategorySettingsError(f"{category.name} is itself a dimension and has none below it.")
    # Locked, so that two editors do not go beyond the limit together.
    Category.objects.select_for_update().get(pk=category.pk)
    below = Category.with_dimensions.filter(dimension_of=category)
    found = below.filter(slug=(slug := _dimension_slug(category, name))).first()
    if found is not None and found.retired_at is None:
        raise CategorySettingsError(f"“{found.name}” is a dimension of {category.name} already.")
    if below.filter(retired_at__isnull=True).count() >= MOST_DIMENSIONS:
        raise CategorySettingsError(
            f"{category.name} has {MOST_DIMENSIONS} dimensions, which is the limit: each is one more verdict for every "
            "battle. Retire one first."
        )
    if found is not None:
        found.retired_at, found.name = None, name
        found.save(update_fields=["retired_at", "name"])
    else:
        found = Category(
            slug=slug,
            name=name,
            dimension_of=category,
            speaks_for=category.speaks_for,
            single_reviewer=category.single_reviewer,
        )
        found.save()
    _changed(category, actor, f"Dimension “{name}” added")
    return found


@transaction.atomic
def rename_dimension(*, dimension: Category, name: str, actor: User) -> None:
    """Its address stays."""
    before, dimension.name = dimension.name, _label(name, "dimension", longest=120)
    dimension.save(update_fields=["name"])
    _changed(dimension, actor, f"Dimension “{before}” renamed to “{dimension.name}”")


@transaction.atomic
def retire_dimension(*, dimension: Category, actor: User) -> None:
    """It is no longer asked for; its votes and leaderboard stay."""
    if Category.with_dimensions.filter(pk=dimension.pk, retired_at__isnull=True).update(retired_at=timezone.now()):
        _changed(dimension, actor, f"Dimension “{dimension.name}” retired")


@transaction.atomic
def speak_for(*, category: Category) -> None:
    """After `speaks_for` or `single_reviewer` of a category changed: its dimensions follow, and all are ranked anew."""
    below = Category.with_dimensions.filter(dimension_of=category)
    below.update(speaks_for=category.speaks_for, single_reviewer=category.single_reviewer)
    for one in Category.with_dimensions.filter(pk__in=[category.pk, *below.values_list("pk", flat=True)]).order_by(
        "pk"
    ):
        raise_revision(one)


def _save_reason(reason: Reason, key: str, label: str, actor: User, act: str) -> Reason:
    if key not in KEYS or len(key) != 1:
        raise CategorySettingsError(f"{key[:20]!r} is not a key for a reason: give a digit from 1 to 9.")
    if Reason.objects.filter(category=reason.category, label__iexact=label).exclude(pk=reason.pk).exists():
        raise CategorySettingsError(f"There is a reason “{label}” already.")
    reason.key, reason.label = key, label
    try:
        with transaction.atomic():
            reason.save()
    except IntegrityError:
        taken = Reason.objects.filter(category=reason.category, key=key, retired_at__isnull=True).first()
        if taken is None:
            raise
        raise CategorySettingsError(f"The key {key} belongs to “{taken.label}”. Choose another one.") from None
    _changed(reason.category, actor, f"Reason “{label}” {act}, key {key}")
    return reason


def _label(text: str, what: str = "reason", *, longest: int = 40) -> str:
    text = one_line(text)
    if not 0 < len(text) <= longest:
        raise CategorySettingsError(f"Give the {what} a name of 1 to {longest} characters.")
    return text


def _why(text: str) -> str:
    text = one_line(text)
    if not 0 < len(text) <= 500:
        raise CategorySettingsError("Say why, in 1 to 500 characters.")
    return text


def _dimension_slug(category: Category, name: str) -> str:
    parent = category.slug
    if len(parent) > _PARENT:
        digest = hashlib.sha256(parent.encode()).hexdigest()[:8]
        parent = f"{parent[: _PARENT - 9].rstrip('-')}-{digest}"
    return f"{parent}--{derived_slug(name, longest=_OWN)}"


def _changed(category: Category, actor: User, message: str) -> None:
    transaction.on_commit(forget_all)
    log_change(of=category, actor=actor, message=message)
