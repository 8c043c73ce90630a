"""Answers of two runs that changed, side by side with what differs marked. They name contender and text together: for
those who may see identities, which are editors and admins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from django.db.models.functions import Substr

from arena.ui.differences import MOST_COMPARED, Difference, difference
from arena.ui.markup import first_line
from evals.catalog.conversations import prompt_text, written
from evals.collection.comparison.answers import Answers
from evals.collection.comparison.comparison import Comparison
from evals.collection.comparison.consistency import answer_digests
from evals.models import Category, Generation, Task, TaskSetItem
from evals.models.generations import ErrorCategory

__all__ = [
    "AnswerPair",
    "ChangedAnswer",
    "ChangedPage",
    "OneSide",
    "Only",
    "Wanted",
    "changed_answers",
    "changed_pairs",
    "flips",
]

Only = Literal["", "wrong", "right", "text"]
# Pairs whose texts are compared for one page: changed ones may be rare.
_SEARCHED = 5000
_CHUNK = 250
# Failed checks told of one answer.
_MOST_CHECKS = 10
_MOST_DETAIL = 300


@dataclass(frozen=True)
class Wanted:
    """Which pairs: of a contender (its slug in either run), of a category, and `only` those that became wrong, became
    right, or say something else with the same result. Empty: all that changed."""

    only: Only = ""
    contender: str = ""
    category: str = ""


@dataclass(frozen=True)
class AnswerPair:
    """Two answers to the same sample of a task. Their order is that of the later answer's number."""

    before: int
    after: int
    task: int
    sample: int
    match: int
    was_right: bool
    is_right: bool


@dataclass(frozen=True)
class OneSide:
    """`error` says why it failed for good, empty if it is done; `failed_checks` are told with their reasons."""

    generation: int
    right: bool
    error: str
    failed_checks: tuple[tuple[str, str], ...]
    images: range


@dataclass(frozen=True)
class ChangedAnswer:
    """`key` is its place in the list. `turned` is wrong, right, or empty where the result is the same."""

    key: int
    task: int
    external_id: str
    gist: str
    category: str
    category_slug: str
    contender: str
    sample: int
    turned: str
    before: OneSide
    after: OneSide
    difference: Difference
    raw: tuple[str, str]


def changed_pairs(comparison: Comparison, answers: Answers, wanted: Wanted) -> list[AnswerPair]:
    """Pairs of answers that came to an end in both runs, the newest first; of `wanted.only`, wrong and right are chosen
    here. No text is read, and but for a category's number there is no query."""
    keep = answers.ended & ~answers.shared
    if wanted.category:
        found = Category.with_dimensions.filter(slug=wanted.category).values_list("pk", flat=True).first()
        keep &= answers.category == (-1 if found is None else found)
    if wanted.contender:
        places = [
            place
            for place, one in enumerate(comparison.matching.matches)
            if wanted.contender in (one.before_slug, one.after_slug)
        ]
        keep &= np.isin(answers.match, places)
    earlier, later = _paired(answers, np.flatnonzero(keep))
    was, now = answers.right[earlier], answers.right[later]
    if wanted.only in ("wrong", "right", "text"):
        chosen = {"wrong": was & ~now, "right": ~was & now, "text": was == now}[wanted.only]
        earlier, later = earlier[chosen], later[chosen]
    order = np.argsort(-answers.generation[later], kind="stable")
    return [
        AnswerPair(
            before=int(answers.generation[i]),
            after=int(answers.generation[j]),
            task=int(answers.task[j]),
            sample=int(answers.sample[j]),
            match=int(answers.match[j]),
            was_right=bool(answers.right[i]),
            is_right=bool(answers.right[j]),
        )
        for i, j in zip(earlier[order].tolist(), later[order].tolist(), strict=True)
    ]


