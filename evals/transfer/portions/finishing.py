"""Storing what was accepted, portion by portion, whoever accepted it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from evals.models import FileImport, ImportPortion
from evals.transfer.portions.generations import GenerationPortions
from evals.transfer.portions.pace import Pace, much_cached
from evals.transfer.portions.votes import VotePortions

__all__ = ["finish_left", "store"]

log = structlog.get_logger(__name__)

# A process that is alive stores several portions in this time.
_LEFT_AFTER = timedelta(seconds=20)
# Others may take a row's place between reading and writing, but not time and again.
_TRIES = 5


class Portions(Protocol):
    """How one kind of import stores its portions."""

    def prepare(self, body: bytes) -> Any: ...

    def store(self, prepared: Any) -> Mapping[str, int]:
        """Returns what it stored, to be added up."""
        ...

    def finish(self) -> None: ...


def store(file_import: FileImport, *, seconds: float | None = None) -> dict[str, int] | None:
    """Store what is left of an accepted import, for at most about so long. Returns what has been stored of it in all;
    None if that is not all of it yet, or if another process stored the last of it.

    Any number of processes may do this at once, and each may be killed at any time.
    """
    portions = _portions_of(file_import)
    until = None if seconds is None else time.monotonic() + seconds
    pace = Pace()
    left = ImportPortion.objects.filter(file_import=file_import.pk).order_by("n")
    with much_cached():
        portion = left.first()
        while portion is not None:
            if until is not None and time.monotonic() >= until:
                return None
            _store(portions, portion, pace)
            portion = left.first()
    return _finish(portions, file_import.pk)


def finish_left(*, seconds: float | None = None, after: timedelta = _LEFT_AFTER) -> int:
    """Go on with accepted imports of which nothing was stored for `after`: their processes are dead. Returns how many
    were finished."""
    until = None if seconds is None else time.monotonic() + seconds
    finished = 0
    left = FileImport.objects.filter(state=FileImport.State.STORING, touched_at__lt=timezone.now() - after)
    for one in left.order_by("pk"):
        rest = None if until is None else until - time.monotonic()
        if rest is not None and rest <= 0:
            break
        try:
            finished += store(one, seconds=rest) is not None
        except Exception:  # what keeps one from being stored must not keep back the others
            log.exception("import_not_finished", file=one.name, file_import=one.pk)
    return finished


def _portions_of(file_import: FileImport) -> Portions:
    if file_import.kind == FileImport.Kind.VOTES:
        return VotePortions(file_import)
    return GenerationPortions(file_import)


def _store(portions: Portions, portion: ImportPortion, pace: Pace) -> None:
    prepared = portions.prepare(bytes(portion.body))
    for tried in range(1, _TRIES + 1):
        try:
            with pace.turn():
                # One after the other, each in its turn.
                mine = FileImport.objects.select_for_update().filter(pk=portion.file_import_id).first()
                if mine is None or not ImportPortion.objects.filter(pk=portion.pk).delete()[0]:
                    return  # another process has stored it
                for name, n in portions.store(prepared).items():
                    mine.counts[name] = mine.counts.get(name, 0) + n
                mine.touched_at = timezone.now()
                mine.save(update_fields=["counts", "touched_at"])
            return
        except IntegrityError:
            if tried == _TRIES:
                raise


@transaction.atomic
def _finish(portions: Portions, pk: int) -> dict[str, int] | None:
    mine = FileImport.objects.select_for_update().filter(pk=pk).first()
    if mine is None:
        return None
    portions.finish()
    counts: dict[str, int] = mine.counts
    mine.delete()
    return counts
