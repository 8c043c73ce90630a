"""Pages of a list, by cursor: `?before=7` shows the rows older than row 7. A row that is added meanwhile shifts
nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from django.http import HttpRequest

__all__ = ["Page", "page_number", "page_of"]

# Any number with this many digits fits a 64-bit key.
_MOST_DIGITS = 18

Row_co = TypeVar("Row_co", covariant=True)
One = TypeVar("One")


@dataclass(frozen=True)
class Page(Generic[One]):
    """As `ui/_pager.html` takes it. `next` is the cursor of the following page, None on the last one."""

    rows: Sequence[One]
    next: int | None
    is_first: bool
    path: str
    parameter: str = "before"


class Reader(Protocol[Row_co]):
    def __call__(self, *, limit: int, before: int | None) -> Sequence[Row_co]: ...


def page_of(
    request: HttpRequest,
    read: Reader[One],
    *,
    size: int,
    key: Callable[[One], int],
    path: str = "",
    parameter: str = "before",
) -> Page[One]:
    """The page that the address asks for. `read` gives the rows that follow a cursor, and `key` is a row's cursor.
    `path` is the list's own address where the request was sent to another one."""
    cursor = page_number(request, parameter)
    found = read(limit=size + 1, before=cursor)
    following = key(found[size - 1]) if len(found) > size else None
    return Page(found[:size], following, is_first=cursor is None, path=path or request.path, parameter=parameter)


def page_number(request: HttpRequest, name: str) -> int | None:
    """`?before=7`: the number of a row or version. None where the parameter is missing or cannot be such a number: an
    address edited by hand shows the first page and is not an error."""
    written = request.GET.get(name, "")
    return int(written) if written.isdecimal() and len(written) <= _MOST_DIGITS else None
