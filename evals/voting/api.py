"""Votes, as they were cast, and how reviewers vote. Reviewers appear under stable pseudonyms; their names are not
shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from arena.api.serializers import Query
from evals.models import Reason, Reviewer, Vote
from evals.models.votes import LeftSide, Outcome, pseudonym
from evals.voting.queries.reviewer_page import reviewer_page
from evals.voting.queries.reviewers import ReviewerRow, rows_of


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
    strength = serializers.SerializerMethodField(help_text="slightly, clearly, or empty.")
    reasons = serializers.SerializerMethodField(help_text="Why the answer was better, in the category's words.")
    comment = serializers.SerializerMethodField()
    cast_at = serializers.DateTimeField()

    def get_strength(self, vote: Vote) -> str:
        return vote.ballot.strength if vote.ballot else ""

    def get_reasons(self, vote: Vote) -> list[str]:
        given = vote.ballot.reasons if vote.ballot else []
        return [self.context["reasons"][pk] for pk in given if pk in self.context["reasons"]]

    def get_comment(self, vote: Vote) -> str:
        return vote.ballot.comment if vote.ballot else ""

    def get_reviewer(self, vote: Vote) -> str:
        return pseudonym(vote.reviewer_id)

    def get_effective(self, vote: Vote) -> bool:
        return vote.outcome is not None and not hasattr(vote, "superseded_by")

    def get_source(self, vote: Vote) -> str:
        return "ballot" if vote.vote_import is None else vote.vote_import.name


class VoteQuery(Query):
    category = serializers.CharField(
        default="", help_text="By default all; verdicts on a rubric's dimension only if it is named here."
    )


class _Votes(GenericAPIView[Vote]):
    # The contender shown on the left would unblind ballots that are still open: not for reviewers.
    scopes = {"GET": "evals:read"}
    serializer_class = VoteOut
    queryset = Vote.objects.select_related("category", "lo", "hi", "vote_import", "superseded_by", "ballot")


def _reasons_of(votes: Iterable[Vote]) -> dict[str, Any]:
    """The labels of all reasons these votes give. One query, none if they give none."""
    given = {pk for vote in votes if vote.ballot for pk in vote.ballot.reasons}
    return {"reasons": dict(Reason.objects.filter(pk__in=given).values_list("pk", "label"))}


class VoteList(_Votes):
    def get_queryset(self) -> QuerySet[Vote]:
        category = VoteQuery.of(self.request)["category"]
        if category:
            return super().get_queryset().filter(category__slug=category)
        return super().get_queryset().filter(category__dimension_of__isnull=True)

    @extend_schema(operation_id="vote_list", summary="Votes, for export", parameters=[VoteQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(VoteOut(page, many=True, context=_reasons_of(page)).data)


class VoteDetail(_Votes):
    @extend_schema(operation_id="vote", summary="One vote")
    def get(self, request: Request, pk: int) -> Response:
        vote = self.get_queryset().filter(pk=pk).first()
        if vote is None:
            raise Http404
        return Response(VoteOut(vote, context=_reasons_of([vote])).data)


def _interval(help_text: str = "") -> serializers.ListField:
    return serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, allow_null=True, help_text=help_text
    )


class FindingOut(serializers.Serializer[Any]):
    """A share of `n` observations."""

    state = serializers.ChoiceField(["good", "bad", "unknown"], help_text="Unknown: not enough evidence for either.")
    n = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    ci95 = _interval()


class AlphaOut(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["good", "bad", "unknown"])
    battles = serializers.IntegerField(help_text="Judged by this reviewer and by others.")
    alpha = serializers.FloatField(allow_null=True, help_text="1: always alike; 0: as often as by chance.")
    ci95 = _interval()


class ReviewerOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    reviewer = serializers.SerializerMethodField(help_text="The pseudonym under which votes name them.")
    votes = serializers.IntegerField(help_text="That stand, counted or not.")
    categories = serializers.IntegerField()
    last_vote = serializers.DateTimeField(allow_null=True)
    excluded_at = serializers.DateTimeField(allow_null=True)
    excluded_reason = serializers.CharField()
    agreement = FindingOut(source="health.agreement", help_text="Of others' votes on shared battles, those alike.")
    gold = FindingOut(source="health.gold", help_text="Of gold battles, those judged as they are marked.")
    side = FindingOut(source="health.side", help_text="Of decisive votes, those for the left answer.")
    speed = FindingOut(source="health.speed", help_text="Of the newest votes, those faster than reading.")

    def get_reviewer(self, row: ReviewerRow) -> str:
        return pseudonym(row.id)


class CountOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    n = serializers.IntegerField()


class ReviewerDetailOut(ReviewerOut):
    alpha = AlphaOut(help_text="Krippendorff's, against the others on the same battles.")
    seconds = serializers.FloatField(allow_null=True, help_text="The median time a battle takes them.")
    reasons = CountOut(many=True)
    skips = CountOut(many=True)


class ReviewerList(GenericAPIView[Reviewer]):
    scopes = {"GET": "evals:read"}
    serializer_class = ReviewerOut
    queryset = Reviewer.objects.order_by("pk")

    @extend_schema(operation_id="reviewer_list", summary="Reviewers, and how they vote")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(ReviewerOut(rows_of(page), many=True).data)


class ReviewerDetail(GenericAPIView[Reviewer]):
    scopes = {"GET": "evals:read"}
    serializer_class = ReviewerDetailOut
    queryset = Reviewer.objects.order_by("pk")

    @extend_schema(operation_id="reviewer", summary="One reviewer", responses=ReviewerDetailOut)
    def get(self, request: Request, pk: int) -> Response:
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise Http404
        page = reviewer_page(found)
        more = {
            "alpha": AlphaOut(page.figures.agreement).data,
            "seconds": page.figures.seconds,
            "reasons": [{"name": name, "n": n} for name, n in page.figures.reasons],
            "skips": [{"name": name, "n": n} for name, n in page.figures.skips],
        }
        return Response(ReviewerOut(page.row).data | more)
