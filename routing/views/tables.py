"""The live table, an earlier version, the history."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from arena.access.roles import role_required
from arena.models import Role
from evals.selectors.categories import category_cards
from routing import publishing, selectors
from routing.comparing import diff
from routing.pages import cards, change_groups, expires, names
from routing.selectors import TableLine, TableView

RECENT = 6


@require_safe
@role_required(Role.VIEWER)
def live(request: HttpRequest) -> HttpResponse:
    """The newest table; before the first, what is missing for one."""
    table = selectors.table()
    if table is None:
        return render(request, "routing/unpublished.html", _unpublished())
    return render(request, "routing/table.html", _context(request, table, live=True))


@require_safe
@role_required(Role.VIEWER)
def version(request: HttpRequest, n: int) -> HttpResponse:
    table = selectors.table(n)
    if table is None:
        raise Http404(f"There is no version {n}.")
    return render(request, "routing/table.html", _context(request, table, live=n == selectors.newest_version()))


@require_safe
@role_required(Role.VIEWER)
def versions(request: HttpRequest) -> HttpResponse:
    lines = selectors.tables()
    return render(request, "routing/versions.html", {"lines": lines, "newest": lines[0].version if lines else None})


def _context(request: HttpRequest, table: TableView, *, live: bool) -> dict[str, Any]:
    document, line = table.document, table.line
    titles = {card.slug: card.name for card in category_cards()}
    base = _compared_with(request, line.version)
    older = selectors.table(base) if base else None
    causes = selectors.decisions_between(base or 0, line.version)
    changes = diff(older.document, document) if older else []
    reasons = {slug: cause["reason"] for slug, cause in causes.items()}
    groups = change_groups(changes, titles, reasons, _follows(line) if base == line.version - 1 else "")
    decisions = selectors.last_decisions() if live else {}
    return {
        "line": line,
        "live": live,
        "newest": selectors.newest_version(),
        "frozen": selectors.frozen(),
        "expires": expires(document),
        "key_ids": table.key_ids,
        "names": names(document),
        "cards": cards(document, titles),
        "waiting": [
            (slug, titles[slug], decisions.get(slug)) for slug in titles if live and slug not in document["categories"]
        ],
        "base": base,
        "bases": [one.version for one in selectors.tables(before=line.version, limit=50)],
        "groups": groups,
        "changed": len(changes),
        "lines": selectors.tables(limit=RECENT),
        "fetch": "python" if request.GET.get("fetch") == "python" else "curl",
        "url": request.build_absolute_uri(
            reverse("api:routing-latest") if live else reverse("api:routing-version", args=[line.version])
        ),
    }


def _follows(line: TableLine) -> str:
    """Why something changed that no decision on votes changed."""
    if line.cause == "policy":
        return f"Follows from policy {line.policy}."
    if line.rolled_back_to:
        return f"Follows from the rollback to {line.rolled_back_to}: “{line.reason}”"
    return "No route’s first choice changed because of it." if line.cause == "models" else ""


def _compared_with(request: HttpRequest, version: int) -> int | None:
    """`?from=` an earlier version, else the one before; None for the first."""
    asked = request.GET.get("from", "")
    base = int(asked) if asked.isdecimal() and len(asked) < 10 else version - 1
    return base if 0 < base < version else version - 1 or None


def _unpublished() -> dict[str, Any]:
    """What publishing would say now: each category with what it still lacks."""
    result = publishing.publish(actor="", dry_run=True, automatic=True)
    titles = {card.slug: card.name for card in category_cards()}
    return {
        "rows": [(one.category, titles.get(one.category, one.category), one.verdict) for one in result.decisions],
        "due": result.cause is not None,
        "frozen": selectors.frozen(),
    }
