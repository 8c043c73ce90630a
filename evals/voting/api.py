"""Votes, as they were cast. Reviewers appear under stable pseudonyms; their names are not shown."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from arena.api.serializers import Query
from evals.models import Vote
from evals.models.votes import LeftSide, Outcome


class VoteOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    category = serializers.CharField(source="category.slug")
    seq = serializers.IntegerField(help_text="Its place in the category's ledger: gapless, in commit order.")
    task = serializers.IntegerField(source="task_id")
    reviewer = serializers.SerializerMethodField(help_text="A pseudonym, always the same for one person.")
    lo = serializers.CharField(source="lo.slug", help_text="A contender; with `hi`, the two that were compared.")
    hi = serializers.CharField(source="hi.slug")
    left = serializers.ChoiceField(LeftSide.choices, help_text="Which of the two was shown as answer A.")
    outcome = serializers.ChoiceField(Outcome.choices, allow_null=True, help_text="Null: a vote taken back.")
    supersedes = serializers.IntegerField(
        source="supersedes_id", allow_null=True, help_text="The id of the vote that this one changes or takes back."
    )
    effective = serializers.SerializerMethodField(help_text="Nothing supersedes it and it was not taken back.")
    source = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="`ballot`, or the imported file it came from."
    )
    cast_at = serializers.DateTimeField()

    def get_reviewer(self, vote: Vote) -> str:
        return f"R-{vote.reviewer_id:02d}"

    def get_effective(self, vote: Vote) -> bool:
        return vote.outcome is not None and not hasattr(vote, "superseded_by")

    def get_source(self, vote: Vote) -> str:
        return "ballot" if vote.vote_import is None else vote.vote_import.name


class VoteQuery(Query):
    category = serializers.CharField(default="")


class _Votes(GenericAPIView[Vote]):
    # The contender shown on the left would unblind ballots that are still open: not for reviewers.
    scopes = {"GET": "evals:read"}
    serializer_class = VoteOut
    queryset = Vote.objects.select_related("category", "lo", "hi", "vote_import", "superseded_by")


class VoteList(_Votes):
    def get_queryset(self) -> QuerySet[Vote]:
        category = VoteQuery.of(self.request)["category"]
        return super().get_queryset().filter(category__slug=category) if category else super().get_queryset()

    @extend_schema(operation_id="vote_list", summary="Votes, for export", parameters=[VoteQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(VoteOut(page, many=True).data)


class VoteDetail(_Votes):
    @extend_schema(operation_id="vote", summary="One vote")
    def get(self, request: Request, pk: int) -> Response:
        vote = self.get_queryset().filter(pk=pk).first()
        if vote is None:
            raise Http404
        return Response(VoteOut(vote).data)
