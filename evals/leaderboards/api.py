"""Leaderboards: the same document that `rank --json` prints."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.accounts.tokens import BROWSE
from evals.catalog.filler import CHARS_PER_TOKEN
from evals.catalog.queries.long_context import LENGTHS
from evals.catalog.services.long_context import MOST_LENGTHS, MOST_TASKS, make_long_context
from evals.catalog.services.task_sets import TaskSetError
from evals.leaderboards import queries
from evals.leaderboards.documents import document_of, documents
from evals.leaderboards.long_context import PositionCell, long_context
from evals.leaderboards.own_votes import board_without
from evals.models import Category, TaskSet
from evals.voting.queries.blinding import blinding_of, why_closed


def _interval(help_text: str = "", **kwargs: Any) -> serializers.ListField:
    child = serializers.FloatField(allow_null=True)
    return serializers.ListField(child=child, min_length=2, max_length=2, help_text=help_text, **kwargs)


class ReasonOut(serializers.Serializer[Any]):
    reason = serializers.CharField()
    votes = serializers.IntegerField(help_text="Votes that gave it when this contender's answer was better.")


class RatingOut(serializers.Serializer[Any]):
    contender = serializers.CharField()
    rating = serializers.FloatField()
    ci95 = _interval("Low and high, for the audience the category speaks for.")
    ci95_panel = _interval("For these reviewers, as they voted.", allow_null=True)
    ci95_people = _interval("For people like these reviewers.", allow_null=True)
    rank = serializers.ListField(
        child=serializers.IntegerField(), min_length=2, max_length=2, allow_null=True, help_text="Best and worst."
    )
    p_best = serializers.FloatField(allow_null=True)
    elo = serializers.FloatField(allow_null=True)
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    ties = serializers.IntegerField()
    both_bad = serializers.IntegerField()
    both_bad_rate = serializers.FloatField(allow_null=True)
    both_bad_ci95 = _interval(allow_null=True)
    group = serializers.IntegerField(help_text="Contenders in different groups were never compared.")
    reasons = ReasonOut(many=True, help_text="What it was chosen for, most given first. A vote may give several.")


class BoardOut(serializers.Serializer[Any]):
    category = serializers.CharField()
    name = serializers.CharField()
    dimension_of = serializers.CharField(
        allow_null=True, help_text="The category whose rubric this is a dimension of; null for a category."
    )
    votes = serializers.IntegerField(help_text="All that count.")
    votes_compared = serializers.IntegerField(
        help_text='Those of them that compare the two answers: all but "both bad". Ratings and the gate rest on these.'
    )
    reviewers = serializers.IntegerField(help_text="Who cast votes that compare.")
    tasks = serializers.IntegerField()
    excluded_votes = serializers.IntegerField(help_text="Votes that stand, of reviewers who are excluded now.")
    computed_at = serializers.DateTimeField()
    method = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the tallies it was computed from.")
    seq = serializers.IntegerField(help_text="The last vote of the ledger that is included.")
    revision = serializers.IntegerField()
    speaks_for = serializers.CharField()
    connected = serializers.BooleanField()
    groups = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    ratings = RatingOut(many=True, help_text="By rating, best first.")
    retired = RatingOut(many=True)


class LeaderboardOut(BoardOut):
    dimensions = BoardOut(many=True, help_text="The leaderboards of the category's rubric.")


class LeaderboardList(GenericAPIView[Category]):
    scopes = {"GET": BROWSE}
    queryset = Category.objects.filter(leaderboards__isnull=False, retired_at=None).distinct()
    serializer_class = LeaderboardOut

    @extend_schema(
        operation_id="leaderboard_list",
        summary="Leaderboards, the newest of each category",
        description="A signed-in reviewer is not shown those of categories they vote in.",
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        blinding = blinding_of(request.user)
        newest = {one.category: one for one in queries.all_latest() if not blinding.hides(one.category)}
        return self.get_paginated_response(documents([newest[one.slug] for one in page if one.slug in newest]))


class LeaderboardDetail(APIView):
    scopes = {"GET": BROWSE}

    @extend_schema(
        operation_id="leaderboard",
        summary="A category's leaderboard",
        description="To a signed-in reviewer, a category they vote in is a 403; if it is opened to them, their own "
        "votes are left out.",
        responses=LeaderboardOut,
    )
    def get(self, request: Request, category: str) -> Response:
        """Also of a dimension, by its own slug."""
        blinding = blinding_of(request.user)
        if blinding.hides(category):
            found = Category.with_dimensions.get(slug=category)
            if blinding.closes(category):
                raise PermissionDenied(why_closed(found.name))
            board = board_without(found, blinding.reviewer)
            if board is None:
                raise Http404
            # What contenders were chosen for, and the boards of dimensions, hold the reader's own votes.
            return Response(document_of(board))
        newest = queries.latest(category)
        if newest is None:
            raise Http404
        return Response(documents([newest])[0])


class SpreadOut(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class PositionOut(serializers.Serializer[PositionCell]):
    position = serializers.CharField(
        help_text="Where in the filler the task stands: start, middle, end; empty: anywhere."
    )
    n = serializers.IntegerField(source="success.n", help_text="Answers that ended; those refused as too long do not.")
    success_rate = serializers.FloatField(source="success.rate", allow_null=True)
    ci95 = _interval("Of the success rate, over tasks.", source="success.ci95", allow_null=True)
    ttft_ms = SpreadOut(help_text="Time to the first token.")


class LengthOut(serializers.Serializer[Any]):
    tokens = serializers.IntegerField(allow_null=True, help_text="By our estimate. Null: the tasks as they are.")
    takes = serializers.BooleanField(
        help_text="False: the contender does not take prompts so long, which is no failure."
    )
    note = serializers.CharField()
    positions = PositionOut(many=True)
    whole = PositionOut()
    tokens_counted = serializers.FloatField(
        source="counted", allow_null=True, help_text="Median of what the provider counted."
    )
    cut = serializers.BooleanField(help_text="The provider counted so few tokens that it seems to cut the prompt.")
    refused = serializers.IntegerField(help_text="Refused by the provider as too long.")
    waiting = serializers.IntegerField()


class ContenderLengthsOut(serializers.Serializer[Any]):
    contender = serializers.CharField(source="slug")
    context_tokens = serializers.IntegerField(allow_null=True)
    lengths = LengthOut(source="rows", many=True)
    findings = serializers.ListField(child=serializers.CharField(), help_text="What is surely so, at 95%.")


class LongContextOut(serializers.Serializer[Any]):
    task_set = serializers.CharField(source="task_set.slug")
    long_task_set = serializers.CharField(
        source="version.task_set.slug", help_text="Holds the prompts; runs ask for it."
    )
    version = serializers.IntegerField(source="version.n")
    tasks = serializers.IntegerField()
    lengths = serializers.ListField(child=serializers.IntegerField())
    filler_version = serializers.IntegerField(source="filler")
    chars_per_token = serializers.SerializerMethodField(help_text="By which lengths are estimated.")
    contenders = ContenderLengthsOut(many=True)

    def get_chars_per_token(self, _: Any) -> float:
        return CHARS_PER_TOKEN


class LongContextIn(serializers.Serializer[Any]):
    lengths = serializers.ListField(
        child=serializers.IntegerField(min_value=1), max_length=MOST_LENGTHS, allow_empty=False, default=list(LENGTHS)
    )
    tasks = serializers.IntegerField(min_value=1, max_value=MOST_TASKS, default=10)


class LongContextMadeOut(serializers.Serializer[Any]):
    task_set = serializers.CharField(source="version.task_set.slug")
    version = serializers.IntegerField(source="version.n")
    unchanged = serializers.BooleanField()
    tasks = serializers.IntegerField()
    prompts = serializers.IntegerField()
    tokens = serializers.IntegerField(help_text="About so many for each contender and sample.")
    left_out = serializers.DictField(
        child=serializers.IntegerField(), help_text="Tasks that were not taken, by reason."
    )


class LongContextDetail(APIView):
    scopes = {"GET": BROWSE, "POST": "evals:write"}

    @extend_schema(
        operation_id="long_context",
        summary="How contenders bear a task set's tasks in long prompts",
        responses=LongContextOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        """404 before long prompts were made."""
        found = long_context(_task_set(slug))
        if found is None:
            raise Http404
        return Response(LongContextOut(found).data)

    @extend_schema(
        operation_id="long_context_make",
        summary="Make long prompts of a task set",
        description="A run of the task set that is returned asks for them.",
        request=LongContextIn,
        responses={200: LongContextMadeOut, 201: LongContextMadeOut},
    )
    def post(self, request: Request, slug: str) -> Response:
        given = LongContextIn(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        try:
            made = make_long_context(task_set=_task_set(slug), lengths=fields["lengths"], most_tasks=fields["tasks"])
        except TaskSetError as error:
            raise serializers.ValidationError({"detail": [str(error)]}) from error
        return Response(LongContextMadeOut(made).data, status=200 if made.unchanged else 201)


def _task_set(slug: str) -> TaskSet:
    found = TaskSet.objects.filter(slug=slug).first()
    if found is None:
        raise Http404
    return found
