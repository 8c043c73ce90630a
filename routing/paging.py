"""What an address asks for after its question mark."""

from __future__ import annotations

from django.http import HttpRequest

__all__ = ["page_number"]

# Every number of so many digits is one that a key of 64 bits can have.
_MOST_DIGITS = 18


def page_number(request: HttpRequest, name: str) -> int | None:
    """`?before=7`: a row's number or a version's. None if there is none that could be one: typed by hand, it asks for
    nothing, and is no error."""
    asked = request.GET.get(name, "")
    return int(asked) if asked.isdecimal() and len(asked) <= _MOST_DIGITS else None
