"""`/api/v1/` without routing's part. Names live in the namespace `api`.

Slugs of contenders may hold a slash: names from elsewhere are taken as they are.
"""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from evals.api import contenders, generations, leaderboards, runs, task_sets, votes

urlpatterns: list[URLPattern | URLResolver] = [
    path("task-sets", task_sets.TaskSetList.as_view(), name="task-set-list"),
    path("task-sets/<slug:slug>", task_sets.TaskSetDetail.as_view(), name="task-set"),
    path("task-sets/<slug:slug>/tasks", task_sets.TaskList.as_view(), name="task-list"),
    path("providers", contenders.ProviderList.as_view(), name="provider-list"),
    path("providers/<slug:slug>", contenders.ProviderDetail.as_view(), name="provider"),
    path("contenders", contenders.ContenderList.as_view(), name="contender-list"),
    path("contenders/<path:slug>", contenders.ContenderDetail.as_view(), name="contender"),
    path("runs", runs.RunList.as_view(), name="run-list"),
    path("runs/<int:pk>", runs.RunDetail.as_view(), name="run"),
    path("generations", generations.GenerationList.as_view(), name="generation-list"),
    path("generations/<int:pk>", generations.GenerationDetail.as_view(), name="generation"),
    path("votes", votes.VoteList.as_view(), name="vote-list"),
    path("leaderboards", leaderboards.LeaderboardList.as_view(), name="leaderboard-list"),
    path("leaderboards/<str:category>", leaderboards.LeaderboardDetail.as_view(), name="leaderboard"),
    path("votes/<int:pk>", votes.VoteDetail.as_view(), name="vote"),
]
