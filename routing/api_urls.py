"""`/api/v1/routing/`. Names live in the namespace `api`; included by `arena.urls`."""

from __future__ import annotations

from django.urls import URLPattern, path

from routing.outcomes import api
from routing.policy import api as policy_api
from routing.publishing.api import publish, select, tables

urlpatterns: list[URLPattern] = [
    path("latest", tables.Latest.as_view(), name="routing-latest"),
    path("versions", tables.Versions.as_view(), name="routing-version-list"),
    path("versions/<int:version>", tables.Version.as_view(), name="routing-version"),
    path("diff", tables.Diff.as_view(), name="routing-diff"),
    path("schema", tables.Schema.as_view(), name="routing-schema"),
    path("keys", tables.Keys.as_view(), name="routing-keys"),
    path("select", select.Select.as_view(), name="routing-select"),
    path("policy", policy_api.Policy.as_view(), name="routing-policy"),
    path("policy/versions", policy_api.PolicyVersions.as_view(), name="routing-policy-list"),
    path("outcomes", api.Outcomes.as_view(), name="routing-outcomes"),
    path("publish", publish.Publish.as_view(), name="routing-publish"),
    path("rollback", publish.Rollback.as_view(), name="routing-rollback"),
    path("freeze", publish.Freeze.as_view(), name="routing-freeze"),
    path("unfreeze", publish.Unfreeze.as_view(), name="routing-unfreeze"),
    path("pin", policy_api.Pin.as_view(), name="routing-pin"),
    path("unpin", policy_api.Unpin.as_view(), name="routing-unpin"),
]
