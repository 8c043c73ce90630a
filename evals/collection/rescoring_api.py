"""What of a run's answers passed its checks, and scoring stored answers again."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.accounts.tokens import BROWSE
from arena.models import User
from evals.collection.queries.check_rates import CheckRow, check_rates
from evals.collection.queries.rescores import newest_rescore
from evals.collection.rescoring import ask_rescore
from evals.models import Run, TaskSet

__all__ = ["RunChecks", "RunRescore", "TaskSetRescore"]


class RateOut(serializers.Serializer[Any]):
    passed = serializers.IntegerField()
    n = serializers.IntegerField()
    rate = serializers.FloatField()
    ci95 = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, help_text="Wilson's interval of the rate."
    )


class CheckRateOut(RateOut):
    type = serializers.CharField()


class CheckRowOut(serializers.Serializer[Any]):
    contender = serializers.CharField()
    category = serializers.CharField()
    success = RateOut(help_text="Of all calls that ended: an answer came, and all checks of its task pass.")
    checks = serializers.SerializerMethodField(help_text="By type, over the answers that came.")

    @extend_schema_field(CheckRateOut(many=True))
    def get_checks(self, row: CheckRow) -> list[dict[str, Any]]:
        return [{"type": kind, **RateOut(rate).data} for kind, rate in row.checks]


class RunChecksOut(serializers.Serializer[Any]):
    rows = CheckRowOut(many=True)


class RescoreOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    read = serializers.IntegerField(help_text="Answers scored again so far.")
    changed = serializers.IntegerField(help_text="Of these: answers whose verdicts changed.")
    now_pass = serializers.IntegerField(help_text="Answers that pass all checks now and did not before.")
    now_fail = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True, help_text="Null while it is under way.")


class RescoredOut(serializers.Serializer[Any]):
    last = RescoreOut(allow_null=True, help_text="Null if its answers were never scored again.")


class RunChecks(GenericAPIView[Run]):
    """It says how contenders answer, by name: what people who vote do not read."""

    scopes = {"GET": "evals:read"}
    serializer_class = RunChecksOut
    pagination_class = None

    @extend_schema(operation_id="run_checks", summary="How many answers of a run passed each check")
    def get(self, request: Request, pk: int) -> Response:
        return Response(RunChecksOut({"rows": check_rates(_run(pk))}).data)


class _Rescoring(APIView):
    scopes = {"GET": BROWSE, "POST": "evals:write"}

    def last(self, **of: Any) -> Response:
        return Response(RescoredOut({"last": newest_rescore(**of)}).data)

    def asked(self, request: Request, **of: Any) -> Response:
        who = request.user.name if isinstance(request.user, User) else "a program"
        rescore, new = ask_rescore(**of, who=who)
        return Response(RescoreOut(rescore).data, status=202 if new else 200)


_ASKED = {202: RescoreOut, 200: RescoreOut}


class RunRescore(_Rescoring):
    @extend_schema(
        operation_id="run_rescore_last", summary="The last time a run was scored again", responses=RescoredOut
    )
    def get(self, request: Request, pk: int) -> Response:
        return self.last(run=_run(pk))

    @extend_schema(
        operation_id="run_rescore",
        summary="Score a run's answers again, without asking for them again",
        request=None,
        responses=_ASKED,
    )
    def post(self, request: Request, pk: int) -> Response:
        return self.asked(request, run=_run(pk))


class TaskSetRescore(_Rescoring):
    @extend_schema(
        operation_id="task_set_rescore_last",
        summary="The last time a task set's answers were scored again",
        responses=RescoredOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.last(task_set=_task_set(slug))

    @extend_schema(
        operation_id="task_set_rescore",
        summary="Score all answers to a task set again, without asking for them again",
        request=None,
        responses=_ASKED,
    )
    def post(self, request: Request, slug: str) -> Response:
        return self.asked(request, task_set=_task_set(slug))


def _run(pk: int) -> Run:
    found = Run.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _task_set(slug: str) -> TaskSet:
    found = TaskSet.objects.filter(slug=slug).first()
    if found is None:
        raise Http404
    return found
