"""Preferences for training, by the API."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from arena.api.serializers import Query
from evals.battles.filters import NAMES, VERDICTS, read_filters
from evals.battles.preferences import preference_lines
from evals.models import Vote


class PreferenceQuery(Query):
    category = serializers.CharField(default="", help_text="A slug; by default all categories.")
    a = serializers.CharField(default="", help_text="A contender's slug.")
    b = serializers.CharField(default="", help_text="A contender's slug: only votes between the two.")
    outcome = serializers.ChoiceField(list(VERDICTS), default="", help_text="a or b: only votes that one of them won.")
    reviewer = serializers.CharField(default="", help_text="A reviewer's id.")
    disagreement = serializers.CharField(default="", help_text="1: only where votes on the same task and pair differ.")
    reason = serializers.CharField(default="", help_text="A reason's id.")


class PreferenceList(GenericAPIView[Vote]):
    # They say which contender wrote which text.
    scopes = {"GET": "evals:read"}
    serializer_class = serializers.BaseSerializer[Vote]
    queryset = Vote.objects.none()

    @extend_schema(
        operation_id="preference_list",
        summary="Preferences as pairs for training",
        description="JSON Lines, oldest first, sent while they are read: prompt, chosen and rejected as lists of "
        "messages, tools where the task has some, and metadata. Ties, votes that both are bad, votes of excluded "
        "reviewers, quarantined answers and answers whose texts are not known are left out.",
        parameters=[PreferenceQuery],
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        query: dict[str, Any] = PreferenceQuery.of(request)
        read = read_filters({name: query[name] for name in NAMES})
        if read.errors:
            raise serializers.ValidationError({name: [error] for name, error in read.errors.items()})
        return StreamingHttpResponse(preference_lines(read.filters), content_type="application/x-ndjson")
