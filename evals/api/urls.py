"""`/api/v1/` without routing's part. Names live in the namespace `api`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
