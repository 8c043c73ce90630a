"""The live table, an earlier version, the history."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from arena.accounts.roles import role_required
from arena.models import Role
from arena.ui.paging import page_number, page_of
from arena.ui.wording import listed
from evals.catalog.queries.categories import category_cards
from evals.voting.queries.blinding import blinding_of, why_closed
from routing import audit
from routing.decisions import history
from routing.gateways import FORMATS, export
from routing.outcomes.queries import reports
from routing.publishing import publisher, queries
from routing.publishing.diff import diff
from routing.publishing.page import cards, change_groups, expires, names
from routing.publishing.queries import TableLine, TableView
from routing.publishing.summaries import address_notice, price_notice

RECENT = 6
PAGE = 50


@require_safe
@role_required(Role.VIEWER)
def live(request: HttpRequest) -> HttpResponse:
    """The newest table; before the first, what is missing for one."""
    table = queries.table()
    if table is None:
        return render(request, "routing/publishing/unpublished.html", _unpublished(request))
    return render(request, "routing/publishing/table.html", _context(request, table, live=True))


@require_safe
@role_required(Role.VIEWER)
def version(request: HttpRequest, n: int) -> HttpResponse:
    table = queries.table(n)
    if table is None:
        raise Http404(f"There is no version {n}.")
    return render(
        request, "routing/publishing/table.html", _context(request, table, live=n == queries.newest_version())
    )


@require_safe
@role_required(Role.VIEWER)
def versions(request: HttpRequest) -> HttpResponse:
    """`?before=7`: the page of versions older than 7."""
    context = {
        "newest": queries.newest_version(),
        "page": page_of(request, queries.tables, size=PAGE, key=lambda one: one.version),
    }
    return render(request, "routing/publishing/version_list.html", context)


def _context(request: HttpRequest, table: TableView, *, live: bool) -> dict[str, Any]:
    document, line = table.document, table.line
    titles = {card.slug: card.name for card in category_cards()}
    base = _compared_with(request, line.version)
    older = queries.table(base) if base else None
    causes = history.decisions_between(base or 0, line.version)
    changes = diff(older.document, document) if older else []
    reasons = {slug: cause["reason"] for slug, cause in causes.items()}
    groups = change_groups(changes, titles, reasons, _follows(line) if base == line.version - 1 else "")
    blinding = blinding_of(request.user)
    # A table moves rarely and is for everybody; what was decided since, and from which votes, moves with each vote.
    decisions = history.last_decisions(slug for slug in titles if not blinding.hides(slug)) if live else {}
    hidden = [titles[slug] for slug in titles if blinding.hides(slug)]
    return {
        "line": line,
        "live": live,
        "newest": queries.newest_version(),
        "frozen": queries.frozen(),
        "expires": expires(document),
        "key_ids": table.key_ids,
        "names": names(document),
        "cards": cards(document, titles),
        "address_notice": address_notice(document),
        "price_notice": price_notice(document),
        "unrouted": [
            (slug, titles[slug], decisions.get(slug)) for slug in titles if live and slug not in document["categories"]
        ],
        "reported": reports(document) if live else None,
        "decisions": decisions,
        "waiting": [one for decision in decisions.values() for one in decision.waiting],
        "rests_on": []
        if live
        else [one for one in history.decisions_in(line.version) if not blinding.hides(one.category)],
        "closed": [slug for slug in titles if blinding.hides(slug)],
        "why_closed": why_closed(listed(hidden)) if hidden else "",
        "titles": titles,
        "base": base,
        "bases": [one.version for one in queries.tables(before=line.version, limit=50)],
        "groups": groups,
        "changed": len(changes),
        "lines": queries.tables(limit=RECENT),
        "acts": audit.audit_entries(limit=RECENT) if live else [],
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
    base = page_number(request, "from") or version - 1
    return base if 0 < base < version else version - 1 or None


def _unpublished(request: HttpRequest) -> dict[str, Any]:
    """What publishing would decide now: each category with what it still needs. Measures nothing: where the policy asks
    for figures, the last stored decision stands, None without one."""
    preview = publisher.preview_unmeasured()
    titles = {one.slug: one.name for one in preview.evidence.categories}
    unmeasured = preview.unmeasured
    stored = history.last_decisions(unmeasured)
    blinding = blinding_of(request.user)
    told = [one for one in preview.decisions if not blinding.hides(one.category)]
    rows = [
        (one.category, titles[one.category], stored.get(one.category) if one.category in unmeasured else one.decision)
        for one in told
    ]
    hidden = [(one.category, titles[one.category]) for one in preview.decisions if blinding.hides(one.category)]
    return {
        "rows": rows,
        "hidden": hidden,
        "why_closed": why_closed(listed([name for _, name in hidden])) if hidden else "",
        # Of one that is closed to them, a reader learns neither that it has a leader nor who that is.
        "due": preview.cause is not None and not hidden,
        "waiting": [pending for one in told for pending in one.waiting],
        "frozen": queries.frozen(),
    }
