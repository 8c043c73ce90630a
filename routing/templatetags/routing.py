"""`{% load routing %}`: what routing knows, for pages that are not its own."""

from __future__ import annotations

from django import template

from routing import explaining
from routing.verdicts import CategoryDecision

register = template.Library()


@register.simple_tag
def category_decision(slug: str) -> CategoryDecision:
    """`{% category_decision category.slug as decision %}`: the newest decision of a category, in words and
    numbers. Costs two small queries."""
    return explaining.category_decision(slug)
