"""The policy by API: read, replaced as a whole, its versions; pinning a category's route, and lifting a pin. Scope
`routing:publish`, and a reason with each act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.api.problems import problem_response
from arena.api.serializers import Body, ReasonIn, actor
from arena.models import User
from routing.models import PolicyVersion
from routing.policy import services
from routing.policy.parse import PolicyError, parse
from routing.policy.pins import PinError
from routing.policy.references import notices
from routing.publishing import publisher
from routing.publishing.api.publish import PublishOut


class PolicyOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    reason = serializers.CharField()
    actor = serializers.CharField(help_text="Who saved it: a person, a token, the command line; empty for Arena.")
    created_at = serializers.DateTimeField()


class PolicyDocumentOut(PolicyOut):
    document = serializers.DictField(help_text="What a category does not say, every_category says.")


class PolicyIn(Body):
    document = serializers.JSONField(help_text="The whole policy.")
    reason = serializers.CharField(max_length=500, help_text="Others will read why it was saved.")
    base = serializers.IntegerField(
        min_value=0, help_text="The version this was made from, 0 for none. A newer one by now is a 409."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only say what it would publish.")


class NoticeOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    message = serializers.CharField()


class SavedOut(PolicyOut):
    notices = NoticeOut(many=True, help_text="What is allowed, but hardly meant.")


class PreviewOut(PublishOut):
    notices = NoticeOut(many=True)
    table = serializers.DictField(help_text="The table it would publish now, unsigned.")


class Policy(APIView):
    scopes = {"GET": "routing:publish", "PUT": "routing:publish"}

    @extend_schema(operation_id="routing_policy", summary="The policy in force", responses=PolicyDocumentOut)
    def get(self, request: Request) -> Response:
        return Response(PolicyDocumentOut(services.ensure_policy()).data)

    @extend_schema(
        operation_id="routing_policy_save",
        summary="Save a policy, or say what it would publish",
        description="The same rules again are no new version. Wrong fields are told all at once, by name.",
        request=PolicyIn,
        responses={200: SavedOut, 400: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )
    def put(self, request: Request) -> Response:
        given = PolicyIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        try:
            if asked["dry_run"]:
                return Response(_previewed(asked["document"]))
            made = services.save_policy(
                document=asked["document"],
                reason=asked["reason"],
                actor=request.user if isinstance(request.user, User) else None,
                by=actor(request),
                base=asked["base"],
            )
        except PolicyError as error:
            errors = [one._asdict() for one in error.errors]
            return problem_response(400, "Some fields of the policy must change; see errors.", errors=errors)
        except services.PolicyConflictError as error:
            return problem_response(409, str(error), newest=error.newest)
        return Response(PolicyOut(made).data | {"notices": _notices(made.document)})


class PolicyVersions(GenericAPIView[PolicyVersion]):
    scopes = {"GET": "routing:publish"}
    queryset = PolicyVersion.objects.all()
    serializer_class = PolicyDocumentOut

    @extend_schema(operation_id="routing_policy_list", summary="All policies with their reasons, newest first")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(PolicyDocumentOut(page, many=True).data)


def _previewed(document: Any) -> dict[str, Any]:
    result = publisher.preview_policy(document=document)
    return result.as_dict() | {"notices": _notices(document), "table": result.document}


def _notices(document: Any) -> list[dict[str, Any]]:
    return [one._asdict() for one in notices(parse(document))]


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
        errors = {one.field: [one.message] for one in error.errors}
        return problem_response(400, "The policy cannot have this pin; see errors.", errors=errors)
    except services.PolicyConflictError as error:
        return problem_response(409, str(error), newest=error.newest)
    return Response(PolicyOut(made).data)
