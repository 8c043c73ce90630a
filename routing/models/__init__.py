"""Policies, routing tables, the audit log, reported outcomes and webhooks."""

from routing.models.audit import AuditEntry
from routing.models.outcomes import OutcomeTally, ReportedOutcome
from routing.models.tables import Decision, PolicyVersion, Publication, RoutingTable
from routing.models.webhooks import Delivery, DeliveryAttempt, Webhook, WebhookSecret

__all__ = [
    "AuditEntry",
    "Decision",
    "Delivery",
    "DeliveryAttempt",
    "OutcomeTally",
    "PolicyVersion",
    "Publication",
    "ReportedOutcome",
    "RoutingTable",
    "Webhook",
    "WebhookSecret",
]
