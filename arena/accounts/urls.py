"""Signing in and out, and one's own settings."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from arena.accounts import views

app_name = "accounts"


urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("link/<str:token>/", views.link, name="link"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("settings/", views.settings, name="settings"),
    path("voting/", views.voting, name="voting"),
    path("people/", views.people, name="people"),
    path("people/<int:pk>/", views.person_change, name="person-change"),
    path("people/<int:pk>/link/", views.person_link, name="person-link"),
]
