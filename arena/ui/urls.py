"""The chosen theme, and on a development start the style guide."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from arena.ui import views

app_name = "ui"

urlpatterns: list[URLPattern] = [
    path("theme/", views.theme, name="theme"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", views.styleguide, name="styleguide"))
