"""Routing's pages, under `/routing/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from routing.views import acts, categories, pins, policy, policy_edit, tables, webhooks

app_name = "routing"

urlpatterns: list[URLPattern] = [
    path("", tables.live, name="live"),
    path("versions/", tables.versions, name="version-list"),
    path("versions/<int:n>/", tables.version, name="version"),
    path("policy/", policy.policy, name="policy"),
    path("policy/rules/", policy_edit.every, name="policy-rules"),
    path("policy/rules/<slug:slug>/", policy_edit.category, name="policy-category"),
    path("policy/table/", policy_edit.table, name="policy-table"),
    path("policy/document/", policy_edit.document, name="policy-document"),
    path("policy/versions/", policy.versions, name="policy-version-list"),
    path("policy/versions/<int:n>/", policy.version, name="policy-version"),
    path("policy/versions/<int:n>/policy.<str:form>", policy.download, name="policy-download"),
    path("categories/<slug:slug>/", categories.category, name="category"),
    path("categories/<slug:slug>/pin/", pins.pin, name="pin"),
    path("categories/<slug:slug>/unpin/", pins.unpin, name="unpin"),
    path("acts/", acts.history, name="act-list"),
    path("publish/", acts.publish, name="publish"),
    path("rollback/", acts.rollback, name="rollback"),
    path("freeze/", acts.freeze, name="freeze"),
    path("webhooks/", webhooks.webhook_list, name="webhook-list"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/secret/", webhooks.webhook_secret, name="webhook-secret"),
    path("webhooks/<int:pk>/state/", webhooks.webhook_state, name="webhook-state"),
    path("webhooks/<int:pk>/test/", webhooks.webhook_test, name="webhook-test"),
    path("webhooks/<int:pk>/replay/", webhooks.webhook_replay, name="webhook-replay"),
    path("webhooks/deliveries/<int:pk>/replay/", webhooks.delivery_replay, name="delivery-replay"),
    path("webhooks/deliveries/<int:pk>/send/", webhooks.delivery_send, name="delivery-send"),
]
