"""Quarantine cases, and deciding them. They name contender and text together: not for reviewers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.api.serializers import Body, Query, actor
from arena.models import User
from evals.collection.quarantine.cases import DecisionError, confirm, release
from evals.collection.quarantine.queries import CaseFilter, cases
from evals.models import QuarantineAct, QuarantineCase
from evals.models.votes import pseudonym


class QuarantineCaseOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(
        QuarantineCase.State.choices, help_text="The answer is out while its case is open or confirmed."
    )
    generation = serializers.IntegerField(source="generation_id", help_text="The answer; `generations` has its text.")
    category = serializers.CharField(source="category.slug")
    contender = serializers.CharField(source="contender.slug")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        QuarantineCase.Source.choices, help_text="Whether Arena found it or a reviewer reported it."
    )
    why = serializers.CharField()
    reporter = serializers.SerializerMethodField(help_text="A pseudonym, as in `votes`; null unless reported.")
    opened_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(help_text="Who decided last; empty while it is open.")
    decision = serializers.CharField(help_text="Why it was decided so.")

    def get_reporter(self, case: QuarantineCase) -> str | None:
        return None if case.reporter_id is None else pseudonym(case.reporter_id)


class QuarantineActOut(serializers.ModelSerializer[QuarantineAct]):
    who = serializers.SerializerMethodField(help_text="A person, a token, Arena, or a reviewer's pseudonym.")

    class Meta:
        model = QuarantineAct
        fields = ("kind", "who", "why", "at")

    def get_who(self, act: QuarantineAct) -> str:
        return act.who if act.ballot is None else pseudonym(act.ballot.reviewer_id)


class QuarantineCaseDetailOut(QuarantineCaseOut):
    acts = QuarantineActOut(many=True, help_text="All that happened to the case, in order.")


class QuarantineQuery(Query):
    state = serializers.ChoiceField(QuarantineCase.State.choices, default="", allow_blank=True)
    category = serializers.CharField(default="")
    contender = serializers.CharField(default="")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        QuarantineCase.Source.choices, default="", allow_blank=True
    )


class QuarantineDecisionIn(Body):
    reason = serializers.CharField(max_length=255, help_text="Others will read why this was decided.")


class QuarantineList(GenericAPIView[QuarantineCase]):
    scopes = {"GET": "evals:read"}
    serializer_class = QuarantineCaseOut

    def get_queryset(self) -> QuerySet[QuarantineCase]:
        wanted = CaseFilter(**QuarantineQuery.of(self.request))
        return cases(wanted).select_related("category", "contender")

    @extend_schema(operation_id="quarantine_list", summary="Answers kept from reviewers", parameters=[QuarantineQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(QuarantineCaseOut(page, many=True).data)


class QuarantineDetail(GenericAPIView[QuarantineCase]):
    scopes = {"GET": "evals:read"}
    serializer_class = QuarantineCaseDetailOut

    @extend_schema(operation_id="quarantine_case", summary="One case, with all that happened to it")
    def get(self, request: Request, pk: int) -> Response:
        return Response(_body(pk))


class _Decide(APIView):
    scopes = {"POST": "evals:write"}

    def decided(self, request: Request, pk: int, act: Callable[..., QuarantineCase]) -> Response:
        given = QuarantineDecisionIn(data=request.data)
        given.is_valid(raise_exception=True)
        case = QuarantineCase.objects.filter(pk=pk).first()
        if case is None:
            raise Http404
        user = request.user if isinstance(request.user, User) else None
        try:
            act(case=case, reason=given.validated_data["reason"], who=actor(request), user=user)
        except DecisionError as error:
            raise serializers.ValidationError({"state": [str(error)]}) from error
        return Response(_body(pk))


class QuarantineRelease(_Decide):
    @extend_schema(
        operation_id="quarantine_release",
        summary="Show the answer to reviewers again",
        request=QuarantineDecisionIn,
        responses=QuarantineCaseDetailOut,
    )
    def post(self, request: Request, pk: int) -> Response:
        return self.decided(request, pk, release)


class QuarantineConfirm(_Decide):
    @extend_schema(
        operation_id="quarantine_confirm",
        summary="Keep the answer from reviewers",
        request=QuarantineDecisionIn,
        responses=QuarantineCaseDetailOut,
    )
    def post(self, request: Request, pk: int) -> Response:
        return self.decided(request, pk, confirm)


def _body(pk: int) -> dict[str, Any]:
    found = QuarantineCase.objects.select_related("category", "contender").prefetch_related("acts__ballot")
    case = found.filter(pk=pk).first()
    if case is None:
        raise Http404
    return dict(QuarantineCaseDetailOut(case).data)
