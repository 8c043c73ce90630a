"""What services report of their requests, and what it adds up to beside what evaluation measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.api.defaults import BodyTooLarge
from arena.api.problems import problem_response
from arena.api.serializers import actor
from routing.outcomes import services
from routing.outcomes.batch import MOST_BYTES, MOST_OUTCOMES, BatchError, batch_schema, read
from routing.outcomes.queries import DAYS, MOST_DAYS, MOST_OTHERS, reports
from routing.outcomes.report import Line, Reported
from routing.publishing import queries


class BatchBody(BaseParser):
    """The bytes as they came: they are decoded and checked at once, which is why."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # what becomes request.data is the view's own matter
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        body: bytes = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise BodyTooLarge(f"The body is larger than {MOST_BYTES // 1024**2} MiB. Send several batches.")
        return body


class StoredOut(serializers.Serializer[Any]):
    stored = serializers.IntegerField(help_text="Outcomes that are new.")
    repeated = serializers.IntegerField(help_text="Outcomes whose ids were known, or came twice in this batch.")


class DaysQuery(serializers.Serializer[Any]):
    days = serializers.IntegerField(
        default=DAYS,
        min_value=1,
        max_value=MOST_DAYS,
        help_text=f"Up to today, UTC; {MOST_DAYS} at most.",
        error_messages={"max_value": f"At most {MOST_DAYS} days are added up in one answer."},
    )


class TimesOut(serializers.Serializer[Any]):
    p95 = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class MeasuredOut(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    latency_ms = TimesOut()
    ttft_ms = TimesOut()
    usd_per_success = serializers.FloatField(allow_null=True)


class TokensOut(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    n = serializers.IntegerField(help_text="Requests that told theirs.")


class ReportedOut(MeasuredOut):
    """`n` is the number of requests; times are within 2.5%, of those that succeeded."""

    succeeded = serializers.IntegerField()
    success_ci95: serializers.Field[Any, Any, Any, Any] = serializers.ListField(child=serializers.FloatField())
    tokens = TokensOut()


class LineOut(serializers.Serializer[Any]):
    model = serializers.CharField()
    place = serializers.ChoiceField(
        ["first", "else", "then", "escalation", "other"], help_text="In the route; `other`: it is no longer in it."
    )
    reported = ReportedOut(allow_null=True, help_text="Null: nobody reported it.")
    measured = MeasuredOut(allow_null=True, help_text="The table's evidence.")
    differs: serializers.Field[Any, Any, Any, Any] = serializers.ListField(
        child=serializers.CharField(), help_text="How the reported plainly differs, such as `slower`."
    )


class LeftOutOut(serializers.Serializer[Any]):
    models = serializers.IntegerField(help_text="How many.")
    requests = serializers.IntegerField(help_text="Of all of them.")


class RouteOut(serializers.Serializer[Any]):
    route_id = serializers.CharField()
    category = serializers.CharField(allow_null=True, help_text="Null: the table's default.")
    models = LineOut(
        many=True, help_text=f"The route's contenders, then of `other` models the {MOST_OTHERS} with most requests."
    )
    left_out = LeftOutOut(help_text="Other models that are not among `models`.")


class ReportsOut(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    since = serializers.DateField()
    table_version = serializers.IntegerField(allow_null=True)
    routes = RouteOut(many=True)
    elsewhere = serializers.IntegerField(help_text="Requests on routes that the live table has not.")
    difference = serializers.CharField(help_text="The rule behind `differs`.")


class Outcomes(APIView):
    # Never public, not even where tables are: how much is asked, and what it costs, is the team's own.
    scopes = {"GET": "routing:read", "POST": "outcomes:write"}
    parser_classes = [BatchBody]

    @extend_schema(
        operation_id="routing_outcomes",
        summary="What services reported, beside what evaluation measured",
        parameters=[DaysQuery],
        responses=ReportsOut,
    )
    def get(self, request: Request) -> Response:
        query = DaysQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        table = queries.table()
        found = reports(table.document if table else None, days=query.validated_data["days"])
        return Response(
            {
                "days": found.days,
                "since": found.since,
                "table_version": table.line.version if table else None,
                "routes": [
                    {
                        "route_id": route.route_id,
                        "category": route.category or None,
                        "models": [_line(line) for line in route.lines],
                        "left_out": {"models": route.left_out.models, "requests": route.left_out.requests},
                    }
                    for route in found.routes.values()
                ],
                "elsewhere": found.elsewhere,
                "difference": found.difference,
            }
        )

    @extend_schema(
        operation_id="routing_outcomes_report",
        summary="Report what became of requests",
        description=f"At most {MOST_OUTCOMES:,} outcomes and {MOST_BYTES // 1024**2} MiB. Send a batch again where no "
        "answer came: an id that is known is not counted twice. If any outcome is wrong nothing is stored, and "
        "`errors` names each place.",
        request={"application/json": batch_schema()},
        responses=StoredOut,
    )
    def post(self, request: Request) -> Response:
        body = request.data if isinstance(request.data, bytes) else b""  # without a body nothing is parsed
        try:
            batch = read(body, window=services.window(timezone.now()))
        except BatchError as error:
            return problem_response(400, _refused(error), errors=[fault._asdict() for fault in error.faults])
        return Response(services.store(outcomes=batch, reported_by=actor(request))._asdict())


def _refused(error: BatchError) -> str:
    """The first fault stands in front: clients log the beginning."""
    if error.total == 1:
        return f"{error} Nothing of this batch was stored."
    kept = f"; errors has the first {len(error.faults)}" if error.total > len(error.faults) else ""
    return f"{error} Nothing of this batch was stored: {error.total:,} places are wrong{kept}."


def _line(line: Line) -> dict[str, Any]:
    return {
        "model": line.model,
        "place": line.place,
        "reported": line.reported and _reported(line.reported),
        "measured": line.measured
        and {
            "n": line.measured["n"],
            "success_rate": line.measured["success_rate"],
            "latency_ms": _times(line.measured["latency_ms"]),
            "ttft_ms": _times(line.measured["ttft_ms"]),
            "usd_per_success": line.measured["usd_per_success"],
        },
        "differs": [figure.word for figure in line.differing],
    }


def _times(spread: Mapping[str, Any]) -> dict[str, Any]:
    return {"p95": spread["p95"], "n": spread["n"]}


def _reported(reported: Reported) -> dict[str, Any]:
    return {
        "n": reported.requests,
        "succeeded": reported.succeeded,
        "success_rate": reported.success_rate,
        "success_ci95": reported.success_ci95,
        "latency_ms": {"p95": reported.latency.percentile(0.95), "n": reported.latency.n},
        "ttft_ms": {"p95": reported.ttft.percentile(0.95), "n": reported.ttft.n},
        "tokens": {"total": reported.tokens, "n": reported.tokens_told},
        "usd_per_success": reported.usd_per_success,
    }
