"""The live table, an earlier version, the history."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from arena.access.roles import role_required
from arena.models import Role
from evals.selectors.categories import category_cards
from routing import acted, decided, publishing, selectors
from routing.decided import DecisionView
from routing.deciding.gate import Verdict
from routing.exports import FORMATS, export
from routing.outcomes.reported import reports
from routing.selectors import TableLine, TableView
from routing.showing.pages import cards, change_groups, expires, names
from routing.tables.comparing import diff
from routing.views.asked import number
from routing.views.parts import waiting_in

RECENT = 6
PAGE = 50


class _Missing(NamedTuple):
    """What one category sends to, or still lacks for it."""

    to: str | None
    votes_to_go: int | None
    reason: str


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
    """`?before=` a version: the page of those older than it."""
    before = number(request, "before")
    lines = selectors.tables(limit=PAGE, before=before)
    oldest = lines[-1].version if lines else 1
    context = {
        "lines": lines,
        "newest": selectors.newest_version(),
        "paged": before is not None,
        # Numbers have no gaps: below any but the first there is another.
        "older": oldest if oldest > 1 else None,
    }
    return render(request, "routing/versions.html", context)


def _context(request: HttpRequest, table: TableView, *, live: bool) -> dict[str, Any]:
    document, line = table.document, table.line
    titles = {card.slug: card.name for card in category_cards()}
    base = _compared_with(request, line.version)
    older = selectors.table(base) if base else None
    causes = decided.decisions_between(base or 0, line.version)
    changes = diff(older.document, document) if older else []
    reasons = {slug: cause["reason"] for slug, cause in causes.items()}
    groups = change_groups(changes, titles, reasons, _follows(line) if base == line.version - 1 else "")
    decisions = decided.last_decisions(titles) if live else {}
    return {
        "line": line,
        "live": live,
        "newest": selectors.newest_version(),
        "frozen": selectors.frozen(),
        "expires": expires(document),
        "key_ids": table.key_ids,
        "names": names(document),
        "cards": cards(document, titles),
        "unrouted": [
            (slug, titles[slug], decisions.get(slug)) for slug in titles if live and slug not in document["categories"]
        ],
        "reported": reports(document) if live else None,
        "decisions": decisions,
        "waiting": [one for decision in decisions.values() for one in decision.waiting],
        "rests_on": [] if live else decided.decisions_in(line.version),
        "titles": titles,
        "base": base,
        "bases": [one.version for one in selectors.tables(before=line.version, limit=50)],
        "groups": groups,
        "changed": len(changes),
        "lines": selectors.tables(limit=RECENT),
        "acts": acted.acts(limit=RECENT) if live else [],
        "exports": [(name, kind.title, export(name, table.body).notes) for name, kind in FORMATS.items()],
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
    base = number(request, "from") or version - 1
    return base if 0 < base < version else version - 1 or None


def _unpublished() -> dict[str, Any]:
    """What publishing would say now: each category with what it still lacks. Measures nothing: where the policy asks
    for figures, the last stored decision speaks."""
    seen = publishing.outlook()
    titles = {one.slug: one.name for one in seen.facts.categories}
    stored = decided.last_decisions(seen.unmeasured)
    said = {slug: _stored(stored.get(slug)) for slug in seen.unmeasured}
    return {
        "rows": [
            (one.category, titles[one.category], said.get(one.category, _told(one.verdict))) for one in seen.verdicts
        ],
        "due": seen.cause is not None,
        "waiting": waiting_in(seen.verdicts),
        "frozen": selectors.frozen(),
    }


def _told(verdict: Verdict) -> _Missing:
    return _Missing(verdict.to, verdict.votes_to_go, verdict.reason)


def _stored(decision: DecisionView | None) -> _Missing:
    if decision is None:
        return _Missing(None, None, "The policy asks for measurements; the next look at this category reads them.")
    return _Missing(decision.model_to or None, decision.votes_to_go, decision.reason)
