"""Why a file was not imported. Nothing is written when one of these is raised.

RefusedError
├── UnreadableError   the file as a whole: empty, too large, no such column, an option that does not apply
└── BadRowsError      some rows: each with its line and the reason
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["BadRowsError", "Problems", "RefusedError", "RowError", "UnreadableError"]


class RefusedError(ValueError):
    """The file was refused; the message is for the person who uploaded it."""


class UnreadableError(RefusedError):
    """The file, or the options it was read with, cannot be used at all."""


@dataclass(frozen=True)
class RowError:
    """`line` is the row's place in the file, counted in `place`: of a text file the physical line on which the row
    begins (a CSV file's header is line 1), of a workbook the row."""

    line: int
    reason: str
    place: str = "line"

    def __str__(self) -> str:
        return f"{self.place} {self.line}: {self.reason}"


class BadRowsError(RefusedError):
    """`errors` are the first ones by line, `total` counts all of them. `cut_off`: the file was not read to its end."""

    def __init__(self, errors: list[RowError], total: int, *, cut_off: bool = False) -> None:
        self.cut_off = cut_off
        self.errors = errors
        self.total = total
        more = f"\nand {total - len(errors)} more" if total > len(errors) else ""
        super().__init__("\n".join(map(str, errors)) + more)


_PLACES_SHOWN = 5


@dataclass
class _Places:
    first: list[int] = field(default_factory=list)
    total: int = 0
    last: int = 0

    def add(self, line: int) -> None:
        if not line or line == self.last:
            return
        self.last = line
        self.total += 1
        if len(self.first) < _PLACES_SHOWN:
            self.first.append(line)

    def named(self, place: str) -> str:
        if not self.total:
            return ""
        shown = ", ".join(f"{line:,}" for line in self.first)
        more = f" and {self.total - len(self.first):,} more" if self.total > len(self.first) else ""
        return f" ({place if self.total == 1 else place + 's'} {shown}{more})"


@dataclass
class Problems:
    """Collects the errors of one file, so that all of them can be fixed at once, and what its reader left out.

    Only the first `shown` errors are kept: a file read with the wrong mapping has one in every row. Of notices, each
    text is kept once, with the first places it is about.
    """

    shown: int = 100
    errors: list[RowError] = field(default_factory=list)
    total: int = 0
    place: str = "line"
    cut_off: bool = False
    # Where it is a list, rows that cannot be read are kept as well as they can be.
    unread: list[tuple[int, dict[str, Any]]] | None = None
    _notices: dict[str, _Places] = field(default_factory=dict)
    _more_notices: int = 0

    def add(self, line: int, reason: str, *, unread: dict[str, Any] | None = None, cut_off: bool = False) -> None:
        """`unread`: what there is of a row that a reader does not yield. `cut_off`: nothing is read after it."""
        self.total += 1
        self.cut_off = self.cut_off or cut_off
        if len(self.errors) < self.shown:
            self.errors.append(RowError(line, reason, self.place))
        if self.unread is not None:
            self.unread.append((line, unread or {}))

    def take_unread(self) -> list[tuple[int, dict[str, Any]]]:
        taken, self.unread = self.unread or [], []
        return taken

    def notice(self, line: int, text: str) -> None:
        """What was read differently from how the file says it, or left out: the import goes on. Line 0 is the file."""
        if text in self._notices or len(self._notices) < self.shown:
            self._notices.setdefault(text, _Places()).add(line)
        else:
            self._more_notices += 1

    @property
    def notices(self) -> list[str]:
        told = [f"{text}{places.named(self.place)}" for text, places in self._notices.items()]
        return [*told, f"And {self._more_notices:,} more notices."] if self._more_notices else told

    def raise_if_any(self) -> None:
        if self.total:
            raise BadRowsError(sorted(self.errors, key=lambda error: error.line), self.total, cut_off=self.cut_off)
