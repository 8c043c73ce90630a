"""django-q2's entry point for outcomes. It may run twice, late or not at all."""

from __future__ import annotations

from django.utils import timezone

from routing.outcomes import services

__all__ = ["sweep_outcomes"]


def sweep_outcomes() -> int:
    """By the clock: deletes reported outcomes that are no longer remembered one by one. Returns how many."""
    return services.sweep(now=timezone.now())
