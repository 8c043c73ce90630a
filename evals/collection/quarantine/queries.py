"""Quarantine cases as pages show them. No query's cost grows with the number of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from arena.ui.markup import first_line, render, render_code
from evals.catalog.conversations import content_text, prompt_text, segments, written
from evals.models import Ballot, Category, Contender, Generation, QuarantineAct, QuarantineCase

__all__ = [
    "PAGE_SIZE",
    "CaseFilter",
    "CasePage",
    "CaseRow",
    "Picture",
    "case_page",
    "case_rows",
    "cases",
    "filter_choices",
    "open_cases",
]

PAGE_SIZE = 25
# Counting stops here: a page says "more than 999".
MOST_COUNTED = 1000
# Of each answer in the list; the rest is one click away.
_BEGINNING = 600
# Offered in the filter for contenders; the address takes any.
_MOST_OFFERED = 500


@dataclass(frozen=True)
class CaseFilter:
    """Empty: all of them."""

    state: str = ""
    category: str = ""
    contender: str = ""
    source: str = ""


@dataclass(frozen=True)
class CaseRow:
    """`beginning` is of the first answer that has text, `cut` says that there is more of the answer. `reporter` is
    empty for what the detector found."""

    id: int
    state: str
    source: str
    why: str
    reporter: str
    opened_at: datetime
    category: str
    category_slug: str
    contender: str
    prompt: str
    beginning: SafeString
    cut: bool
    images: int
    decided_by: str
    decided_at: datetime | None
    decision: str


@dataclass(frozen=True)
class ActLine:
    words: str
    who: str
    why: str
    at: datetime


@dataclass(frozen=True)
class Picture:
    url: str
    alt: str


@dataclass(frozen=True)
class Turn:
    html: SafeString
    calls: tuple[SafeString, ...]


@dataclass(frozen=True)
class CasePage:
    """`votes` were cast on battles of the answer and count. `earlier` and `newer`: other cases of the answer."""

    row: CaseRow
    is_out: bool
    prompt: tuple[SafeString, ...]
    turns: tuple[Turn, ...]
    pictures: tuple[Picture, ...]
    acts: tuple[ActLine, ...]
    votes: int
    generation: int
    earlier: tuple[int, ...]
    newer: int | None
    next_open: int | None


def open_cases() -> int:
    """How many wait for a decision; counts up to `MOST_COUNTED`."""
    return QuarantineCase.objects.filter(state=QuarantineCase.State.OPEN).order_by()[:MOST_COUNTED].count()


def cases(wanted: CaseFilter) -> QuerySet[QuarantineCase]:
    """Those that the filter lets through, newest first."""
    found = QuarantineCase.objects.order_by("-pk")
    if wanted.state:
        found = found.filter(state=wanted.state)
    if wanted.source:
        found = found.filter(source=wanted.source)
    # By key, so that an index on the case's own columns ends the search.
    if wanted.category:
        found = found.filter(
            category__in=list(Category.objects.filter(slug=wanted.category).values_list("pk", flat=True))
        )
    if wanted.contender:
        known = Contender.objects.filter(slug=wanted.contender).values_list("pk", flat=True)
        found = found.filter(contender__in=list(known))
    return found


def case_rows(wanted: CaseFilter, *, limit: int, before: int | None = None) -> list[CaseRow]:
    """Newest first; those opened before the case `before`. At most three queries, and the texts of one page."""
    found = cases(wanted) if before is None else cases(wanted).filter(pk__lt=before)
    return [_row(case) for case in found.select_related(*_RELATED)[:limit]]


_RELATED = ("generation__task", "category", "contender", "reporter")


def filter_choices() -> tuple[Sequence[tuple[str, str]], Sequence[str]]:
    """Categories (slug, name) and contenders to filter by."""
    categories = list(Category.objects.order_by("name").values_list("slug", "name"))
    return categories, list(Contender.objects.order_by("slug").values_list("slug", flat=True)[:_MOST_OFFERED])


def case_page(pk: int) -> CasePage | None:
    """None if there is no such case."""
    case = QuarantineCase.objects.select_related(*_RELATED).filter(pk=pk).first()
    if case is None:
        return None
    answer = case.generation
    others = list(
        QuarantineCase.objects.filter(generation=answer).exclude(pk=pk).order_by("pk").values_list("pk", flat=True)
    )
    waiting = QuarantineCase.objects.filter(state=QuarantineCase.State.OPEN).exclude(pk=pk).order_by("-pk")
    following = waiting.filter(pk__lt=pk).first() or waiting.first()
    acts = case.acts.order_by("pk").values_list("kind", "who", "why", "at")
    voted = Q(battle__lo=answer) | Q(battle__hi=answer)
    return CasePage(
        row=_row(case),
        is_out=bool(answer.quarantine),
        prompt=tuple(_prompt(answer.task.messages)),
        turns=tuple(
            Turn(render(text), tuple(render_code(call, "json") for call in calls)) for text, calls in _written(answer)
        ),
        pictures=tuple(
            Picture(reverse("evals:generation-image", args=[answer.pk, n]), f"Image {n} of the answer")
            for n in range(1, len(answer.images) + 1)
        ),
        acts=tuple(ActLine(QuarantineAct.Kind(kind).label, who, why, at) for kind, who, why, at in acts),
        votes=Ballot.objects.filter(voted, state=Ballot.State.VOTED).count(),
        generation=answer.pk,
        earlier=tuple(other for other in others if other < pk),
        newer=max((other for other in others if other > pk), default=None),
        next_open=following.pk if following else None,
    )


def _row(case: QuarantineCase) -> CaseRow:
    said = [text for text, _ in _written(case.generation) if text]
    first = said[0] if said else ""
    return CaseRow(
        id=case.pk,
        state=case.state,
        source=case.source,
        why=case.why,
        reporter=case.reporter.name if case.reporter else ("a reviewer" if case.source == "reviewer" else ""),
        opened_at=case.opened_at,
        category=case.category.name,
        category_slug=case.category.slug,
        contender=case.contender.slug,
        prompt=_gist(case.generation.task.messages),
        beginning=render(first[:_BEGINNING]),
        cut=len(first) > _BEGINNING or len(said) > 1 or bool(case.generation.tool_calls),
        images=len(case.generation.images),
        decided_by=case.decided_by,
        decided_at=case.decided_at,
        decision=case.decision,
    )


def _written(answer: Generation) -> list[tuple[str, tuple[str, ...]]]:
    return written(text=answer.text, tool_calls=answer.tool_calls, turns=answer.turns)


def _prompt(messages: list[dict[str, Any]]) -> list[SafeString]:
    said = next(iter(segments(messages)), [])
    return [render(content_text(message.get("content"))) for message in said]


def _gist(messages: list[dict[str, Any]]) -> str:
    return first_line(prompt_text(messages)) if messages else "The prompt's text is not known here."
