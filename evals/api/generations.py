"""Answers and what was measured of them. They name contender and text together, so they need `evals:read`, which
reviewers do not have."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from evals.api.base import Query
from evals.models import Attempt, Generation, TaskSetItem, TaskSetVersion
from evals.models.generations import ErrorCategory


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
            "cost_usd",
            "status_code",
            "error",
            "error_detail",
        )


class CheckOut(serializers.Serializer[Any]):
    type = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField()


class GenerationOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    task = serializers.IntegerField(source="task_id")
    category = serializers.CharField(source="task.category.slug")
    contender = serializers.CharField(source="contender.slug")
    sample = serializers.IntegerField()
    take = serializers.IntegerField()
    state = serializers.ChoiceField(Generation.State.choices)
    text = serializers.CharField()
    finish_reason = serializers.CharField()
    tool_calls = serializers.ListField(child=serializers.DictField())
    error = serializers.ChoiceField(ErrorCategory.choices, allow_blank=True)
    error_detail = serializers.CharField()
    ttft_ms = serializers.FloatField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    tokens_in = serializers.IntegerField(allow_null=True)
    tokens_out = serializers.IntegerField(allow_null=True)
    cost_usd = serializers.FloatField(allow_null=True, help_text="Null: not known, never 0.")
    checks = CheckOut(many=True)
    refused = serializers.BooleanField()
    quarantine = serializers.CharField(help_text="Why no reviewer sees it; empty if they may.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


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
        asked = GenerationQuery.of(self.request)
        generations = Generation.objects.select_related("task__category", "contender")
        if asked["run"] is not None:
            generations = generations.filter(run_items__run=asked["run"])
        if asked["task_set"]:
            newest = TaskSetVersion.objects.filter(task_set__slug=asked["task_set"]).order_by("-n")[:1]
            tasks = TaskSetItem.objects.filter(version__in=list(newest)).values("task")
            generations = generations.filter(task__in=tasks)
        for name, lookup in (
            ("category", "task__category__slug"),
            ("contender", "contender__slug"),
            ("state", "state"),
        ):
            if asked[name]:
                generations = generations.filter(**{lookup: asked[name]})
        return generations

    @extend_schema(operation_id="generation_list", summary="Generations", parameters=[GenerationQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(GenerationOut(page, many=True).data)


class GenerationDetail(GenericAPIView[Generation]):
    scopes = {"GET": "evals:read"}
    serializer_class = GenerationDetailOut

    @extend_schema(operation_id="generation", summary="One generation, with every call made for it")
    def get(self, request: Request, pk: int) -> Response:
        found = Generation.objects.select_related("task__category", "contender").prefetch_related("attempts")
        generation = found.filter(pk=pk).first()
        if generation is None:
            raise Http404
        return Response(GenerationDetailOut(generation).data)
