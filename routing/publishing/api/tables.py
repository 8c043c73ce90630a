"""Reading tables: the newest, the history, what changed, the schema, the keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from arena.api.problems import problem_response
from evals.voting.queries.blinding import blinding_of
from routing.decisions import history
from routing.gateways import FORMATS, export
from routing.models import RoutingTable
from routing.publishing import queries, signing
from routing.publishing.api.base import TableView, as_response, reads_are_public
from routing.publishing.schema import table_schema
from routing.publishing.serving import LATEST, NOT_PUBLISHED, Served, problem, respond

_FORMAT = OpenApiParameter(
    "format",
    enum=["json", *FORMATS],
    description="`json`, the default: the stored bytes. The others: the same table in a gateway's format, unsigned; "
    "each names the version it came from, and what it cannot express.",
)
_FORMATTED = {
    (200, "application/json"): OpenApiTypes.OBJECT,
    (200, "application/yaml"): OpenApiTypes.STR,
}


def _answered(request: Request, version: int | None, missing: Callable[[], str]) -> HttpResponse:
    """The table, or the newest, in the format that was asked for."""
    wanted = request.query_params.get("format", "json")
    head = request.method == "HEAD"
    if wanted in FORMATS:
        table = queries.table(version)
        return as_response(problem(404, missing(), head=head)) if table is None else _exported(request, table, wanted)
    if wanted != "json":
        known = ", ".join(f"format={name}" for name in FORMATS)
        detail = f"There is no format {wanted!r}. Leave format out for the table itself, or say {known}."
        return as_response(problem(400, detail, head=head))
    served = queries.served(version, public=reads_are_public())
    return _served(request, served, "" if served else missing())


def _exported(request: Request, table: queries.TableView, name: str) -> HttpResponse:
    """Cached no longer than the newest table is, whatever the version: a newer Arena may write more."""
    kind = FORMATS[name]
    body = export(name, table.body).text.encode()
    version = str(table.line.version)
    response = HttpResponse(body, content_type=kind.media_type)
    response["Content-Disposition"] = f'inline; filename="routing-table-{version}-{name}.{kind.suffix}"'
    response["Cache-Control"] = f"{'public' if reads_are_public() else 'private'}, {LATEST}"
    response["Vary"] = "Accept-Encoding, Authorization"
    response["ETag"] = f'"sha256:{hashlib.sha256(body).hexdigest()}"'
    answer = get_conditional_response(request, etag=response["ETag"], response=response) or response
    answer["Arena-Table-Version"] = version
    return answer


def _served(request: Request, table: Served | None, missing: str) -> HttpResponse:
    head = request.method == "HEAD"
    if table is None:
        return as_response(problem(404, missing, head=head))
    return as_response(
        respond(
            table,
            head=head,
            if_none_match=request.headers.get("If-None-Match"),
            accept_encoding=request.headers.get("Accept-Encoding"),
        )
    )


def _no_version(*versions: int) -> str:
    none = " and ".join(f"no version {version}" for version in versions)
    return f"There is {none}. The newest is {queries.newest_version() or 'not published yet'}."


class Latest(TableView):
    @extend_schema(
        operation_id="routing_latest",
        summary="The live routing table",
        description="The stored bytes, with a strong ETag over them, the version and the signature in headers.",
        parameters=[_FORMAT],
        responses=_FORMATTED,
    )
    def get(self, request: Request) -> HttpResponse:
        return _answered(request, None, lambda: NOT_PUBLISHED)


class Version(TableView):
    @extend_schema(
        operation_id="routing_version",
        summary="One version, for ever the same",
        parameters=[_FORMAT],
        responses=_FORMATTED,
    )
    def get(self, request: Request, version: int) -> HttpResponse:
        return _answered(request, version, lambda: _no_version(version))


class VersionOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    cause = serializers.ChoiceField(RoutingTable.Cause.choices)
    reason = serializers.CharField()
    actor = serializers.CharField(help_text="Who published: a person, a token, or automatic.")
    policy = serializers.IntegerField(source="policy_id")
    rolled_back_to = serializers.IntegerField(allow_null=True)
    published_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    sha256 = serializers.CharField()
    decision_digest = serializers.CharField()


class Versions(TableView, GenericAPIView[RoutingTable]):
    queryset = RoutingTable.objects.defer("body")
    serializer_class = VersionOut

    @extend_schema(operation_id="routing_version_list", summary="All versions and their causes, newest first")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(VersionOut(page, many=True).data)


class DiffQuery(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of the language, so the fields cannot be attributes.
        return {
            "from": serializers.IntegerField(min_value=1),
            "to": serializers.IntegerField(min_value=1),
        }


class Diff(TableView):
    @extend_schema(
        operation_id="routing_diff",
        summary="What one version decides otherwise than another",
        description="Changes per category, each with the decision that caused it: reason, numbers, leaderboard. For a "
        "signed-in reviewer, `decision` is null in the categories they vote in.",
        parameters=[DiffQuery],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        query = DiffQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        older, newer = query.validated_data["from"], query.validated_data["to"]
        changes = queries.tables_between(older, newer)
        if changes is None:
            asked = dict.fromkeys((older, newer))
            missing = [one for one in asked if not RoutingTable.objects.filter(version=one).exists()]
            return problem_response(404, _no_version(*missing))
        # With the session's person, if there is one, also where reading is public.
        blinding = blinding_of(request._request.user)
        causes = {
            category: decision
            for category, decision in history.decisions_between(older, newer).items()
            if not blinding.hides(category)
        }
        groups: dict[str, Any] = {}
        for change in changes:
            group = groups.setdefault(change.group, {"changes": [], "decision": causes.get(change.group)})
            group["changes"].append(
                {"where": change.where, "field": change.field, "before": change.before, "after": change.after}
            )
        apart = ("models", "policy", "on_expired", "default")
        return Response(
            {
                "from": older,
                "to": newer,
                "categories": {name: group for name, group in groups.items() if name not in apart},
                **{name: groups[name]["changes"] if name in groups else [] for name in apart},
            }
        )


class Schema(TableView):
    @extend_schema(
        operation_id="routing_schema", summary="JSON Schema of the routing table", responses=OpenApiTypes.OBJECT
    )
    def get(self, request: Request) -> Response:
        return Response(table_schema(), content_type="application/schema+json")


class Keys(TableView):
    @extend_schema(
        operation_id="routing_keys",
        summary="Public keys that check signatures (JWK set)",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        return Response(signing.jwk_set())
