"""One category's decisions, from the leaderboard each rests on to the version it led to."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.access.roles import role_required
from arena.models import Role
from evals.selectors.categories import category_cards
from routing import decided, selectors
from routing.explaining import explained
from routing.outcomes.reported import reports
from routing.policies import parse
from routing.policies.pins import pins
from routing.showing.pages import names, row
from routing.views.asked import number

PAGE = 50


@require_safe
@role_required(Role.VIEWER)
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """`?before=` a decision: the page of those older than it. Neighbours that say the same are one. A retired category
    keeps its history."""
    before = number(request, "before")
    card = next((one for one in category_cards() if one.slug == slug), None)
    decisions = decided.decisions_of(slug, limit=PAGE + 1, before=before)
    if card is None and not decisions:
        raise Http404(f"There is no category {slug}.")
    newest = selectors.table()
    document = newest.document if newest else {"models": {}, "categories": {}}
    rules = selectors.policy()
    routes = document["categories"].get(slug, {}).get("routes", [])
    context = {
        "slug": slug,
        "name": card.name if card else slug,
        "retired": card is None,
        "pinned": card is not None and rules is not None and bool(pins(parse(rules.document), slug)),
        "frozen": None if card is None else selectors.frozen(),
        "line": newest.line if newest else None,
        "rows": [row(route) for route in routes],
        "reported": reports(newest.document, category=slug) if newest else None,
        "names": names(document),
        "decision": explained(decided.last_decision(slug), routes),
        "waiting": [] if before or not decisions else decisions[0].waiting,
        "decisions": decisions[:PAGE],
        "older": decisions[PAGE - 1].oldest if len(decisions) > PAGE else None,
        "paged": before is not None,
    }
    return render(request, "routing/category.html", context)
