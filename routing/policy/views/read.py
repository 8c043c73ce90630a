"""The policy as people read it: in words, as one document, version by version."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_number, page_of
from evals.catalog.queries.categories import category_cards
from routing.policy import queries
from routing.policy.describe import fixed_lines, place_card, policy_change_groups, table_lines
from routing.policy.diff import policy_diff
from routing.policy.parse import default_document, parse
from routing.policy.references import notices
from routing.policy.text import FORMS, Form, write_text
from routing.publishing import queries as publishing_queries

RECENT = 6

PAGE = 50


@require_safe
@role_required(Role.VIEWER)
def policy(request: HttpRequest) -> HttpResponse:
    """What is in force, in words: what holds for every category, what some say otherwise, what holds for the table."""
    now = queries.policy()
    terms = parse(now.document if now else default_document())
    cards = category_cards()
    titles = {card.slug: card.name for card in cards}
    named = [slug for slug in terms.categories if slug not in titles]
    context = {
        "now": now,
        "every": place_card(terms, "", "Every category"),
        "own": [
            place_card(terms, slug, titles.get(slug, slug)) for slug in [*titles, *named] if slug in terms.categories
        ],
        "others": [card for card in cards if card.slug not in terms.categories],
        "table": table_lines(terms),
        "default": fixed_lines(terms.default),
        "notices": notices(terms),
        "history": queries.policies(limit=RECENT),
        "may_edit": person(request).may(Role.EDITOR),
    }
    return render(request, "routing/policy/policy.html", context)


@require_safe
@role_required(Role.VIEWER)
def versions(request: HttpRequest) -> HttpResponse:
    """`?before=7`: the page of versions older than 7."""
    page = page_of(request, queries.policies, size=PAGE, key=lambda one: one.version)
    return render(request, "routing/policy/version_list.html", {"now": queries.policy(), "page": page})


@require_safe
@role_required(Role.VIEWER)
def version(request: HttpRequest, n: int) -> HttpResponse:
    """One policy as a document, and what it says otherwise than the one before, or than `?from=`."""
    found, now = _found(n), queries.policy()
    base = page_number(request, "from")
    base = n - 1 if base is None else base
    older = queries.policy(base) if base > 0 and base != n else None
    form: Form = "json" if request.GET.get("form") == "json" else "yaml"
    titles = {card.slug: card.name for card in category_cards()}
    context: dict[str, Any] = {
        "found": found,
        "now": now,
        "older": older,
        "groups": policy_change_groups(policy_diff(older.document, found.document), titles) if older else [],
        "bases": [m for m in range((now or found).version, 0, -1) if m != n][:PAGE],
        "tables": publishing_queries.tables_under(n),
        "form": form,
        "text": write_text(found.document, form),
        "may_edit": person(request).may(Role.EDITOR),
    }
    return render(request, "routing/policy/version.html", context)


@require_safe
@role_required(Role.VIEWER)
def download(request: HttpRequest, n: int, form: str) -> HttpResponse:
    found = _found(n)
    written = next((one for one in FORMS if one == form), None)
    if written is None:
        raise Http404(f"A policy is written as {' or '.join(FORMS)}.")
    response = HttpResponse(write_text(found.document, written), content_type=f"application/{form}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="policy-{n}.{form}"'
    return response


def _found(n: int) -> queries.PolicyView:
    found = queries.policy(n)
    if found is None:
        raise Http404(f"There is no policy {n}.")
    return found
