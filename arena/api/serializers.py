"""What every view of the API shares: bodies and queries that refuse what they do not know, and who acts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers
from rest_framework.request import Request

from arena.models import ApiToken, User
from arena.ui.wording import did_you_mean

__all__ = ["Body", "Query", "ReasonIn", "actor"]


class Query(serializers.Serializer[Any]):
    """The parameters of a list. A wrong value, or a parameter that is not known, is a 400 that names it: a
    misspelt filter must not answer with everything."""

    # Read by the paginator.
    _PAGING = ("cursor", "page_size", "format")

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        query = cls(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        unknown = set(request.query_params) - set(query.fields) - set(cls._PAGING)
        if unknown:
            known = ", ".join([*query.fields, "cursor", "page_size"])
            raise serializers.ValidationError({name: [f"Not known. Use: {known}."] for name in sorted(unknown)})
        return dict(query.validated_data)


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


class ReasonIn(Body):
    reason = serializers.CharField(max_length=500, help_text="Others will read why this was done.")


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
    guess = did_you_mean(shown, fields, otherwise=f"Known here: {', '.join(fields)}.")
    # Half a surrogate pair is a name in JSON, and cannot be written in the answer.
    return shown.encode(errors="backslashreplace").decode(), [f"Not known. {guess}"]


def actor(request: Request) -> str:
    """Who acts, for the history: a person's name, or the token's."""
    if isinstance(request.auth, ApiToken):
        return f"token {request.auth.name}"
    return request.user.name if isinstance(request.user, User) else "unknown"
