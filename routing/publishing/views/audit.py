"""The audit log as a page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import role_required
from arena.models import Role
from arena.ui.paging import page_of
from routing import audit

PAGE = 50


@require_safe
@role_required(Role.VIEWER)
def audit_log(request: HttpRequest) -> HttpResponse:
    """Manual changes to routing, who made them and why. `?before=7`: the page of entries older than entry 7."""
    page = page_of(request, audit.audit_entries, size=PAGE, key=lambda one: one.id)
    return render(request, "routing/publishing/audit_log.html", {"page": page})
