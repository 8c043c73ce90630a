"""What somebody should act on next, as the first page lists it. Every room may tell of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Need", "Urgency"]


class Urgency(IntEnum):
    """The order of the list, the most urgent first."""

    BROKEN = 0  # something that services or people rely on has stopped, or soon will
    WAITING = 1  # work stands still until somebody decides
    SOON = 2  # nothing stands still yet


@dataclass(frozen=True, kw_only=True)
class Need:
    """One line: what is so, and the page whose act mends it. `title` and `words` are plain text, never markup; what
    others wrote (an error, a reason) goes into `words`."""

    title: str
    words: str
    act: str
    url: str
    urgency: Urgency = Urgency.WAITING
    badge: str = ""
