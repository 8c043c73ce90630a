"""Every address Arena answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from arena.accounts import views as access
from arena.api import problems as errors
from arena.api import schema
from arena.machine import health
from evals.home import views

# Before `admin.site.urls` is read below. Not when apps are loaded, which commands do too.
admin.autodiscover()

# One namespace for the whole API: api:task-set-list, …
api: list[URLPattern | URLResolver] = [
    path("", include("evals.api_urls")),
    path("routing/", include("routing.api_urls")),
    re_path("", errors.not_found),  # the last one: whatever no line above it knows
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("", include("arena.ui.urls")),
    path("", include("evals.urls")),
    path("routing/", include("routing.urls")),
    path("accounts/", include("arena.accounts.urls")),
    # The admin site has no form for passwords: people sign in by one-time links there too.
    path("admin/login/", access.admin_sign_in),
    path("admin/", admin.site.urls),
    path("api/docs/", schema.docs, name="api-docs"),
    path("api/schema/", schema.schema, name="api-schema"),
    path("api/v1/", include((api, "api"))),
    re_path("^api/", errors.not_found),
    # /healthz and /readyz are answered before there are addresses: arena.machine.health.ProbeMiddleware.
    path("metrics", health.metrics, name="metrics"),
]

handler500 = errors.server_error
