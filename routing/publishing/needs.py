"""What routing asks of a person on their first page: a table about to expire, changes that wait for approval,
categories that are not decided yet. Connected in `routing.apps`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from arena.models import Role, User
from arena.ui.needs import Need, Urgency
from arena.ui.wording import count, duration, listed
from evals.catalog.queries.categories import category_cards
from evals.voting.queries.blinding import blinding_of
from routing.decisions.history import PastDecision, last_decisions
from routing.models import Decision, RoutingTable
from routing.publishing.queries import frozen

__all__ = ["needs_of_routing"]

# A table is renewed by itself once half its life is over; with less than this share left, nothing renews it.
_NEAR = 0.25
_MOST_HELD = 4


def needs_of_routing(sender: Any, *, user: User, **_: Any) -> list[Need]:
    """Five small queries for an editor. What moves with votes is not told of categories that the person votes in."""
    needs = list(_of_the_table(timezone.now())) if user.may(Role.EDITOR) else []
    hidden = blinding_of(user)
    names = {card.slug: card.name for card in category_cards() if not hidden.hides(card.slug)}
    decisions = last_decisions(names)
    if user.may(Role.EDITOR):
        needs += _approvals(decisions.values())
    if user.may(Role.REVIEWER):
        needs += _held(names, decisions)
    return needs


def _of_the_table(now: datetime) -> Iterator[Need]:
    row = RoutingTable.objects.order_by("-version").values_list("version", "published_at", "expires_at").first()
    stopped = frozen()
    if row is not None:
        version, published_at, expires_at = row
        late = expires_at <= now
        if late or (expires_at - now) < _NEAR * (expires_at - published_at):
            why = (
                f"Publishing is frozen by {stopped.by}; it is renewed all the same, so the chores may not be running."
                if stopped
                else "It should have been renewed by itself: the chores may not be running."
            )
            told = f"expired {duration(now - expires_at)} ago" if late else f"expires in {duration(expires_at - now)}"
            yield Need(
                title=f"Table {version} {told}",
                words=why,
                act="Check and publish",
                url=reverse("routing:publish"),
                urgency=Urgency.BROKEN,
                badge="expired" if late else "near its end",
            )
    if stopped is not None:
        yield Need(
            title="Publishing is frozen",
            words=f"By {stopped.by}, for {duration(now - stopped.at)}: “{stopped.reason}” No route changes.",
            act="Lift the freeze…",
            url=reverse("routing:freeze"),
            urgency=Urgency.SOON,
            badge="frozen",
        )


def _approvals(decisions: Any) -> Iterator[Need]:
    waiting = [one for decision in decisions for one in decision.waiting]
    if waiting:
        routes = listed([f"{one.route_id} to {one.to}" for one in waiting[:3]])
        yield Need(
            title=f"{count(len(waiting), 'change')} {'waits' if len(waiting) == 1 else 'wait'} for approval",
            words=f"Route {routes}{f', and {len(waiting) - 3} more' if len(waiting) > 3 else ''}.",
            act="Review",
            url=reverse("routing:publish"),
        )


def _held(names: dict[str, str], decisions: dict[str, PastDecision]) -> Iterator[Need]:
    """Categories that wait for votes, those nearest to a decision first."""
    held = [one for one in decisions.values() if one.outcome == Decision.Outcome.HELD and not one.waiting]
    held.sort(key=lambda one: (one.votes_to_go is None, one.votes_to_go or 0, names[one.category]))
    for one in held[:_MOST_HELD]:
        to_go = one.votes_to_go_words
        words = f"It takes {to_go}." if to_go else one.reason
        yield Need(
            title=f"{names[one.category]} is not decided",
            words=words,
            act="Vote",
            url=reverse("evals:category-vote", args=[one.category]),
            urgency=Urgency.SOON,
            badge="held",
        )
    if len(held) > _MOST_HELD:
        more = len(held) - _MOST_HELD
        yield Need(
            title=f"{count(more, 'more category', 'more categories')} not decided",
            words="Their pages say what each decision waits for.",
            act="All categories",
            url=reverse("evals:leaderboard-list"),
            urgency=Urgency.SOON,
        )
