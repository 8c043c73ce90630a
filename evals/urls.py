"""Pages of evals, at the root."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from evals.views import (
    categories,
    contenders,
    leaderboard_at,
    leaderboards,
    providers,
    reviewers,
    runs,
    schedules,
    task_sets,
    voting,
)

app_name = "evals"

urlpatterns: list[URLPattern | URLResolver] = [
    # voting
    path("vote/", voting.vote, name="vote"),
    path("vote/b/<str:token>/", voting.battle, name="battle"),
    path("vote/b/<str:token>/undo/", voting.undo_vote, name="battle-undo"),
    path("vote/b/<str:token>/report/", voting.report_answer, name="battle-report"),
    path("vote/<slug:category>/", voting.category_vote, name="category-vote"),
    # leaderboards
    path("leaderboards/", leaderboards.leaderboard_list, name="leaderboard-list"),
    path("leaderboards/<slug:category>/", leaderboards.leaderboard, name="leaderboard"),
    path("leaderboards/<slug:category>/retire/", categories.category_retire, name="category-retire"),
    path("leaderboards/<slug:category>/<int:seq>/", leaderboard_at.leaderboard_then, name="leaderboard-at"),
    path(
        "leaderboards/<slug:category>/<int:seq>/<int:revision>/", leaderboard_at.leaderboard_then, name="leaderboard-at"
    ),
    # task sets
    path("task-sets/", task_sets.task_set_list, name="task-set-list"),
    path("task-sets/new/", task_sets.task_set_new, name="task-set-new"),
    path("task-sets/<slug:slug>/", task_sets.task_set, name="task-set"),
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
    path("runs/", runs.run_list, name="run-list"),
    path("runs/schedules/", schedules.schedule_list, name="schedule-list"),
    path("runs/schedules/<int:pk>/", schedules.schedule_change, name="schedule-change"),
    path("runs/new/", runs.run_new, name="run-new"),
    path("runs/<int:run_id>/", runs.run, name="run"),
    path("runs/<int:run_id>/progress/", runs.run_progress, name="run-progress"),
    path("runs/<int:run_id>/again/", runs.run_again, name="run-again"),
    path("runs/<int:run_id>/budget/", runs.run_budget, name="run-budget"),
    path("runs/<int:run_id>/pause/", runs.run_pause, name="run-pause"),
    path("runs/<int:run_id>/resume/", runs.run_resume, name="run-resume"),
    path("runs/<int:run_id>/retry/", runs.run_retry, name="run-retry"),
    path("runs/<int:run_id>/stop/", runs.run_stop, name="run-stop"),
    # reviewers
    path("reviewers/", reviewers.reviewer_list, name="reviewer-list"),
    path("reviewers/<int:pk>/exclude/", reviewers.reviewer_exclude, name="reviewer-exclude"),
    path("reviewers/<int:pk>/include/", reviewers.reviewer_include, name="reviewer-include"),
]
