"""The rows of routing, read-only. Publishing is done on the routing page, and what was published never changes."""

from __future__ import annotations

from django.contrib import admin

from arena.ui.admin import ReadOnlyAdmin
from routing.models import (
    AuditEntry,
    Decision,
    Delivery,
    DeliveryAttempt,
    OutcomeTally,
    PolicyVersion,
    Publication,
    ReportedOutcome,
    RoutingTable,
    Webhook,
    WebhookSecret,
)


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
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("kind", "actor", "reason", "table", "policy", "at")
    list_filter = ("kind",)
    list_select_related = ("table", "policy")


@admin.register(ReportedOutcome)
class ReportedOutcomeAdmin(ReadOnlyAdmin):
    list_display = ("at", "route_id", "model", "ok", "error", "latency_ms", "reported_by")
    list_filter = ("ok",)


@admin.register(OutcomeTally)
class OutcomeTallyAdmin(ReadOnlyAdmin):
    list_display = ("day", "route_id", "model", "requests", "succeeded", "cost_usd")
    date_hierarchy = "day"


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("url", "created_by", "created_at", "disabled_at", "paused_until")


@admin.register(WebhookSecret)
class WebhookSecretAdmin(ReadOnlyAdmin):
    """When secrets were made and until when the older ones sign; the secret itself is on no page."""

    list_display = ("webhook", "created_by", "created_at", "until")
    list_select_related = ("webhook",)
    exclude = ("sealed",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("webhook", "event", "state", "attempts", "reason", "created_at", "finished_at")
    list_filter = ("state", "event")
    list_select_related = ("webhook",)
    exclude = ("lease_token",)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    list_display = ("delivery", "n", "at", "status", "duration_ms", "error")
    list_select_related = ("delivery", "delivery__webhook")
