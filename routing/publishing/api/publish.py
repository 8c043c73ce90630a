"""Publishing, rolling back, freezing and lifting a freeze: scope `routing:publish`, and a reason with each."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.api.problems import problem_response
from arena.api.serializers import ReasonIn, actor
from routing.models import Decision
from routing.publishing import freezing, publisher, queries


class PublishIn(ReasonIn):
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen.")
    approve: serializers.Field[Any, Any, Any, Any] = serializers.DictField(
        child=serializers.CharField(max_length=120, allow_null=True),
        default=dict,
        error_messages={
            "not_a_dict": 'Write {{"route": "contender"}}, or null for the contender that is proposed; {{}} for none.'
        },
        help_text="Routes whose change waits for approval, by id, each with the contender it may go to, "
        "or null for the proposed one. One that would not go there is a 409, and nothing is published.",
    )


class RollbackIn(ReasonIn):
    to = serializers.IntegerField(min_value=1, help_text="The version whose decisions to publish again.")


class FreezeIn(ReasonIn):
    frozen = serializers.BooleanField(default=True, help_text="False lifts the freeze, as unfreeze does.")


class DecisionOut(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of the language, so the fields cannot be attributes.
        return {
            "category": serializers.CharField(),
            "outcome": serializers.ChoiceField(Decision.Outcome.choices),
            "from": serializers.CharField(allow_null=True),
            "to": serializers.CharField(allow_null=True),
            "reason": serializers.CharField(),
            "votes_to_go": serializers.IntegerField(allow_null=True),
        }


class WaitingOut(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "category": serializers.CharField(),
            "route": serializers.CharField(),
            "from": serializers.CharField(allow_null=True),
            "to": serializers.CharField(),
        }


class PublishOut(serializers.Serializer[Any]):
    published = serializers.BooleanField()
    version = serializers.IntegerField(allow_null=True, help_text="The newest afterwards.")
    cause = serializers.CharField(allow_null=True)
    frozen = serializers.CharField(help_text="Who froze publishing and why, if that kept something back.")
    decisions = DecisionOut(many=True)
    waiting = WaitingOut(many=True, help_text="What would change if a person approved.")


class FrozenOut(serializers.Serializer[Any]):
    frozen = serializers.BooleanField()
    by = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class Publish(APIView):
    scopes = {"POST": "routing:publish"}

    @extend_schema(
        operation_id="routing_publish", summary="Publish what changed", request=PublishIn, responses=PublishOut
    )
    def post(self, request: Request) -> Response:
        given = PublishIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        try:
            result = publisher.publish(
                actor=actor(request),
                reason=asked["reason"],
                dry_run=asked["dry_run"],
                approve=asked["approve"] or None,
            )
        except publisher.ApprovalError as error:
            return problem_response(409, str(error))
        return Response(result.as_dict())


class Rollback(APIView):
    scopes = {"POST": "routing:publish"}

    @extend_schema(
        operation_id="routing_rollback",
        summary="Publish an earlier version's decisions, and freeze",
        request=RollbackIn,
        responses=PublishOut,
    )
    def post(self, request: Request) -> Response:
        given = RollbackIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        try:
            result = publisher.rollback(to=asked["to"], reason=asked["reason"], actor=actor(request))
        except publisher.RollbackError as error:
            return problem_response(409, str(error))
        return Response(result.as_dict())


class Freeze(APIView):
    scopes = {"POST": "routing:publish"}

    @extend_schema(
        operation_id="routing_freeze",
        summary="Freeze publishing, or lift the freeze",
        request=FreezeIn,
        responses=FrozenOut,
    )
    def post(self, request: Request) -> Response:
        given = FreezeIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        act = freezing.freeze if asked["frozen"] else freezing.unfreeze
        act(reason=asked["reason"], actor=actor(request))
        return Response(queries.freeze_state())


class Unfreeze(APIView):
    scopes = {"POST": "routing:publish"}

    @extend_schema(
        operation_id="routing_unfreeze",
        summary="Lift the freeze",
        description="Where nothing is frozen, nothing is done.",
        request=ReasonIn,
        responses=FrozenOut,
    )
    def post(self, request: Request) -> Response:
        given = ReasonIn(data=request.data)
        given.is_valid(raise_exception=True)
        freezing.unfreeze(reason=given.validated_data["reason"], actor=actor(request))
        return Response(queries.freeze_state())
