"""Runs: how far they are, and starting one. Answers, with what was measured of them: they name contender and text
together, so they need `evals:read`, which reviewers do not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.accounts.tokens import BROWSE
from arena.api.serializers import Body, Query
from arena.models import User
from evals.catalog.api import PriceOut
from evals.catalog.images.serving import image_addresses, image_response, nth
from evals.catalog.queries.contenders import asked_by_default
from evals.collection import wake
from evals.collection.queries.runs import run_view
from evals.collection.services import (
    MOST_SAMPLES,
    MOST_WARM_UP_CALLS,
    RunError,
    change_budget,
    estimate,
    pause,
    resume,
    retry_failed,
    start_run,
    stop,
)
from evals.models import Attempt, Contender, Generation, Run, TaskSet, TaskSetItem, TaskSetVersion
from evals.models.generations import CostSource, ErrorCategory


class RunOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    task_set = serializers.CharField(source="version.task_set.slug")
    version = serializers.IntegerField(source="version.n")
    contenders = serializers.SerializerMethodField()
    samples = serializers.IntegerField()
    fresh = serializers.BooleanField()
    budget_usd = serializers.FloatField(allow_null=True)
    allow_unknown_costs = serializers.BooleanField(help_text="The budget counts only what is known.")
    warm_up_calls = serializers.IntegerField(
        allow_null=True, help_text="To each contender, before it is measured. Null: 1 at local providers, 0 at others."
    )
    state = serializers.ChoiceField(Run.State.choices)
    reason = serializers.CharField(help_text="Why it is in this state.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_contenders(self, run: Run) -> list[str]:
        return sorted(contender.slug for contender in run.contenders.all())


class ProgressOut(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    done = serializers.IntegerField(help_text="Includes `linked`.")
    linked = serializers.IntegerField(help_text="Collected before this run.")
    in_flight = serializers.IntegerField()
    retrying = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()


class RunRowOut(serializers.Serializer[Any]):
    contender = serializers.CharField(source="slug")
    progress = ProgressOut()
    latency_p95_ms = serializers.FloatField(allow_null=True)
    in_flight = serializers.IntegerField(
        allow_null=True, help_text="Median of calls at once while it was timed: latencies compare at similar numbers."
    )
    spent_usd = serializers.FloatField(allow_null=True)
    cost_sources = serializers.ListField(child=serializers.CharField(), help_text="Whose figures the cost adds up.")


class RunDetailOut(RunOut):
    progress = ProgressOut()
    spent_usd = serializers.FloatField()
    expected_usd = serializers.FloatField(allow_null=True)
    unpriced = serializers.ListField(child=serializers.CharField(), help_text="Contenders whose price is not known.")
    rows = RunRowOut(many=True)


class RunIn(serializers.Serializer[Any]):
    task_set = serializers.SlugRelatedField(slug_field="slug", queryset=TaskSet.objects.all())
    version = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=2**31 - 1, help_text="Null: the newest."
    )
    contenders: serializers.Field[Any, Any, Any, Any] = serializers.ListField(
        child=serializers.SlugRelatedField(slug_field="slug", queryset=Contender.objects.filter(retired_at=None)),
        default=list,
        max_length=500,
        help_text="Without any: the newest revision of each that is not retired and can be asked.",
    )
    samples = serializers.IntegerField(default=1, min_value=1, max_value=MOST_SAMPLES)
    fresh = serializers.BooleanField(default=False, help_text="Ask again for what exists, too.")
    budget_usd = serializers.DecimalField(
        max_digits=12, decimal_places=4, allow_null=True, default=None, min_value=0, help_text="Null: no limit."
    )
    allow_unknown_costs = serializers.BooleanField(
        default=False,
        help_text="Without it, a run with a budget is refused, or pauses, where a cost is not known.",
    )
    warm_up_calls = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=0,
        max_value=MOST_WARM_UP_CALLS,
        help_text="To each contender first, and not measured. Null: 1 at local providers, 0 at hosted ones.",
    )

    def options(self) -> dict[str, Any]:
        """What `start_run` takes. Raises ValidationError where a version or a contender is missing."""
        options = dict(self.validated_data)
        task_set, n = options.pop("task_set"), options.pop("version")
        versions = task_set.versions.select_related("task_set").order_by("-n")
        version = versions.filter(n=n).first() if n is not None else versions.first()
        if version is None:
            raise serializers.ValidationError({"version": [f"{task_set.slug} has no version {n or ''}".strip() + "."]})
        if not options["contenders"]:
            default = asked_by_default(version)
            if default.problem:
                raise serializers.ValidationError({"contenders": [default.problem]})
            options["contenders"] = default.contenders
        return {"version": version, **options}


class EstimateRowOut(serializers.Serializer[Any]):
    contender = serializers.CharField(source="slug")
    calls = serializers.IntegerField(help_text="Retries aside. Each turn of a conversation is one.")
    linked = serializers.IntegerField(help_text="Answers that exist already.")
    under_way = serializers.IntegerField(help_text="Being asked for at this moment, by another run.")
    warm_up_calls = serializers.IntegerField()
    usd = serializers.FloatField(allow_null=True, help_text="Null: not known, never 0.")
    basis = serializers.CharField(help_text="What the figures were measured over.")
    price = PriceOut(allow_null=True)
    unknown = serializers.ListField(child=serializers.CharField())


class EstimateOut(serializers.Serializer[Any]):
    tasks = serializers.IntegerField()
    calls = serializers.IntegerField()
    linked = serializers.IntegerField()
    under_way = serializers.IntegerField()
    warm_up_calls = serializers.IntegerField()
    usd = serializers.FloatField(help_text="Of the contenders whose cost is known.")
    usd_known = serializers.BooleanField(help_text="Whether that is all of them.")
    seconds = serializers.FloatField(allow_null=True, help_text="Null: not known.")
    seconds_known = serializers.BooleanField(help_text="Whether all contenders were timed before.")
    problem = serializers.CharField(help_text="Why this run would be refused; empty if it would start.")
    warnings = serializers.ListField(child=serializers.CharField())
    rows = EstimateRowOut(many=True)


class RunQuery(Query):
    task_set = serializers.CharField(default="")
    state = serializers.ChoiceField(Run.State.choices, default="", allow_blank=True)


class RunList(GenericAPIView[Run]):
    scopes = {"GET": BROWSE, "POST": "evals:write"}
    serializer_class = RunOut

    def get_queryset(self) -> QuerySet[Run]:
        query = RunQuery.of(self.request)
        runs = Run.objects.select_related("version__task_set").prefetch_related("contenders")
        if query["task_set"]:
            runs = runs.filter(version__task_set__slug=query["task_set"])
        return runs.filter(state=query["state"]) if query["state"] else runs

    @extend_schema(operation_id="run_list", summary="Runs", parameters=[RunQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(RunOut(page, many=True).data)

    @extend_schema(operation_id="run_create", summary="Start a run", request=RunIn, responses={201: RunDetailOut})
    def post(self, request: Request) -> Response:
        given = RunIn(data=request.data)
        given.is_valid(raise_exception=True)
        user = request.user if isinstance(request.user, User) else None
        try:
            run = start_run(**given.options(), started_by=user)
        except RunError as error:
            raise serializers.ValidationError({error.field: [str(error)]}) from error
        wake.wake_workers()
        return Response(run_body(run), status=201)


class RunEstimate(APIView):
    """A reader's question, though it is posted: it has the body of a run."""

    scopes = {"POST": BROWSE}

    @extend_schema(
        operation_id="run_estimate",
        summary="What a run would ask, cost and take; starts nothing",
        request=RunIn,
        responses=EstimateOut,
    )
    def post(self, request: Request) -> Response:
        given = RunIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(EstimateOut(estimate(**given.options())).data)


