"""Categories, as other rooms read them."""

from __future__ import annotations

from dataclasses import dataclass

from evals.models import Category

__all__ = ["CategoryCard", "category_cards"]


@dataclass(frozen=True)
class CategoryCard:
    slug: str
    name: str
    speaks_for: str
    single_reviewer: bool


def category_cards() -> list[CategoryCard]:
    """Of categories that are not retired, by name. One query."""
    rows = Category.objects.filter(retired_at=None).order_by("name", "slug")
    return [CategoryCard(*row) for row in rows.values_list("slug", "name", "speaks_for", "single_reviewer")]
