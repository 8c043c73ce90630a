"""The battles browser, and its preferences as a file."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_number
from evals.battles.filters import NAMES, VERDICTS, read_filters
from evals.battles.preferences import preference_lines
from evals.battles.queries import Filters, search_battles
from evals.models import Category, Contender, Reason, Reviewer
from evals.voting.queries.blinding import blinding_of, why_closed

__all__ = ["battle_browser", "preference_file"]

PAGE_SIZE = 25
# Choices offered in a control; any other value can stand in the address.
_MOST_CHOICES = 500


@require_safe
@role_required(Role.VIEWER)
def battle_browser(request: HttpRequest) -> HttpResponse:
    """`?category=&a=&b=&outcome=&reviewer=&disagreement=1&reason=`. Reviewers' names, and the filters by them, are for
    editors; reviewers see no category in which they vote."""
    editor = person(request).may(Role.EDITOR)
    hidden = blinding_of(request.user).vote_in
    given = {name: request.GET[name].strip() for name in NAMES if request.GET.get(name, "").strip()}
    if "reviewer" in given and not editor:
        raise PermissionDenied("Filtering by reviewer needs the role editor: who voted for what is for editors.")
    read = read_filters(given, hidden=hidden)
    category = read.filters.category
    closed = category is not None and category.slug in hidden
    search = partial(search_battles, read.filters, limit=PAGE_SIZE, before=page_number(request, "before"))
    context = {
        "given": given,
        "query": urlencode(given),
        "errors": read.errors,
        "found": None if read.errors or closed else search(),
        "is_first": "before" not in request.GET,
        "why_closed": why_closed(category.name) if category and closed else "",
        "hidden": len(hidden),
        "editor": editor,
        **_choices(read.filters, editor, hidden),
    }
    template = "evals/battles/_found.html" if getattr(request, "htmx", None) else "evals/battles/browser.html"
    return render(request, template, context)


def _choices(filters: Filters, editor: bool, hidden: frozenset[str]) -> dict[str, Any]:
    reasons = Reason.objects.order_by("category", "key").select_related("category")
    if filters.category is not None:
        reasons = reasons.filter(category=filters.category)
    reviewers = Reviewer.objects.order_by("name", "pk") if editor else Reviewer.objects.none()
    return {
        "verdicts": VERDICTS,
        "categories": list(Category.objects.exclude(slug__in=hidden).order_by("name")[:_MOST_CHOICES]),
        "contenders": list(Contender.objects.order_by("slug").values_list("slug", flat=True)[:_MOST_CHOICES]),
        "reviewers": list(reviewers[:_MOST_CHOICES]),
        "reasons": list(reasons.exclude(category__slug__in=hidden)[:_MOST_CHOICES]),
    }


@require_safe
@role_required(Role.EDITOR)
def preference_file(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """JSON Lines, sent while it is read. A filter that cannot be read is a 400: no file with more than asked."""
    given = {name: request.GET[name].strip() for name in NAMES if request.GET.get(name, "").strip()}
    read = read_filters(given)
    if read.errors:
        words = "\n".join(f"{name}: {error}" for name, error in read.errors.items())
        return HttpResponse(words, status=400, content_type="text/plain; charset=utf-8")
    answer = StreamingHttpResponse(preference_lines(read.filters), content_type="application/x-ndjson")
    answer["Content-Disposition"] = 'attachment; filename="preferences.jsonl"'
    return answer
