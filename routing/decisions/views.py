"""One category's decisions, from the leaderboard each rests on to the version it led to."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import role_required
from arena.models import Role
from evals.catalog.queries.categories import category_cards
from routing.decisions import history
from routing.decisions.explain import DecisionSummary
from routing.outcomes.queries import reports
from routing.paging import page_number
from routing.policy import queries
from routing.policy.parse import parse
from routing.policy.pins import pins
from routing.publishing import queries as publishing_queries
from routing.publishing.page import names, row

PAGE = 50


@require_safe
@role_required(Role.VIEWER)
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """`?before=` a decision: the page of those older than it. Neighbours that say the same are one. A retired category
    keeps its history."""
    before = page_number(request, "before")
    card = next((one for one in category_cards() if one.slug == slug), None)
    decisions = history.decisions_of(slug, limit=PAGE + 1, before=before)
    if card is None and not decisions:
        raise Http404(f"There is no category {slug}.")
    newest = publishing_queries.table()
    document = newest.document if newest else {"models": {}, "categories": {}}
    rules = queries.policy()
    routes = document["categories"].get(slug, {}).get("routes", [])
    context = {
        "slug": slug,
        "name": card.name if card else slug,
        "retired": card is None,
        "pinned": card is not None and rules is not None and bool(pins(parse(rules.document), slug)),
        "frozen": None if card is None else publishing_queries.frozen(),
        "line": newest.line if newest else None,
        "rows": [row(route) for route in routes],
        "reported": reports(newest.document, category=slug) if newest else None,
        "names": names(document),
        "decision": DecisionSummary(history.last_decision(slug), routes),
        "waiting": [] if before or not decisions else decisions[0].waiting,
        "decisions": decisions[:PAGE],
        "older": decisions[PAGE - 1].oldest if len(decisions) > PAGE else None,
        "paged": before is not None,
    }
    return render(request, "routing/decisions/category.html", context)
