"""Pages of evals, at the root. Each owner of a page adds its line under its heading."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "evals"

urlpatterns: list[URLPattern | URLResolver] = [
    # voting
    # leaderboards
    # task sets
    # providers and contenders
    # runs
    # reviewers
]
