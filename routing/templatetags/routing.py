"""`{% load routing %}`: what routing knows, for pages that are not its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from django import template

from routing.decisions import history
from routing.decisions.explain import DecisionSummary
from routing.decisions.history import PastDecision
from routing.publishing import summaries

register = template.Library()


@register.simple_tag
def category_decision(slug: str) -> DecisionSummary:
    """`{% category_decision category.slug as decision %}`: the newest decision of a category, in words and
    numbers. Costs two small queries."""
    return summaries.decision_summary(slug)


@register.simple_tag
def category_decisions(categories: Sequence[Any]) -> list[tuple[Any, DecisionSummary]]:
    """`{% category_decisions categories as decided %}{% for category, decision in decided %}`: each, by its
    `slug`, with its newest decision. Costs two queries, however many they are."""
    decisions = summaries.decision_summaries(one.slug for one in categories)
    return [(one, decisions[one.slug]) for one in categories]


@register.simple_tag
def decisions_on(category: str, seq: int, revision: int) -> list[PastDecision]:
    """`{% decisions_on category.slug board.seq board.revision as decisions %}`: what was decided on one leaderboard.
    Costs a query."""
    return history.decisions_on(category, seq=seq, revision=revision)


class Drawable(Protocol):
    """A drawing over time that takes marks of its own caller."""

    @property
    def drawn(self) -> Callable[[Sequence[tuple[datetime, str]]], Any]: ...


@register.simple_tag
def with_tables(drawing: Drawable) -> Any:
    """`{% with_tables history as plot %}`: the drawing, with the newest published tables marked in which a decision
    changed. Costs a query."""
    return drawing.drawn([(at, f"table {version}") for version, at in summaries.changed_tables()])
