"""Figures that take long to compute, kept in the database: pages read them, chores compute them again.

A page computes what is small itself, so that it is always as of now. What is large it reads as it was kept, however old
that is; `refresh` in the room that owns the figures makes those anew whose version has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from evals.models import KeptFigures

__all__ = ["due", "keep", "kept"]


def kept(names: Iterable[str]) -> dict[str, Any]:
    """Those that are there, of whatever version. One query, none without names."""
    wanted = list(names)
    if not wanted:
        return {}
    return dict(KeptFigures.objects.filter(name__in=wanted).values_list("name", "figures"))


def keep(name: str, version: str, figures: Any) -> None:
    """Of two processes that compute the same figures at once, either may write last."""
    KeptFigures.objects.update_or_create(
        name=name, defaults={"version": version, "figures": figures, "computed_at": timezone.now()}
    )


def due(versions: Mapping[str, str], *, after: timedelta) -> list[str]:
    """Of these names, those that are not kept, and those of another version that are older than `after`; the oldest
    first. One query."""
    rows = KeptFigures.objects.filter(name__in=list(versions)).values_list("name", "version", "computed_at")
    known = {name: (version, at) for name, version, at in rows}
    before = timezone.now() - after
    new = [name for name in versions if name not in known]
    moved = [(at, name) for name, (version, at) in known.items() if version != versions[name] and at < before]
    return new + [name for _, name in sorted(moved)]
