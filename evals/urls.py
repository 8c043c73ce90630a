"""Pages of evals, at the root. Each owner of a page adds its line under its heading."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from evals.views import contenders, providers, voting

app_name = "evals"

urlpatterns: list[URLPattern | URLResolver] = [
    # voting
    path("vote/", voting.vote, name="vote"),
    path("vote/b/<str:token>/", voting.battle, name="battle"),
    path("vote/b/<str:token>/undo/", voting.undo_vote, name="battle-undo"),
    path("vote/b/<str:token>/report/", voting.report_answer, name="battle-report"),
    path("vote/<slug:category>/", voting.category_vote, name="category-vote"),
    # leaderboards
    # task sets
    # providers and contenders (imported names may hold a slash)
    path("providers/", providers.provider_list, name="provider-list"),
    path("providers/new/", providers.provider_new, name="provider-new"),
    path("providers/<slug:slug>/edit/", providers.provider_edit, name="provider-edit"),
    path("contenders/", contenders.contender_list, name="contender-list"),
    path("contenders/new/", contenders.contender_new, name="contender-new"),
    path("contenders/<path:slug>/edit/", contenders.contender_edit, name="contender-edit"),
    path("contenders/<path:slug>/test/", contenders.contender_test, name="contender-test"),
    path("contenders/<path:slug>/retire/", contenders.contender_retire, name="contender-retire"),
    # runs
    # reviewers
]
