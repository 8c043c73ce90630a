"""Bake-offs and their reports. They name contenders beside figures that move with votes, so they need `evals:read`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from arena.api.serializers import Query
from evals.bake_offs.queries import reports
from evals.bake_offs.report import summary
from evals.bake_offs.services import schedule_of
from evals.collection.schedules import EVERY
from evals.models import BakeOff, BakeOffReport

__all__ = ["BakeOffList", "BakeOffReportDetail", "BakeOffReportList"]


class NewcomerRuleOut(serializers.Serializer[Any]):
    provider = serializers.CharField(source="newcomers_from.slug")
    include = serializers.CharField(help_text="Patterns of names, separated by commas; empty: every name.")
    exclude = serializers.CharField()
    most_usd_per_mtok_input = serializers.FloatField(source="most_usd_input", allow_null=True)
    most_usd_per_mtok_output = serializers.FloatField(source="most_usd_output", allow_null=True)
    most_at_a_time = serializers.IntegerField(source="most_newcomers")
    only_newly_listed = serializers.BooleanField()


class BakeOffOut(serializers.Serializer[Any]):
    task_set = serializers.CharField(source="task_set.slug")
    every = serializers.SerializerMethodField(help_text="In words; empty: it is not scheduled any more.")
    next_at = serializers.SerializerMethodField()
    contenders = serializers.ChoiceField(BakeOff.Contenders.choices)
    samples = serializers.IntegerField()
    budget_usd = serializers.FloatField(allow_null=True, help_text="Of each time. Null: no limit.")
    allow_unknown_costs = serializers.BooleanField()
    warm_up_calls = serializers.IntegerField(allow_null=True)
    newcomers = serializers.SerializerMethodField(help_text="The rule by which models join; null: none do.")

    def get_every(self, bake_off: BakeOff) -> str:
        row = schedule_of(bake_off)
        return EVERY.get(row.schedule_type, "") if row is not None else ""

    def get_next_at(self, bake_off: BakeOff) -> str | None:
        row = schedule_of(bake_off)
        return row.next_run.isoformat() if row is not None and row.next_run else None

    @extend_schema_field(NewcomerRuleOut(allow_null=True))
    def get_newcomers(self, bake_off: BakeOff) -> Any:
        return NewcomerRuleOut(bake_off).data if bake_off.newcomers_from else None


class BakeOffReportOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    task_set = serializers.CharField(source="round.bake_off.task_set.slug")
    n = serializers.IntegerField(source="round.n", help_text="Which time of this bake-off it was.")
    state = serializers.ChoiceField(BakeOffReport.State.choices)
    run = serializers.IntegerField(source="round.run_id", allow_null=True)
    created_at = serializers.DateTimeField()
    summary = serializers.SerializerMethodField(help_text="What changed, in sentences.")

    def get_summary(self, report: BakeOffReport) -> list[str]:
        return summary(report.document)


class BakeOffReportDetailOut(BakeOffReportOut):
    document = serializers.JSONField(help_text="`bake-off-report/v1`: everything the page shows. Never changed.")


class ReportQuery(Query):
    task_set = serializers.CharField(default="")
    state = serializers.ChoiceField(BakeOffReport.State.choices, default="", allow_blank=True)


class BakeOffList(GenericAPIView[BakeOff]):
    scopes = {"GET": "evals:read"}
    serializer_class = BakeOffOut

    def get_queryset(self) -> QuerySet[BakeOff]:
        Query.of(self.request)
        return BakeOff.objects.select_related("task_set", "newcomers_from").order_by("-pk")

    @extend_schema(operation_id="bake_off_list", summary="Bake-offs, with when they are due and which models join")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(BakeOffOut(page, many=True).data)


class BakeOffReportList(GenericAPIView[BakeOffReport]):
    scopes = {"GET": "evals:read"}
    serializer_class = BakeOffReportOut

    def get_queryset(self) -> QuerySet[BakeOffReport]:
        query = ReportQuery.of(self.request)
        found = reports()
        if query["task_set"]:
            found = found.filter(round__bake_off__task_set__slug=query["task_set"])
        return found.filter(state=query["state"]) if query["state"] else found

    @extend_schema(operation_id="bake_off_report_list", summary="Reports of bake-offs", parameters=[ReportQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(BakeOffReportOut(page, many=True).data)


class BakeOffReportDetail(GenericAPIView[BakeOffReport]):
    scopes = {"GET": "evals:read"}
    serializer_class = BakeOffReportDetailOut

    @extend_schema(operation_id="bake_off_report", summary="One report of a bake-off, whole")
    def get(self, request: Request, pk: int) -> Response:
        found = reports().filter(pk=pk).first()
        if found is None:
            raise Http404
        return Response(BakeOffReportDetailOut(found).data)
