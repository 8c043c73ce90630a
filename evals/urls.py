"""Pages of evals, at the root."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from evals.bake_offs import views as bake_offs
from evals.battles import views as battle_views
from evals.catalog.views import categories, contenders, found, long_context, task_sets
from evals.collection import views as collection_views
from evals.collection.comparison import views as comparison_views
from evals.collection.quarantine import views as quarantine
from evals.leaderboards import views
from evals.transfer import views as transfer_views
from evals.voting.views import (
    battles,
    category,
    differences,
    groups,
    invitations,
    judged,
    practice,
    queue,
    reviewers,
)

app_name = "evals"

urlpatterns: list[URLPattern | URLResolver] = [
    # voting
    path("vote/", queue.vote, name="vote"),
    path("vote/b/<str:token>/", battles.battle, name="battle"),
    path("vote/b/<str:token>/undo/", battles.undo_vote, name="battle-undo"),
    path("vote/b/<str:token>/report/", battles.report_answer, name="battle-report"),
    path("vote/b/<str:token>/difference/", differences.battle_difference, name="battle-difference"),
    path("vote/b/<str:token>/image/<str:place>/<int:n>/", battles.battle_image, name="battle-image"),
    path("vote/practice/", practice.practice, name="practice"),
    path("vote/<slug:category>/", battles.category_vote, name="category-vote"),
    # leaderboards
    path("leaderboards/", views.leaderboard_list, name="leaderboard-list"),
    # "+" is in no slug, so that a category may be called "overall".
    path("leaderboards/+overall/", views.leaderboard_overall, name="leaderboard-overall"),
    path("leaderboards/<slug:category>/", views.leaderboard, name="leaderboard"),
    path("leaderboards/<slug:category>/leaderboard.csv", views.leaderboard_csv, name="leaderboard-csv"),
    path("leaderboards/<slug:category>/leaderboard.json", views.leaderboard_json, name="leaderboard-json"),
    path("leaderboards/<slug:category>/leaderboard.svg", views.leaderboard_svg, name="leaderboard-svg"),
    path("leaderboards/<slug:category>/edit/", categories.category_edit, name="category-edit"),
    path("leaderboards/<slug:category>/retire/", categories.category_retire, name="category-retire"),
    path("leaderboards/<slug:category>/battles/", judged.battle_list, name="battle-list"),
    path("leaderboards/<slug:category>/voting/", category.category_voting, name="category-voting"),
    path("leaderboards/<slug:category>/voting/reasons/", category.category_reason_add, name="category-reason-add"),
    path("leaderboards/<slug:category>/voting/reasons/<int:pk>/", category.category_reason, name="category-reason"),
    path(
        "leaderboards/<slug:category>/voting/dimensions/",
        category.category_dimension_add,
        name="category-dimension-add",
    ),
    path(
        "leaderboards/<slug:category>/voting/dimensions/<int:pk>/",
        category.category_dimension,
        name="category-dimension",
    ),
    path("leaderboards/<slug:category>/<int:seq>/", views.leaderboard_then, name="leaderboard-at"),
    path("leaderboards/<slug:category>/<int:seq>/<int:revision>/", views.leaderboard_then, name="leaderboard-at"),
    # task sets
    path("task-sets/", task_sets.task_set_list, name="task-set-list"),
    path("task-sets/new/", transfer_views.task_set_new, name="task-set-new"),
    path("task-sets/<slug:slug>/", task_sets.task_set, name="task-set"),
    path("task-sets/<slug:slug>/changes/", task_sets.version_change_list, name="task-set-changes"),
    path("task-sets/<slug:slug>/tasks.csv", transfer_views.task_set_file, {"form": "csv"}, name="task-set-csv"),
    path("task-sets/<slug:slug>/tasks.jsonl", transfer_views.task_set_file, {"form": "jsonl"}, name="task-set-jsonl"),
    path("task-sets/<slug:slug>/tasks/<int:pk>/edit/", transfer_views.task_edit, name="task-edit"),
    path("task-sets/<slug:slug>/rescore/", collection_views.task_set_rescore, name="task-set-rescore"),
    path("task-sets/<slug:slug>/long-context/", long_context.long_context, name="long-context"),
    path("tasks/<int:pk>/images/<int:n>/", task_sets.task_image, name="task-image"),
    # providers and contenders (imported names may contain a slash)
    path("providers/", contenders.provider_list, name="provider-list"),
    path("providers/new/", contenders.provider_new, name="provider-new"),
    path("providers/<slug:slug>/edit/", contenders.provider_edit, name="provider-edit"),
    path("providers/<slug:slug>/models/", found.provider_models, name="provider-models"),
    path("contenders/", contenders.contender_list, name="contender-list"),
    path("contenders/new/", contenders.contender_new, name="contender-new"),
    path("contenders/found/", found.contender_found, name="contender-found"),
    path("contenders/<path:slug>/edit/", contenders.contender_edit, name="contender-edit"),
    path("contenders/<path:slug>/test/", contenders.contender_test, name="contender-test"),
    path("contenders/<path:slug>/retire/", contenders.contender_retire, name="contender-retire"),
    # runs
    path("runs/", collection_views.run_list, name="run-list"),
    path("runs/schedules/", bake_offs.schedule_list, name="schedule-list"),
    path("runs/schedules/new/", bake_offs.schedule_new, name="schedule-new"),
    path("runs/schedules/mail/", bake_offs.schedule_mail, name="schedule-mail"),
    path("runs/schedules/of/<slug:slug>/", bake_offs.schedule, name="schedule"),
    path("runs/schedules/of/<slug:slug>/remove/", bake_offs.schedule_remove, name="schedule-remove"),
    path("runs/schedules/of/<slug:slug>/start/", bake_offs.schedule_start, name="schedule-start"),
    path("runs/new/", collection_views.run_new, name="run-new"),
    path("runs/new/estimate/", collection_views.run_estimate, name="run-estimate"),
    path("runs/compare/", comparison_views.run_compare, name="run-compare"),
    path("runs/compare/differences.csv", comparison_views.run_compare_csv, name="run-compare-csv"),
    path("runs/<int:run_id>/", collection_views.run, name="run"),
    path("runs/<int:run_id>/progress/", collection_views.run_progress, name="run-progress"),
    path("runs/<int:run_id>/again/", collection_views.run_again, name="run-again"),
    path("runs/<int:run_id>/budget/", collection_views.run_budget, name="run-budget"),
    path("runs/<int:run_id>/pause/", collection_views.run_pause, name="run-pause"),
    path("runs/<int:run_id>/rescore/", collection_views.run_rescore, name="run-rescore"),
    path("runs/<int:run_id>/resume/", collection_views.run_resume, name="run-resume"),
    path("runs/<int:run_id>/retry/", collection_views.run_retry, name="run-retry"),
    path("runs/<int:run_id>/stop/", collection_views.run_stop, name="run-stop"),
    path("generations/<int:pk>/images/<int:n>/", collection_views.generation_image, name="generation-image"),
    # bake-offs
    path("bake-offs/", bake_offs.report_list, name="bake-off-report-list"),
    path("bake-offs/<int:pk>/", bake_offs.bake_off_report, name="bake-off-report"),
    # quarantine
    path("quarantine/", quarantine.quarantine, name="quarantine"),
    path("quarantine/<int:pk>/", quarantine.quarantine_case, name="quarantine-case"),
    path("quarantine/<int:pk>/release/", quarantine.quarantine_release, name="quarantine-release"),
    path("quarantine/<int:pk>/confirm/", quarantine.quarantine_confirm, name="quarantine-confirm"),
    # reviewers
    path("reviewers/", reviewers.reviewer_list, name="reviewer-list"),
    path("reviewers/me/", reviewers.reviewer_me, name="reviewer-me"),
    path("reviewers/invitations/", invitations.invitation_list, name="invitation-list"),
    path("reviewers/invitations/<int:pk>/revoke/", invitations.invitation_revoke, name="invitation-revoke"),
    path("reviewers/groups/", groups.group_list, name="group-list"),
    path("reviewers/groups/<slug:slug>/", groups.group, name="group"),
    path("reviewers/groups/<slug:slug>/members/", groups.group_member_add, name="group-member-add"),
    path(
        "reviewers/groups/<slug:slug>/members/<int:pk>/remove/", groups.group_member_remove, name="group-member-remove"
    ),
    path("reviewers/<int:pk>/", reviewers.reviewer, name="reviewer"),
    path("reviewers/<int:pk>/exclude/", reviewers.reviewer_exclude, name="reviewer-exclude"),
    path("reviewers/<int:pk>/include/", reviewers.reviewer_include, name="reviewer-include"),
    path("battles/", battle_views.battle_browser, name="battle-browser"),
    path("battles/preferences.jsonl", battle_views.preference_file, name="preference-file"),
    path("battles/<int:pk>/", judged.judged_battle, name="judged-battle"),
    path("battles/<int:pk>/gold/retire/", judged.gold_retire, name="gold-retire"),
    path("join/<str:token>/", invitations.join, name="join"),
]
