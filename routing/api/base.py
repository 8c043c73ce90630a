"""What routing's API views share."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from itertools import islice
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from arena.access.tokens import HasScope
from arena.models import ApiToken, User
from routing.tables.serving import Answer

__all__ = ["Body", "MayReadTables", "TableView", "actor", "as_response", "reads_are_public"]

# So many names of a body are told to be unknown; a guess at each takes its time.
_MOST_UNKNOWN = 20
_LONGEST_NAME = 60


class Body(serializers.Serializer[Any]):
    """What is sent, refused where it holds a field that is not known: `localonly` would let a private text out."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = _unknown(data, list(self.fields)) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**unknown, **serializers.as_serializer_error(error)}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return values


class ClosedSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Says of every `Body` in the OpenAPI schema that it takes no other fields."""

    target_class = Body
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**mapped, "additionalProperties": False}


def _unknown(data: Mapping[Any, Any], fields: list[str]) -> dict[str, list[str]]:
    strange = islice((str(name) for name in data if name not in fields), _MOST_UNKNOWN)
    return dict(_refused(name, fields) for name in strange)


def _refused(name: str, fields: list[str]) -> tuple[str, list[str]]:
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    near = difflib.get_close_matches(shown, fields, n=1)
    guess = f"Is it {near[0]}?" if near else f"Known here: {', '.join(fields)}."
    # Half a surrogate pair is a name in JSON, and cannot be written in the answer.
    return shown.encode(errors="backslashreplace").decode(), [f"Not known. {guess}"]


def reads_are_public() -> bool:
    return bool(settings.ARENA_ROUTING_READ == "public")


class MayReadTables(HasScope):
    """`ARENA_ROUTING_READ=public` lets anybody read what is published."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return reads_are_public() or super().has_permission(request, view)


class TableView(APIView):
    """Answers with stored bytes or small JSON, whatever `Accept` and `?format=` say."""

    scopes = {"GET": "routing:read", "POST": "routing:read"}
    permission_classes = [MayReadTables]

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Where reading is public, a token that is wrong or old keeps nobody from it."""
        return [] if reads_are_public() else super().get_authenticators()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)


def as_response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    return response


def actor(request: Request) -> str:
    """Who acts, for the history: a person's name, or the token's."""
    if isinstance(request.auth, ApiToken):
        return f"token {request.auth.name}"
    return request.user.name if isinstance(request.user, User) else "unknown"