class BudgetIn(Body):
    budget_usd = serializers.DecimalField(
        max_digits=12, decimal_places=4, allow_null=True, min_value=0, help_text="Null: no limit."
    )
    allow_unknown_costs = serializers.BooleanField(allow_null=True, default=None, help_text="Null: as before.")


class RetryIn(Body):
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.ChoiceField(ErrorCategory.choices),
        default=list,
        max_length=len(ErrorCategory),
        help_text="Only what failed with these; empty: everything that failed for good.",
    )


class _Steer(APIView):
    """Changes a run, and answers with it as it is then."""

    scopes = {"POST": "evals:write"}

    def steered(self, pk: int, act: Callable[[Run], object]) -> Response:
        run = Run.objects.select_related("version__task_set", "started_by").filter(pk=pk).first()
        if run is None:
            raise Http404
        try:
            act(run)
        except RunError as error:
            raise serializers.ValidationError({error.field: [str(error)]}) from error
        wake.wake_workers()
        run.refresh_from_db()
        return Response(run_body(run))


class RunPause(_Steer):
    @extend_schema(operation_id="run_pause", summary="Pause a run", request=None, responses=RunDetailOut)
    def post(self, request: Request, pk: int) -> Response:
        return self.steered(pk, lambda run: pause(run=run, reason=f"Paused by {_who(request)}."))


