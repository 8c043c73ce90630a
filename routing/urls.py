"""Routing's pages, under `/routing/`."""

from __future__ import annotations

from django.urls import URLPattern, path

from routing.views import acts, policy, tables

app_name = "routing"

urlpatterns: list[URLPattern] = [
    path("", tables.live, name="live"),
    path("versions/", tables.versions, name="version-list"),
    path("versions/<int:n>/", tables.version, name="version"),
    path("policy/", policy.policy, name="policy"),
    path("publish/", acts.publish, name="publish"),
    path("rollback/", acts.rollback, name="rollback"),
    path("freeze/", acts.freeze, name="freeze"),
]
