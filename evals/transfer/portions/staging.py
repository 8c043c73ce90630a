"""What is staged of a file, until it is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from evals.models import FileImport, ImportPortion
from evals.transfer.files.errors import UnreadableError
from evals.transfer.portions.pace import Pace

__all__ = ["Staged", "accepted", "delete_left", "staged"]

# Nothing has been staged or checked for this long: its process is dead.
_LEFT_AFTER = timedelta(minutes=15)
# Portions deleted in one transaction.
_DELETED_AT_ONCE = 20


class Staged:
    """An import that is being staged, by this process."""

    def __init__(self, file_import: FileImport) -> None:
        self.file_import = file_import
        self._n = 0
        self._pace = Pace()

    def add(self, body: bytes, rows: int) -> None:
        """One more portion."""
        with self._pace.turn():
            ImportPortion.objects.create(file_import=self.file_import, n=self._n, rows=rows, body=body)
            FileImport.objects.filter(pk=self.file_import.pk).update(touched_at=timezone.now())
        self._n += 1


@contextmanager
def staged(kind: FileImport.Kind, name: str) -> Iterator[Staged]:
    """Stage portions, and accept them within: what was not accepted is deleted at the end."""
    delete_left()
    made = FileImport.objects.create(kind=kind, name=name[:255])
    try:
        yield Staged(made)
    finally:
        _delete(made.pk)


def accepted(file_import: FileImport) -> None:
    """In the transaction that creates what the file names; saves the whole row. From its commit on all of the file will
    be stored."""
    there = FileImport.objects.select_for_update().filter(pk=file_import.pk, state=FileImport.State.STAGING)
    if there.first() is None:
        raise UnreadableError(f"{file_import.name} took too long to read. Import it again.")
    file_import.state = FileImport.State.STORING
    file_import.touched_at = timezone.now()
    file_import.save()


def delete_left() -> int:
    """What killed processes had staged and not accepted; returns how many imports that were."""
    left = FileImport.objects.filter(state=FileImport.State.STAGING, touched_at__lt=timezone.now() - _LEFT_AFTER)
    return sum(_delete(pk) for pk in left.values_list("pk", flat=True))


def _delete(pk: int) -> bool:
    """False if it is accepted, or gone."""
    staging = FileImport.objects.filter(pk=pk, state=FileImport.State.STAGING)
    pace = Pace()
    while True:
        with pace.turn():
            if staging.select_for_update().first() is None:
                return False
            some = list(ImportPortion.objects.filter(file_import=pk).values_list("pk", flat=True)[:_DELETED_AT_ONCE])
            if not some:
                staging.delete()
                return True
            ImportPortion.objects.filter(pk__in=some).delete()
