"""The chosen theme, and the style guide."""

from __future__ import annotations

from django.urls import URLPattern, path

from arena.ui import views

app_name = "ui"

urlpatterns: list[URLPattern] = [
    path("theme/", views.theme, name="theme"),
    path("styleguide/", views.styleguide, name="styleguide"),
    path("styleguide/texts/", views.text_gallery, name="text-gallery"),
]
