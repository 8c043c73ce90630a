"""`{% load routing %}`: what routing knows, for pages that are not its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template

from routing import decided, explaining
from routing.decided import DecisionView
from routing.deciding.verdicts import CategoryDecision

register = template.Library()


@register.simple_tag
def category_decision(slug: str) -> CategoryDecision:
    """`{% category_decision category.slug as decision %}`: the newest decision of a category, in words and
    numbers. Costs two small queries."""
    return explaining.category_decision(slug)


@register.simple_tag
def category_decisions(categories: Sequence[Any]) -> list[tuple[Any, CategoryDecision]]:
    """`{% category_decisions categories as decided %}{% for category, decision in decided %}`: each, by its
    `slug`, with its newest decision. Costs two queries, however many they are."""
    decisions = explaining.category_decisions(one.slug for one in categories)
    return [(one, decisions[one.slug]) for one in categories]


@register.simple_tag
def decisions_on(category: str, seq: int, revision: int) -> list[DecisionView]:
    """`{% decisions_on category.slug board.seq board.revision as decisions %}`: what was decided on one leaderboard.
    Costs a query."""
    return decided.decisions_on(category, seq=seq, revision=revision)
