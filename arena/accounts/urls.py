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
    path("sessions/", views.sessions, name="session-list"),
    path("sessions/end/", views.sessions_end, name="session-end"),
    path("people/", views.people, name="people"),
    path("people/<int:pk>/", views.person_change, name="person-change"),
    path("people/<int:pk>/link/", views.person_link, name="person-link"),
    path("people/<int:pk>/link/end/", views.person_link_end, name="person-link-end"),
    path("people/<int:pk>/sessions/", views.person_sessions, name="person-session-list"),
    path("people/<int:pk>/sessions/end/", views.person_sessions_end, name="person-session-end"),
]
