"""Looks through answers that were stored before the detector learnt what it knows now.

Each version of the detector does it once, in portions of a few seconds, and remembers how far it got: it may be stopped
at any time, and two that run at once do the same work one after the other. What an editor has decided stays: an answer
that has had a case is not looked at.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from evals.catalog.conversations import written
from evals.collection.quarantine.cases import detected
from evals.collection.quarantine.detector import VERSION, reveals_its_model
from evals.models import Generation, QuarantineCase, QuarantineRecheck

__all__ = ["Recheck", "recheck", "start_over"]

# Answers read at once, without a lock.
_BATCH = 200


@dataclass(frozen=True)
class Recheck:
    """What one call did: answers read, those found to name their writer, and whether that was all."""

    read: int
    found: int
    finished: bool


def recheck(*, seconds: float | None = None) -> Recheck:
    """Go on where the last call stopped, for at most about so long; without a limit, to the end."""
    until = None if seconds is None else time.monotonic() + seconds
    read = found = 0
    while True:
        progress, _ = QuarantineRecheck.objects.get_or_create(version=VERSION)
        if progress.finished_at is not None:
            return Recheck(read, found, finished=True)
        if until is not None and read and time.monotonic() >= until:
            return Recheck(read, found, finished=False)
        some, taken = _portion(progress)
        read, found = read + some, found + taken


@transaction.atomic
def start_over() -> None:
    """The next call begins with the first answer again, for names that have changed since: a provider's, say."""
    QuarantineRecheck.objects.filter(version=VERSION).update(read_to=0, finished_at=None)


def _portion(progress: QuarantineRecheck) -> tuple[int, int]:
    """How many were read, and how many of them taken out."""
    answers = _unjudged().filter(pk__gt=progress.read_to).order_by("pk").select_related("task", "contender__provider")
    columns = ("text", "tool_calls", "turns", "task__messages", "task__tools", "contender__model_name")
    names = ("contender__family", "contender__slug", "contender__provider__name", "contender__provider__slug")
    some = list(answers.only(*columns, *names)[:_BATCH])
    # Outside any transaction: on SQLite no vote can be stored meanwhile.
    named = {answer.pk: why for answer in some if (why := _reveals(answer))}
    with transaction.atomic():
        mine = QuarantineRecheck.objects.select_for_update().get(pk=progress.pk)
        if mine.read_to != progress.read_to:
            return 0, 0  # another one was faster; its portion is stored
        taken = _take_out(named)
        mine.found += taken
        if some:
            mine.read_to = some[-1].pk
        else:
            mine.finished_at = timezone.now()
        mine.save(update_fields=["found", "read_to", "finished_at"])
    return len(some), taken


def _unjudged() -> QuerySet[Generation]:
    cases = QuarantineCase.objects.filter(generation=OuterRef("pk"))
    return Generation.objects.filter(~Exists(cases), state=Generation.State.DONE, quarantine="")


def _reveals(answer: Generation) -> str:
    said = written(text=answer.text, tool_calls=answer.tool_calls, turns=answer.turns)
    return reveals_its_model(said, answer.contender, answer.task)


def _take_out(named: dict[int, str]) -> int:
    locked = _unjudged().select_for_update(of=("self",), no_key=True).filter(pk__in=named).order_by("pk")
    taken = {pk: named[pk] for pk in locked.values_list("pk", flat=True)}
    for pk, why in taken.items():
        Generation.objects.filter(pk=pk).update(quarantine=why)
    return detected(taken) if taken else 0