class RunResume(_Steer):
    @extend_schema(operation_id="run_resume", summary="Resume a paused run", request=None, responses=RunDetailOut)
    def post(self, request: Request, pk: int) -> Response:
        return self.steered(pk, lambda run: resume(run=run))


class RunStop(_Steer):
    @extend_schema(operation_id="run_stop", summary="Stop a run for good", request=None, responses=RunDetailOut)
    def post(self, request: Request, pk: int) -> Response:
        by = f"Stopped by {_who(request)}. Answers collected so far are kept."
        return self.steered(pk, lambda run: stop(run=run, reason=by))


class RunRetry(_Steer):
    @extend_schema(
        operation_id="run_retry", summary="Ask again for what failed", request=RetryIn, responses=RunDetailOut
    )
    def post(self, request: Request, pk: int) -> Response:
        given = RetryIn(data=request.data)
        given.is_valid(raise_exception=True)
        return self.steered(pk, lambda run: retry_failed(run=run, errors=given.validated_data["errors"]))


class RunBudget(_Steer):
    @extend_schema(operation_id="run_budget", summary="Change a run's budget", request=BudgetIn, responses=RunDetailOut)
    def post(self, request: Request, pk: int) -> Response:
        given = BudgetIn(data=request.data)
        given.is_valid(raise_exception=True)
        return self.steered(pk, lambda run: change_budget(run=run, **given.validated_data))


def _who(request: Request) -> str:
    return request.user.name if isinstance(request.user, User) else "a program"


class RunDetail(GenericAPIView[Run]):
    scopes = {"GET": BROWSE}
    serializer_class = RunDetailOut

    @extend_schema(operation_id="run", summary="One run, and how far it is")
    def get(self, request: Request, pk: int) -> Response:
        run = Run.objects.select_related("version__task_set", "started_by").filter(pk=pk).first()
        if run is None:
            raise Http404
        return Response(run_body(run))


def run_body(run: Run) -> dict[str, Any]:
    view = run_view(run)
    measured = {
        "progress": ProgressOut(view.progress).data,
        "spent_usd": float(view.spent_usd),
        "expected_usd": None if view.expected_usd is None else float(view.expected_usd),
        "unpriced": list(view.unpriced),
        "rows": RunRowOut(view.rows, many=True).data,
    }
    return {**RunOut(run).data, **measured}


class AttemptOut(serializers.ModelSerializer[Attempt]):
    class Meta:
        model = Attempt
        fields = (
            "n",
            "started_at",
            "ttft_ms",
            "latency_ms",
            "tokens_in",
            "tokens_out",
            "tokens_in_cached",
            "tokens_in_cache_written",
            "tokens_thinking",
            "cost_usd",
            "cost_source",
            "in_flight",
            "status_code",
            "error",
            "error_detail",
        )


class CheckOut(serializers.Serializer[Any]):
    type = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField()


class TurnOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    tool_calls = serializers.ListField(child=serializers.DictField())
    finish_reason = serializers.CharField()
    ttft_ms = serializers.FloatField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    tokens_in = serializers.IntegerField(allow_null=True)
    tokens_out = serializers.IntegerField(allow_null=True)
    cost_usd = serializers.FloatField(allow_null=True, help_text="Null: not known, never 0.")


class GenerationOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    task = serializers.IntegerField(source="task_id")
    category = serializers.CharField(source="task.category.slug")
    contender = serializers.CharField(source="contender.slug")
    sample = serializers.IntegerField()
    take = serializers.IntegerField()
    state = serializers.ChoiceField(Generation.State.choices)
    text = serializers.CharField(help_text="Of a conversation: of its last answer, as are calls and ending.")
    finish_reason = serializers.CharField()
    tool_calls = serializers.ListField(child=serializers.DictField())
    images = serializers.SerializerMethodField(help_text="Addresses of the answer's images, for the same token.")
    turns = TurnOut(
        many=True,
        help_text="Every answer of a conversation; empty if the task asks for one. Latency, tokens and cost of the "
        "generation are the sums over its turns, the time to the first token is the first turn's.",
    )
    error = serializers.ChoiceField(ErrorCategory.choices, allow_blank=True)
    error_detail = serializers.CharField()
    ttft_ms = serializers.FloatField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    gap_ms_p50 = serializers.FloatField(
        allow_null=True,
        help_text="Between the chunks in which the answer came; half of the gaps were at most this. Null: it came as a "
        "whole, or many tokens to a chunk.",
    )
    gap_ms_p95 = serializers.FloatField(allow_null=True, help_text="19 of 20 gaps were at most this.")
    chunks = serializers.IntegerField(allow_null=True, help_text="In how many chunks the answer came.")
    tokens_in = serializers.IntegerField(allow_null=True)
    tokens_out = serializers.IntegerField(allow_null=True)
    tokens_in_cached = serializers.IntegerField(allow_null=True, help_text="Of `tokens_in`.")
    tokens_in_cache_written = serializers.IntegerField(allow_null=True, help_text="Of `tokens_in`.")
    tokens_thinking = serializers.IntegerField(allow_null=True, help_text="Of `tokens_out`.")
    cost_usd = serializers.FloatField(allow_null=True, help_text="Null: not known, never 0.")
    cost_source = serializers.ChoiceField(CostSource.choices, allow_blank=True, help_text="Whose figure the cost is.")
    checks = CheckOut(many=True)
    refused = serializers.BooleanField()
    quarantine = serializers.CharField(help_text="Why no reviewer sees it; empty if they may.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_images(self, generation: Generation) -> list[str]:
        return image_addresses(self.context["request"], "api:generation-image", generation.pk, generation.images)


class GenerationDetailOut(GenerationOut):
    attempts = AttemptOut(many=True)


class GenerationQuery(Query):
    run = serializers.IntegerField(allow_null=True, default=None, min_value=1, max_value=2**63 - 1)
    task_set = serializers.CharField(default="", help_text="In its newest version.")
    category = serializers.CharField(default="")
    contender = serializers.CharField(default="")
    state = serializers.ChoiceField(Generation.State.choices, default="", allow_blank=True)


class GenerationList(GenericAPIView[Generation]):
    scopes = {"GET": "evals:read"}
    serializer_class = GenerationOut

    def get_queryset(self) -> QuerySet[Generation]:
        query = GenerationQuery.of(self.request)
        generations = Generation.objects.select_related("task__category", "contender")
        if query["run"] is not None:
            generations = generations.filter(run_items__run=query["run"])
        if query["task_set"]:
            newest = TaskSetVersion.objects.filter(task_set__slug=query["task_set"]).order_by("-n")[:1]
            tasks = TaskSetItem.objects.filter(version__in=list(newest)).values("task")
            generations = generations.filter(task__in=tasks)
        for name, lookup in (
            ("category", "task__category__slug"),
            ("contender", "contender__slug"),
            ("state", "state"),
        ):
            if query[name]:
                generations = generations.filter(**{lookup: query[name]})
        return generations

    @extend_schema(operation_id="generation_list", summary="Generations", parameters=[GenerationQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(GenerationOut(page, many=True, context={"request": request}).data)


class GenerationDetail(GenericAPIView[Generation]):
    scopes = {"GET": "evals:read"}
    serializer_class = GenerationDetailOut

    @extend_schema(operation_id="generation", summary="One generation, with every call made for it")
    def get(self, request: Request, pk: int) -> Response:
        found = Generation.objects.select_related("task__category", "contender").prefetch_related("attempts")
        generation = found.filter(pk=pk).first()
        if generation is None:
            raise Http404
        return Response(GenerationDetailOut(generation, context={"request": request}).data)


class GenerationImage(GenericAPIView[Generation]):
    scopes = {"GET": "evals:read"}
    queryset = Generation.objects.all()

    @extend_schema(
        operation_id="generation_image",
        summary="An image of an answer",
        responses={(200, "image/png"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int, n: int) -> HttpResponse:
        return image_response(nth(Generation.objects.filter(pk=pk).values_list("images", flat=True).first(), n))
