"""One category's decisions, from the leaderboard each rests on to the version it led to."""

from __future__ import annotations

from functools import partial

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import role_required
from arena.models import Role
from arena.ui.paging import page_of
from evals.catalog.queries.categories import category_cards
from evals.voting.queries.blinding import blinding_of, why_closed
from routing.decisions import history
from routing.decisions.explain import DecisionSummary
from routing.outcomes.queries import reports
from routing.policy import queries
from routing.policy.parse import parse
from routing.policy.pins import pins
from routing.publishing import queries as publishing_queries
from routing.publishing.page import names, row

PAGE = 50


@require_safe
@role_required(Role.VIEWER)
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """`?before=7`: the page of decisions older than decision 7. Consecutive ones that say the same are one. A retired
    category keeps its history."""
    page = page_of(request, partial(history.decisions_of, slug), size=PAGE, key=lambda one: one.oldest)
    closed = blinding_of(request.user).hides(slug)
    card = next((one for one in category_cards() if one.slug == slug), None)
    if card is None and not page.rows:
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
        "why_closed": why_closed(card.name) if closed and card else "",
        "decision": None if closed else DecisionSummary(history.last_decision(slug), routes),
        "waiting": page.rows[0].waiting if page.rows and page.is_first and not closed else [],
        "page": None if closed else page,
    }
    return render(request, "routing/decisions/category.html", context)
