"""`POST routing/select`: the decision the client would make, made here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from arena.api.problems import problem_response
from arena.api.serializers import Body
from arena.ui.wording import did_you_mean
from routing.policy.kinds import Choice, Many, Number, Rule, Text
from routing.policy.schema import FACTS, Ask
from routing.publishing import queries
from routing.publishing.api.base import TableView
from routing.publishing.selection import NoEligibleModel, select
from routing.publishing.serving import NOT_PUBLISHED


class AskIn(Body):
    """What a request is like. Leave out what is not known: no condition on it holds then."""

    category = serializers.CharField(max_length=80)
    prompt = serializers.CharField(default=None, allow_null=True, allow_blank=True, trim_whitespace=False)
    messages: serializers.Field[Any, Any, Any, Any] = serializers.ListField(
        child=serializers.DictField(), default=None, allow_null=True
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Whatever a condition may ask of a request, as the policy's schema declares it."""
        return super().get_fields() | {name: _field(one, getattr(Ask, name)) for name, one in FACTS.items()}


def _field(one: Rule, default: Any) -> serializers.Field[Any, Any, Any, Any]:
    kind = one.kind
    if isinstance(kind, Many):
        return serializers.ListField(child=serializers.CharField(max_length=60), default=list)
    unsaid: dict[str, Any] = {"default": default} | ({"allow_null": True} if default is None else {})
    if isinstance(kind, Number):
        if kind.whole:
            return serializers.IntegerField(min_value=None if kind.ge is None else int(kind.ge), **unsaid)
        return serializers.FloatField(min_value=kind.ge, **unsaid)
    if isinstance(kind, Choice):
        return serializers.ChoiceField([*kind.words], **unsaid)
    if isinstance(kind, Text):
        return serializers.CharField(max_length=kind.longest, **unsaid)
    return serializers.BooleanField(**unsaid)


class SelectionOut(serializers.Serializer[Any]):
    model = serializers.CharField(help_text="The contender's slug.")
    fallbacks: serializers.Field[Any, Any, Any, Any] = serializers.ListField(child=serializers.CharField())
    escalate_to = serializers.CharField(allow_null=True)
    route_id = serializers.CharField()
    table_version = serializers.IntegerField()
    reason = serializers.CharField()
    unmet: serializers.Field[Any, Any, Any, Any] = serializers.ListField(
        child=serializers.CharField(), help_text="Budgets that gave way."
    )
    stale = serializers.BooleanField(help_text="The table has expired and is used as the last good one.")
    target = serializers.DictField(help_text="What to call: provider, base_url, model_name, settings.")


class Select(TableView):
    @extend_schema(
        operation_id="routing_select",
        summary="Choose a contender for a request",
        request=AskIn,
        responses=SelectionOut,
    )
    def post(self, request: Request) -> Response:
        given = AskIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = dict(given.validated_data)
        newest = queries.table()
        if newest is None:
            return problem_response(404, NOT_PUBLISHED)
        try:
            chosen = select(newest.document, Ask(**(asked | {"needs": frozenset(asked["needs"])})), now=timezone.now())
        except NoEligibleModel as error:
            told = f"{error}{_guess(asked['category'], newest.document['categories'])}"
            return problem_response(422, told, error="NoEligibleModel")
        return Response(asdict(chosen))


def _guess(category: str, known: Iterable[str]) -> str:
    """What to add where the category may be spelt wrong: a sentence, or nothing."""
    names = list(known)
    guess = "" if category in names else did_you_mean(category, names)
    return guess and f" The table has no category “{category}”. {guess}"
