"""What django-q2 runs."""

from __future__ import annotations

from arena.accounts.services import clear_old_links
from arena.accounts.sessions import clear_ended

__all__ = ["clear"]


def clear() -> int:
    """Rows of sessions and links that ended; how many."""
    return clear_ended() + clear_old_links()
