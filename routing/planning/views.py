"""How many days until a decision, with so many people and minutes a day."""

from __future__ import annotations

import math

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import role_required
from arena.models import Role
from evals.battles.typical import pace_of
from evals.catalog.queries.categories import category_cards
from evals.ratings.planning import SHARE, Workload, plan_days, plan_votes
from evals.voting.queries.blinding import blinding_of, why_closed
from routing.planning.forms import WorkForm
from routing.planning.queries import planned

__all__ = ["plan"]

# Supposed where nothing is measured yet; the page says so.
SUPPOSED_SECONDS = 45.0


@require_safe
@role_required(Role.VIEWER)
def plan(request: HttpRequest, slug: str) -> HttpResponse:
    """`?people=5&minutes=20&seconds=`. Votes to go move with each vote: closed to reviewers who vote here."""
    category = next((one for one in category_cards() if one.slug == slug), None)
    if category is None:
        raise Http404(f"There is no category {slug}.")
    if blinding_of(request.user).hides(slug):
        closed = {"category": category, "why_closed": why_closed(category.name)}
        return render(request, "routing/planning/plan.html", closed)
    sent = {"people": 5, "minutes": 20} | {
        name: request.GET[name] for name in WorkForm.base_fields if name in request.GET
    }
    form = WorkForm(sent)
    pace, now = pace_of(slug), planned(slug)
    context = {"category": category, "form": form, "pace": pace, "now": now, "share": SHARE}
    if form.is_valid():
        given = form.cleaned_data
        seconds = given["seconds"] or pace.seconds or SUPPOSED_SECONDS
        work = Workload(given["people"], given["minutes"], seconds, max(now.comparing, 0.01))
        votes = plan_votes(now.state)
        context |= {
            "given": given,
            "votes": votes,
            "work": work,
            "seconds": seconds,
            "supposed": not given["seconds"] and pace.seconds is None,
            "days": [None if one is None else max(1, math.ceil(one)) for one in plan_days(votes, work)],
        }
    return render(request, "routing/planning/plan.html", context)
