"""Votes that are on their way in: of a file that was accepted, and of which a part is not stored yet."""

from __future__ import annotations

from evals.models import FileImport

__all__ = ["categories_being_imported", "votes_being_imported"]


def categories_being_imported() -> set[int]:
    """Ids of the categories that such a file has votes in. They are ranked once all of it is stored."""
    under_way = FileImport.objects.filter(kind=FileImport.Kind.VOTES, state=FileImport.State.STORING)
    return {category for categories in under_way.values_list("categories", flat=True) for category in categories}


def votes_being_imported() -> list[int]:
    """Ids of these imports of votes. Whoever reads votes for others to use leaves theirs out."""
    under_way = FileImport.objects.filter(kind=FileImport.Kind.VOTES, state=FileImport.State.STORING)
    return list(under_way.values_list("vote_import", flat=True))
