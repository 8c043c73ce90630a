"""The rows of routing, to look at. Nothing published is ever changed; publishing is done on the routing page."""

from __future__ import annotations

from django.contrib import admin

from arena.ui.admin import ReadOnlyAdmin
from routing.models import AuditEntry, Decision, PolicyVersion, Publication, ReportedOutcome, RoutingTable


@admin.register(RoutingTable)
class RoutingTableAdmin(ReadOnlyAdmin):
    list_display = ("version", "cause", "reason", "actor", "policy", "published_at", "expires_at")
    list_filter = ("cause",)
    list_select_related = ("policy",)
    exclude = ("body",)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    list_display = ("version", "reason", "actor", "created_at")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("category", "outcome", "model_from", "model_to", "reason", "table", "created_at")
    list_filter = ("outcome",)
    list_select_related = ("table",)


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    list_display = ("newest", "frozen_at", "frozen_by", "frozen_reason")


@admin.register(AuditEntry)
class ActAdmin(ReadOnlyAdmin):
    list_display = ("kind", "actor", "reason", "table", "policy", "at")
    list_filter = ("kind",)
    list_select_related = ("table", "policy")


@admin.register(ReportedOutcome)
class ReportedOutcomeAdmin(ReadOnlyAdmin):
    list_display = ("at", "route_id", "model", "ok", "error", "latency_ms", "reported_by")
    list_filter = ("ok",)
