"""Two runs side by side. Figures are for everybody who may see runs, but for those of a category in which the reader
votes: how long a contender's answers are, and where they are wrong, tells them apart. Answers name contender and text
together, so they are for editors and admins."""

from __future__ import annotations

import io
from typing import cast

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_number
from evals.collection.comparison.answers import TooManyAnswersError
from evals.collection.comparison.changes import Only, Wanted, changed_answers, flips
from evals.collection.comparison.comparison import compare_runs, compared_answers
from evals.collection.comparison.consistency import run_consistency
from evals.collection.comparison.matching import By
from evals.collection.comparison.page import CSV_COLUMNS, comparison_parts, csv_rows
from evals.models import Run
from evals.transfer.files.writing import write_csv
from evals.voting.queries.blinding import blinding_of

__all__ = ["run_compare", "run_compare_csv"]

PAGE_SIZE = 10
# Newest runs to choose from.
_OFFERED = 100
_ONLY = (("", "All changes"), ("wrong", "Turned wrong"), ("right", "Turned right"), ("text", "Only the text"))


@require_safe
@never_cache
@role_required(Role.VIEWER)
def run_compare(request: HttpRequest) -> HttpResponse:
    """`?before=12&after=14`, the runs' numbers; `by=slug` or `family`; `category`, `contender`, and for the answers
    `only` and `older` limit what is shown. Without two runs, the page asks for them."""
    before, after = _runs(request)
    offered = _offered((before, after))
    context: dict[str, object] = {"offered": offered, "before": before, "after": after, "by": _by(request)}
    if before is None or after is None or before.pk == after.pk:
        context["same"] = before is not None and after is not None
        context["before"], context["after"] = _suggested(offered, before, after)
        return render(request, "evals/collection/run_compare.html", context)
    try:
        comparison, answers = compared_answers(before, after, by=_by(request))
    except TooManyAnswersError as error:
        return render(request, "evals/collection/run_compare.html", {**context, "refused": str(error)})
    blinding = blinding_of(request.user)
    comparison = comparison.without(blinding.vote_in)
    asked = {name: request.GET.get(name, "") for name in ("category", "contender", "only")}
    asked["only"] = asked["only"] if asked["only"] in dict(_ONLY) else ""
    context |= {
        "comparison": comparison,
        "parts": comparison_parts(
            comparison,
            contender=asked["contender"],
            category=asked["category"],
            consistent=((run_consistency(before), run_consistency(after)) if not blinding.vote_in else ({}, {})),
        ),
        "asked": asked,
        "address": _address(request, category=asked["category"], contender=asked["contender"]),
        "swapped": _address(request, before=after.pk, after=before.pk),
        "whole": _address(request),
    }
    if person(request).may(Role.EDITOR):
        wanted = Wanted(cast("Only", asked["only"]), asked["contender"], asked["category"])
        older = page_number(request, "older")
        wrong, right = flips(comparison, answers, wanted)
        address = context["address"]
        context |= {
            "changes": changed_answers(comparison, answers, wanted, limit=PAGE_SIZE, before=older),
            "older": older,
            "turned": {"wrong": wrong, "right": right},
            "views": [
                (f"{address}&only={key}#answers" if key else f"{address}#answers", words, key == asked["only"])
                for key, words in _ONLY
            ],
        }
    return render(request, "evals/collection/run_compare.html", context)


@require_safe
@never_cache
@role_required(Role.VIEWER)
def run_compare_csv(request: HttpRequest) -> HttpResponse:
    """Every difference of two runs, whatever part of them the page shows."""
    pks = [page_number(request, name) for name in ("before", "after")]
    before, after = (get_object_or_404(_all_runs(), pk=pk) for pk in pks)
    try:
        comparison = compare_runs(before, after, by=_by(request))
    except TooManyAnswersError as error:
        return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
    written = io.StringIO(newline="")
    write_csv(written, CSV_COLUMNS, csv_rows(comparison.without(blinding_of(request.user).vote_in)))
    name = f"runs-{before.pk}-and-{after.pk}.csv"
    return HttpResponse(
        written.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _all_runs() -> QuerySet[Run]:
    return Run.objects.select_related("version__task_set")


def _runs(request: HttpRequest) -> tuple[Run | None, Run | None]:
    """Those that the address names; None where it names none. A 404 where there is no such run."""
    pks = [page_number(request, name) for name in ("before", "after")]
    one, other = (None if pk is None else get_object_or_404(_all_runs(), pk=pk) for pk in pks)
    return one, other


def _offered(chosen: tuple[Run | None, Run | None]) -> list[Run]:
    """The newest runs, and those chosen."""
    newest = list(_all_runs().order_by("-pk")[:_OFFERED])
    known = {run.pk for run in newest}
    more = {run.pk: run for run in chosen if run is not None and run.pk not in known}
    return [*newest, *sorted(more.values(), key=lambda run: -run.pk)]


def _suggested(offered: list[Run], before: Run | None, after: Run | None) -> tuple[Run | None, Run | None]:
    """What the form begins with: the newest run, and the one before it on the same task set, if there is one."""
    if after is None:
        after = next((run for run in offered if before is None or run.pk > before.pk), None)
    if after is not None and before is None:
        earlier = [run for run in offered if run.pk < after.pk]
        alike = [run for run in earlier if run.version.task_set_id == after.version.task_set_id]
        before = next(iter(alike or earlier), None)
    return before, after


def _by(request: HttpRequest) -> By | None:
    by = request.GET.get("by", "")
    return cast("By", by) if by in ("slug", "family") else None


def _address(request: HttpRequest, **changes: object) -> str:
    """This page's, of the same two runs, matched as they are."""
    kept = {name: request.GET.get(name, "") for name in ("before", "after", "by")}
    given = {**kept, **{name: str(value) for name, value in changes.items()}}
    return f"?{urlencode({name: value for name, value in given.items() if value})}"
