"""`/api/v1/` without routing's part. Names live in the namespace `api`.

Slugs of contenders may contain a slash: imported names are kept unchanged.
"""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from evals.bake_offs import api as bake_offs_api
from evals.battles import api as battles_api
from evals.catalog import api
from evals.collection import api as collection_api
from evals.collection import listing_api, rescoring_api
from evals.collection.comparison import api as comparison_api
from evals.collection.quarantine import api as quarantine_api
from evals.leaderboards import api as leaderboards_api
from evals.transfer import api as transfer_api
from evals.voting import api as voting_api

urlpatterns: list[URLPattern | URLResolver] = [
    path("task-sets", transfer_api.TaskSetList.as_view(), name="task-set-list"),
    path("task-sets/<slug:slug>", transfer_api.TaskSetDetail.as_view(), name="task-set"),
    path("task-sets/<slug:slug>/rescore", rescoring_api.TaskSetRescore.as_view(), name="task-set-rescore"),
    path("task-sets/<slug:slug>/tasks", transfer_api.TaskList.as_view(), name="task-list"),
    path("task-set-files", transfer_api.TaskSetFile.as_view(), name="task-set-file"),
    path("task-set-files/errors", transfer_api.TaskSetFileErrors.as_view(), name="task-set-file-errors"),
    path("task-sets/<slug:slug>/long-context", leaderboards_api.LongContextDetail.as_view(), name="long-context"),
    path("tasks/<int:pk>/images/<int:n>", transfer_api.TaskImage.as_view(), name="task-image"),
    path("providers", api.ProviderList.as_view(), name="provider-list"),
    path("providers/<slug:slug>", api.ProviderDetail.as_view(), name="provider"),
    path("providers/<slug:slug>/models", listing_api.ProviderModels.as_view(), name="provider-models"),
    path("contenders", api.ContenderList.as_view(), name="contender-list"),
    path("contenders/<path:slug>", api.ContenderDetail.as_view(), name="contender"),
    path("runs", collection_api.RunList.as_view(), name="run-list"),
    path("runs/estimate", collection_api.RunEstimate.as_view(), name="run-estimate"),
    path("runs/compare", comparison_api.RunComparison.as_view(), name="run-compare"),
    path("runs/compare/answers", comparison_api.ChangedAnswerList.as_view(), name="run-compare-answers"),
    path("runs/<int:pk>", collection_api.RunDetail.as_view(), name="run"),
    path("runs/<int:pk>/budget", collection_api.RunBudget.as_view(), name="run-budget"),
    path("runs/<int:pk>/consistency", comparison_api.RunConsistency.as_view(), name="run-consistency"),
    path("runs/<int:pk>/checks", rescoring_api.RunChecks.as_view(), name="run-checks"),
    path("runs/<int:pk>/pause", collection_api.RunPause.as_view(), name="run-pause"),
    path("runs/<int:pk>/rescore", rescoring_api.RunRescore.as_view(), name="run-rescore"),
    path("runs/<int:pk>/resume", collection_api.RunResume.as_view(), name="run-resume"),
    path("runs/<int:pk>/retry", collection_api.RunRetry.as_view(), name="run-retry"),
    path("runs/<int:pk>/stop", collection_api.RunStop.as_view(), name="run-stop"),
    path("bake-offs", bake_offs_api.BakeOffList.as_view(), name="bake-off-list"),
    path("bake-off-reports", bake_offs_api.BakeOffReportList.as_view(), name="bake-off-report-list"),
    path("bake-off-reports/<int:pk>", bake_offs_api.BakeOffReportDetail.as_view(), name="bake-off-report"),
    path("generations", collection_api.GenerationList.as_view(), name="generation-list"),
    path("generations/<int:pk>", collection_api.GenerationDetail.as_view(), name="generation"),
    path("generations/<int:pk>/images/<int:n>", collection_api.GenerationImage.as_view(), name="generation-image"),
    path("quarantine", quarantine_api.QuarantineList.as_view(), name="quarantine-list"),
    path("quarantine/<int:pk>", quarantine_api.QuarantineDetail.as_view(), name="quarantine-case"),
    path("quarantine/<int:pk>/confirm", quarantine_api.QuarantineConfirm.as_view(), name="quarantine-confirm"),
    path("quarantine/<int:pk>/release", quarantine_api.QuarantineRelease.as_view(), name="quarantine-release"),
    path("preferences", battles_api.PreferenceList.as_view(), name="preference-list"),
    path("reviewers", voting_api.ReviewerList.as_view(), name="reviewer-list"),
    path("reviewers/<int:pk>", voting_api.ReviewerDetail.as_view(), name="reviewer"),
    path("votes", voting_api.VoteList.as_view(), name="vote-list"),
    path("leaderboards", leaderboards_api.LeaderboardList.as_view(), name="leaderboard-list"),
    path("leaderboards/<str:category>", leaderboards_api.LeaderboardDetail.as_view(), name="leaderboard"),
    path("votes/<int:pk>", voting_api.VoteDetail.as_view(), name="vote"),
]
