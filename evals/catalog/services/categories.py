"""Categories by the names that files and forms give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils import timezone

from evals.catalog.names import derived_slug, is_reserved
from evals.models import Category, Ledger
from evals.signals import category_retired

__all__ = [
    "CategoryNameError",
    "below_for_long_context",
    "named_categories",
    "retire_category",
    "unretire_category",
]

_SLUG_LENGTH = Category._meta.get_field("slug").max_length or 0
# /vote/b/<token>/ is the address of a ballot, so /vote/b/ cannot be that of a category.
_OURS = frozenset({"b"})


class CategoryNameError(ValueError):
    """`name` cannot name a category; the message says why."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@transaction.atomic
def named_categories(names: Iterable[str]) -> dict[str, Category]:
    """The category of each name, by its slug or by its name in any spelling; made if it is new.

    Raises CategoryNameError if two different names would have one address ("C" and "C++"), or if Arena uses the
    address itself.
    """
    slugs = {name: _slug(name) for name in sorted(set(names))}
    known = Category.objects.in_bulk(set(slugs.values()), field_name="slug")
    new: dict[str, Category] = {}
    for name, slug in slugs.items():
        category = known.get(slug) or new.setdefault(slug, Category(slug=slug, name=name))
        if slug != name and _spelling(category.name) != _spelling(name):
            raise CategoryNameError(
                name, f"the category “{name}” would have the address “{slug}”, which “{category.name}” has. Rename it."
            )
    Category.objects.bulk_create(new.values(), ignore_conflicts=True)
    made = Category.objects.in_bulk(set(slugs.values()), field_name="slug")
    if new:
        Ledger.objects.bulk_create([Ledger(category=made[slug]) for slug in new], ignore_conflicts=True)
    return {name: made[slug] for name, slug in slugs.items()}


@transaction.atomic
def below_for_long_context(categories: Mapping[str, Category]) -> dict[str, Category]:
    """In place of each, the category below it that holds its tasks in long prompts; made if it is new. Its slug is one
    that no other category can have: those have no "---"."""
    above = {category.pk: category for category in categories.values()}
    found = Category.with_dimensions.filter(long_context_of__in=above)
    known = set(found.values_list("long_context_of", flat=True))
    new = [_long_context_of(above[pk]) for pk in sorted(above) if pk not in known]
    Category.objects.bulk_create(new, ignore_conflicts=True)
    below = {category.long_context_of_id: category for category in found.all()}
    if new:
        Ledger.objects.bulk_create([Ledger(category=one) for one in below.values()], ignore_conflicts=True)
    return {name: below[category.pk] for name, category in categories.items()}


def _long_context_of(category: Category) -> Category:
    ending = "---long-context"
    slug = category.slug
    if len(slug) + len(ending) > _SLUG_LENGTH:
        slug = derived_slug(f"{slug}-{category.pk}", longest=_SLUG_LENGTH - len(ending))
    return Category(slug=f"{slug}{ending}", name=f"{category.name[:100]}, long context", long_context_of=category)


@transaction.atomic
def retire_category(*, category: Category) -> bool:
    """It is no longer voted on or routed; its tasks, answers and votes stay. False if it was retired already."""
    return _set_retired(category, retired=True)


@transaction.atomic
def unretire_category(*, category: Category) -> bool:
    return _set_retired(category, retired=False)


def _set_retired(category: Category, *, retired: bool) -> bool:
    at = timezone.now() if retired else None
    changed = Category.objects.filter(pk=category.pk, retired_at__isnull=retired).update(retired_at=at)
    category.refresh_from_db(fields=["retired_at"])
    if changed:
        category_retired.send(sender=Category, category=category)
    return bool(changed)


def _slug(name: str) -> str:
    slug = derived_slug(name, longest=_SLUG_LENGTH)
    if is_reserved(slug) or slug in _OURS:
        raise CategoryNameError(name, f"the category “{name}” is reserved for Arena's own addresses. Rename it.")
    return slug


def _spelling(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
