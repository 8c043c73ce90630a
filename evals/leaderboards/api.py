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
from evals.leaderboards import queries
from evals.leaderboards.documents import document_of, documents
from evals.leaderboards.own_votes import board_without
from evals.models import Category
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
