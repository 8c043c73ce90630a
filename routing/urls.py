"""Routing's pages, under `/routing/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from routing.decisions import views
from routing.money import views as money
from routing.planning import views as planning
from routing.policy.views import edit, pins, read
from routing.publishing.views import audit, publish, tables
from routing.webhooks import views as webhooks_views

app_name = "routing"

urlpatterns: list[URLPattern] = [
    path("", tables.live, name="live"),
    path("versions/", tables.versions, name="version-list"),
    path("versions/<int:n>/", tables.version, name="version"),
    path("policy/", read.policy, name="policy"),
    path("policy/rules/", edit.every, name="policy-rules"),
    path("policy/rules/<slug:slug>/", edit.category, name="policy-category"),
    path("policy/table/", edit.table, name="policy-table"),
    path("policy/document/", edit.document, name="policy-document"),
    path("policy/versions/", read.versions, name="policy-version-list"),
    path("policy/versions/<int:n>/", read.version, name="policy-version"),
    path("policy/versions/<int:n>/policy.<str:form>", read.download, name="policy-download"),
    path("categories/<slug:slug>/", views.category, name="category"),
    path("categories/<slug:slug>/plan/", planning.plan, name="plan"),
    path("categories/<slug:slug>/pin/", pins.pin, name="pin"),
    path("categories/<slug:slug>/unpin/", pins.unpin, name="unpin"),
    path("money/", money.money, name="money"),
    path("acts/", audit.audit_log, name="act-list"),
    path("publish/", publish.publish, name="publish"),
    path("rollback/", publish.rollback, name="rollback"),
    path("freeze/", publish.freeze, name="freeze"),
    path("webhooks/", webhooks_views.webhook_list, name="webhook-list"),
    path("webhooks/<int:pk>/", webhooks_views.webhook, name="webhook"),
    path("webhooks/<int:pk>/secret/", webhooks_views.webhook_secret, name="webhook-secret"),
    path("webhooks/<int:pk>/events/", webhooks_views.webhook_events, name="webhook-events"),
    path("webhooks/<int:pk>/state/", webhooks_views.webhook_state, name="webhook-state"),
    path("webhooks/<int:pk>/test/", webhooks_views.webhook_test, name="webhook-test"),
    path("webhooks/<int:pk>/replay/", webhooks_views.webhook_replay, name="webhook-replay"),
    path("webhooks/deliveries/<int:pk>/replay/", webhooks_views.delivery_replay, name="delivery-replay"),
    path("webhooks/deliveries/<int:pk>/send/", webhooks_views.delivery_send, name="delivery-send"),
]