def _paired(answers: Answers, rows: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Places of the two answers of each pair: once sorted, they stand beside each other."""
    keys = (answers.side[rows], answers.sample[rows], answers.task[rows], answers.match[rows])
    rows = rows[np.lexsort(keys)]
    here, there = rows[:-1], rows[1:]
    same = (
        (answers.match[here] == answers.match[there])
        & (answers.task[here] == answers.task[there])
        & (answers.sample[here] == answers.sample[there])
        & (answers.side[here] < answers.side[there])
    )
    return here[same], there[same]


def flips(comparison: Comparison, answers: Answers, wanted: Wanted) -> tuple[int, int]:
    """How many answers turned wrong, and how many right, under the other filters."""
    one, other = (
        len(changed_pairs(comparison, answers, Wanted(only, wanted.contender, wanted.category)))
        for only in ("wrong", "right")
    )
    return one, other


@dataclass(frozen=True)
class ChangedPage:
    """`next`: the place from which the following page goes on, also where the search ended before this one was full."""

    rows: tuple[ChangedAnswer, ...]
    next: int | None


def changed_answers(
    comparison: Comparison, answers: Answers, wanted: Wanted, *, limit: int, before: int | None = None
) -> ChangedPage:
    """Of pairs below the place `before`, the newest first. Four queries, and one for every 250 pairs that are looked
    at, 5,000 at most: if fewer than `limit` were found among them, the next page goes on from there. Of each text at
    most 60,000 characters are read."""
    pairs = [one for one in changed_pairs(comparison, answers, wanted) if before is None or one.after < before]
    searched = pairs[:_SEARCHED]
    chosen: list[AnswerPair] = []
    for pair in _differing(searched):
        chosen.append(pair)
        if len(chosen) > limit:
            break
    if len(chosen) > limit:
        following: int | None = chosen[limit - 1].after
    else:
        following = searched[-1].after if len(pairs) > len(searched) else None
    return ChangedPage(tuple(_shown(comparison, chosen[:limit])), following)


def _differing(pairs: Sequence[AnswerPair]) -> Iterator[AnswerPair]:
    """Those that changed: another result, or another text."""
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        unsure = [one for one in chunk if one.was_right == one.is_right]
        digests = answer_digests(pk for one in unsure for pk in (one.before, one.after)) if unsure else {}
        for one in chunk:
            if one.was_right != one.is_right or digests.get(one.before) != digests.get(one.after):
                yield one


def _shown(comparison: Comparison, pairs: Sequence[AnswerPair]) -> Iterator[ChangedAnswer]:
    ids = [pk for one in pairs for pk in (one.before, one.after)]
    generations = (
        Generation.objects.defer("text", "thinking").annotate(head=Substr("text", 1, MOST_COMPARED + 1)).in_bulk(ids)
    )
    tasks = Task.objects.select_related("category").in_bulk({one.task for one in pairs})
    names = dict(
        TaskSetItem.objects.filter(
            version__task_set__slug=comparison.after.task_set, version__n=comparison.after.version, task__in=tasks
        )
        .order_by("-position")
        .values_list("task_id", "external_id")
    )
    for one in pairs:
        task = tasks[one.task]
        earlier, later = generations[one.before], generations[one.after]
        raw = _text(earlier), _text(later)
        turned = "" if one.was_right == one.is_right else "right" if one.is_right else "wrong"
        yield ChangedAnswer(
            key=one.after,
            task=one.task,
            external_id=names.get(one.task, ""),
            gist=first_line(prompt_text(task.messages)) if task.messages else f"task {one.task}",
            category=task.category.name,
            category_slug=task.category.slug,
            contender=comparison.matching.matches[one.match].words,
            sample=one.sample,
            turned=turned,
            before=_side(earlier, one.was_right),
            after=_side(later, one.is_right),
            difference=difference(*raw),
            raw=raw,
        )


def _text(generation: Generation) -> str:
    """All that was written: of a conversation every turn, and tool calls after the text of theirs."""
    head: str = generation.head  # type: ignore[attr-defined]  # annotated above
    parts = written(text=head, tool_calls=generation.tool_calls, turns=generation.turns)
    return "\n\n".join(part for text, calls in parts for part in (text, *calls) if part)


def _side(generation: Generation, right: bool) -> OneSide:
    failed = [check for check in generation.checks if not check["ok"]]
    error = ""
    if generation.error and generation.state == Generation.State.FAILED:
        error = str(ErrorCategory(generation.error).label)
    return OneSide(
        generation=generation.pk,
        right=right,
        error=error,
        failed_checks=tuple((one["type"], str(one["detail"])[:_MOST_DETAIL]) for one in failed[:_MOST_CHECKS]),
        images=range(1, len(generation.images) + 1),
    )
