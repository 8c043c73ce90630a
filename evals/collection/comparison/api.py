"""Two runs compared, and how far samples agree. The answers that changed name contender and text together, so they need
`evals:read`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.accounts.tokens import BROWSE
from arena.api.serializers import Query
from evals.collection.comparison.answers import Answers, TooManyAnswersError
from evals.collection.comparison.changes import OneSide, Wanted, changed_answers, flips
from evals.collection.comparison.comparison import (
    ALPHA,
    MEASURES,
    Compared,
    Comparison,
    compare_runs,
    compared_answers,
)
from evals.collection.comparison.consistency import Consistency, run_consistency
from evals.models import Run
from evals.ratings.consistency import Agreeing
from evals.ratings.paired import Estimate
from evals.voting.queries.blinding import blinding_of

__all__ = ["ChangedAnswerList", "RunComparison", "RunConsistency", "comparison_document"]

_MOST = 2**63 - 1
MOST_ANSWERS_A_PAGE = 50
WHY_NOT_WHILE_VOTING = "You vote, and how a contender's answers differ would tell you which of them are its own."


class ComparedOut(serializers.Serializer[Any]):
    value = serializers.FloatField()
    ci95 = serializers.ListField(
        child=serializers.FloatField(),
        min_length=2,
        max_length=2,
        allow_null=True,
        help_text="Null: too few tasks, or all are alike.",
    )


class QuantilesOut(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class MeasureOut(serializers.Serializer[Any]):
    measure = serializers.ChoiceField([one.key for one in MEASURES])
    tasks = serializers.IntegerField(help_text="With a value in both runs.")
    moved = serializers.IntegerField(help_text="Those of them that differ.")
    before = ComparedOut(allow_null=True)
    after = ComparedOut(allow_null=True, help_text="A share of success; of the others, the geometric mean.")
    change = ComparedOut(allow_null=True, help_text="Null: not known, never 0.")
    change_is = serializers.ChoiceField(
        ["difference", "ratio"], help_text="After minus before (success), or after over before (all others)."
    )
    p = serializers.FloatField(allow_null=True, help_text="Of this test alone.")
    p_corrected = serializers.FloatField(allow_null=True, help_text="By Holm's method, for all tests of the two runs.")
    sure = serializers.BooleanField(help_text=f"Whether that is at most {ALPHA}.")
    verdict = serializers.ChoiceField(["better", "worse", "more", "fewer", "not sure", "unknown"])
    why = serializers.CharField(help_text="Why it is unknown, or what was left out.")
    quantiles_before = QuantilesOut(allow_null=True, help_text="Of times alone; described, not tested.")
    quantiles_after = QuantilesOut(allow_null=True)


class SideOut(serializers.Serializer[Any]):
    only = serializers.IntegerField(help_text="Tasks answered in this run alone.")
    failed = serializers.IntegerField(help_text="Answers that failed for good: no success.")
    open = serializers.IntegerField(help_text="Answers that have not come to an end.")


class CellOut(serializers.Serializer[Any]):
    category = serializers.CharField(help_text="Empty: all of them.")
    tasks = serializers.IntegerField(help_text="Answered in both runs.")
    before = SideOut()
    after = SideOut()
    shared = serializers.IntegerField(help_text="Answers that both runs link: left out.")
    measures = MeasureOut(many=True)


class ContestOut(serializers.Serializer[Any]):
    before = serializers.CharField(help_text="The contender in the earlier run.")
    after = serializers.CharField(help_text="And in the later one.")
    categories = CellOut(many=True)


class ComparedRunOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    task_set = serializers.CharField()
    version = serializers.IntegerField()
    samples = serializers.IntegerField()
    state = serializers.ChoiceField(Run.State.choices)
    created_at = serializers.DateTimeField()
    in_flight = serializers.IntegerField(allow_null=True, help_text="Median of calls at once while it was timed.")


class RunComparisonOut(serializers.Serializer[Any]):
    before = ComparedRunOut()
    after = ComparedRunOut()
    by = serializers.ChoiceField(["slug", "family"], help_text="How contenders were matched.")
    only_before = serializers.ListField(child=serializers.CharField(), help_text="Contenders without a match.")
    only_after = serializers.ListField(child=serializers.CharField())
    tests = serializers.IntegerField(help_text="For so many Holm's method corrected.")
    closed = serializers.ListField(
        child=serializers.CharField(), help_text="Categories that the reader votes in, which are not shown."
    )
    contenders = ContestOut(many=True)


class ComparisonQuery(Query):
    before = serializers.IntegerField(min_value=1, max_value=_MOST, help_text="The earlier run.")
    after = serializers.IntegerField(min_value=1, max_value=_MOST, help_text="The later run.")
    by = serializers.ChoiceField(
        ["slug", "family"],
        default="",
        allow_blank=True,
        help_text="Match contenders by slug, or by family across revisions. Empty: by slug if any matches.",
    )
    category = serializers.CharField(default="", help_text="Show only this; what is sure does not change.")
    contender = serializers.CharField(default="", help_text="Show only this, by its slug in either run.")


class ChangesQuery(ComparisonQuery):
    only = serializers.ChoiceField(
        ["wrong", "right", "text"],
        default="",
        allow_blank=True,
        help_text="Turned wrong, turned right, or another text with the same result. Empty: all that changed.",
    )
    older = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=_MOST, help_text="`next` of the page before."
    )
    limit = serializers.IntegerField(default=10, min_value=1, max_value=MOST_ANSWERS_A_PAGE)


class RunComparison(APIView):
    scopes = {"GET": BROWSE}

    @extend_schema(
        operation_id="run_compare",
        summary="Two runs side by side, with paired differences",
        description="A signed-in reviewer is not shown the categories they vote in, nor figures over all categories "
        "that hold one of them.",
        parameters=[ComparisonQuery],
        responses=RunComparisonOut,
    )
    def get(self, request: Request) -> Response:
        query = ComparisonQuery.of(request)
        before, after = _runs(query)
        try:
            comparison = compare_runs(before, after, by=query["by"] or None)
        except TooManyAnswersError as error:
            raise serializers.ValidationError({"after": [str(error)]}) from error
        comparison = comparison.without(blinding_of(request.user).vote_in)
        return Response(comparison_document(comparison, contender=query["contender"], category=query["category"]))


def _runs(query: dict[str, Any]) -> tuple[Run, Run]:
    runs = Run.objects.select_related("version__task_set")
    before, after = (get_object_or_404(runs, pk=query[name]) for name in ("before", "after"))
    if before.pk == after.pk:
        raise serializers.ValidationError({"after": ["The same run as `before`. Name two different runs."]})
    return before, after


def comparison_document(comparison: Comparison, *, contender: str = "", category: str = "") -> dict[str, Any]:
    """What the API and the command answer with: of the contender and the category named, or of all."""
    chosen = [
        one
        for one in comparison.contests
        if not contender or contender in (one.match.before_slug, one.match.after_slug)
    ]
    return {
        "before": ComparedRunOut(comparison.before).data,
        "after": ComparedRunOut(comparison.after).data,
        "by": comparison.matching.by,
        "only_before": list(comparison.matching.only_before),
        "only_after": list(comparison.matching.only_after),
        "tests": comparison.tests,
        "closed": list(comparison.closed),
        "contenders": [
            {
                "before": contest.match.before_slug,
                "after": contest.match.after_slug,
                "categories": [
                    {
                        "category": cell.category,
                        "tasks": cell.tasks,
                        "before": SideOut(cell.before).data,
                        "after": SideOut(cell.after).data,
                        "shared": cell.shared,
                        "measures": [_measure(one) for one in cell.measures],
                    }
                    for cell in contest.cells
                    if not category or cell.category == category
                ],
            }
            for contest in chosen
        ],
    }


def _measure(one: Compared) -> dict[str, Any]:
    before, after = one.quantiles or (None, None)
    return {
        "measure": one.measure.key,
        "tasks": one.paired.n,
        "moved": one.paired.moved,
        "before": _estimate(one.paired.before),
        "after": _estimate(one.paired.after),
        "change": _estimate(one.paired.change),
        "change_is": "difference" if one.measure.level is None else "ratio",
        "p": one.paired.p,
        "p_corrected": one.corrected,
        "sure": one.sure,
        "verdict": one.verdict,
        "why": one.why,
        "quantiles_before": None if before is None else QuantilesOut(before).data,
        "quantiles_after": None if after is None else QuantilesOut(after).data,
    }


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else {"value": found.value, "ci95": list(found.ci95) if found.ci95 else None}


class ChangedSideOut(serializers.Serializer[Any]):
    generation = serializers.IntegerField(help_text="`generations/{id}` has all of it.")
    text = serializers.CharField(help_text="At most 60,000 characters, and tool calls after it.")
    right = serializers.BooleanField(help_text="Done, and all checks pass.")
    error = serializers.CharField()
    failed_checks = serializers.ListField(child=serializers.CharField(), help_text="Type and reason.")


class ChangedAnswerOut(serializers.Serializer[Any]):
    task = serializers.IntegerField()
    external_id = serializers.CharField()
    category = serializers.CharField()
    contender = serializers.CharField()
    sample = serializers.IntegerField()
    turned = serializers.ChoiceField(["wrong", "right"], allow_blank=True)
    difference = serializers.CharField(help_text="How far they agree, in a sentence.")
    before = ChangedSideOut()
    after = ChangedSideOut()


class ChangedAnswersOut(serializers.Serializer[Any]):
    turned_wrong = serializers.IntegerField(help_text="In all, under the same category and contender.")
    turned_right = serializers.IntegerField()
    next = serializers.IntegerField(allow_null=True, help_text="`older` of the following page; null on the last.")
    results = ChangedAnswerOut(many=True)


class ChangedAnswerList(APIView):
    scopes = {"GET": "evals:read"}

    @extend_schema(
        operation_id="run_compare_answers",
        summary="Answers of two runs that changed",
        parameters=[ChangesQuery],
        responses=ChangedAnswersOut,
    )
    def get(self, request: Request) -> Response:
        query = ChangesQuery.of(request)
        before, after = _runs(query)
        try:
            found: tuple[Comparison, Answers] = compared_answers(before, after, by=query["by"] or None)
        except TooManyAnswersError as error:
            raise serializers.ValidationError({"after": [str(error)]}) from error
        wanted = Wanted(query["only"], query["contender"], query["category"])
        page = changed_answers(*found, wanted, limit=query["limit"], before=query["older"])
        wrong, right = flips(*found, wanted)
        results = [
            {
                "task": row.task,
                "external_id": row.external_id,
                "category": row.category_slug,
                "contender": row.contender,
                "sample": row.sample,
                "turned": row.turned,
                "difference": row.difference.words,
                "before": _side(row.before, row.raw[0]),
                "after": _side(row.after, row.raw[1]),
            }
            for row in page.rows
        ]
        return Response({"turned_wrong": wrong, "turned_right": right, "next": page.next, "results": results})


def _side(side: OneSide, text: str) -> dict[str, Any]:
    return {
        "generation": side.generation,
        "text": text,
        "right": side.right,
        "error": side.error,
        "failed_checks": [f"{name}: {detail}" for name, detail in side.failed_checks],
    }


class AgreeingOut(serializers.Serializer[Any]):
    share = serializers.FloatField(allow_null=True, help_text="How likely two samples of a task agree.")
    ci95 = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    tasks = serializers.IntegerField(help_text="With two samples or more.")
    samples = serializers.IntegerField()


class ConsistencyOut(serializers.Serializer[Any]):
    contender = serializers.CharField()
    checks = AgreeingOut(help_text="On the result of every check, over tasks with checks.")
    answers = AgreeingOut(help_text="In what they say; JSON in one form, other answers to the letter.")


class RunConsistency(GenericAPIView[Run]):
    scopes = {"GET": BROWSE}
    queryset = Run.objects.all()
    pagination_class = None

    @extend_schema(
        operation_id="run_consistency",
        summary="How far several samples of a task agree",
        description="To a signed-in reviewer who votes, a 403: how answers differ tells contenders apart.",
        responses=ConsistencyOut(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        """Empty if the run asked for one sample."""
        if blinding_of(request.user).vote_in:
            raise PermissionDenied(WHY_NOT_WHILE_VOTING)
        found = run_consistency(get_object_or_404(self.get_queryset(), pk=pk))
        return Response([_consistency(slug, one) for slug, one in sorted(found.items())])


def _consistency(slug: str, one: Consistency) -> dict[str, Any]:
    return {"contender": slug, "checks": _agreeing(one.checks), "answers": _agreeing(one.answers)}


def _agreeing(found: Agreeing) -> dict[str, Any]:
    return {
        "share": found.share,
        "ci95": None if found.ci95 is None else list(found.ci95),
        "tasks": found.tasks,
        "samples": found.samples,
    }
