"""Pinning a category's route to a contender, and lifting a pin: scope `routing:publish`, and a reason with each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.access.api import problem_response
from arena.models import User
from routing import services
from routing.api.acts import ReasonIn
from routing.api.base import actor
from routing.api.policy import PolicyOut
from routing.models import PolicyVersion
from routing.policies import PolicyError
from routing.policies.pins import PinError

ANSWERS: Any = {200: PolicyOut, 400: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT}


class UnpinIn(ReasonIn):
    category = serializers.CharField(max_length=80)
    route = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="The route's name in the policy, empty for the one without. Left out: the one that always holds.",
    )
    base = serializers.IntegerField(
        required=False, min_value=0, help_text="The policy this was made from, 0 for none. A newer one by now is a 409."
    )


class PinIn(UnpinIn):
    contender = serializers.CharField(max_length=120, help_text="Its slug.")


class Pin(APIView):
    scopes = {"POST": "routing:publish"}

    @extend_schema(
        operation_id="routing_pin",
        summary="Pin a category's route to a contender",
        description="A new version of the policy, within whose limits a pin goes before the votes.",
        request=PinIn,
        responses=ANSWERS,
    )
    def post(self, request: Request) -> Response:
        return _answered(request, PinIn, services.pin)


class Unpin(APIView):
    scopes = {"POST": "routing:publish"}

    @extend_schema(
        operation_id="routing_unpin",
        summary="Lift a pin, so that votes may switch the route again",
        request=UnpinIn,
        responses=ANSWERS,
    )
    def post(self, request: Request) -> Response:
        return _answered(request, UnpinIn, services.unpin)


def _answered(request: Request, form: type[UnpinIn], act: Callable[..., PolicyVersion]) -> Response:
    given = form(data=request.data)
    given.is_valid(raise_exception=True)
    person = request.user if isinstance(request.user, User) else None
    try:
        made = act(**given.validated_data, actor=person, by=actor(request))
    except PinError as error:
        if not error.field:
            return problem_response(409, str(error))
        return problem_response(400, str(error), errors={error.field: [str(error)]})
    except PolicyError as error:
        told = {one.field: [one.message] for one in error.errors}
        return problem_response(400, "The policy cannot have this pin; see errors.", errors=told)
    except services.PolicyConflictError as error:
        return problem_response(409, str(error), newest=error.newest)
    return Response(PolicyOut(made).data)
