"""Why a file was not imported. Nothing is written when one of these is raised.

RefusedError
├── UnreadableError   the file as a whole: empty, too large, no such column, an option that does not apply
└── BadRowsError      some rows: each with its line and the reason
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BadRowsError", "Problems", "RefusedError", "RowError", "UnreadableError"]


class RefusedError(ValueError):
    """The file was refused; the message is for the person who uploaded it."""


class UnreadableError(RefusedError):
    """The file, or the options it was read with, cannot be used at all."""


@dataclass(frozen=True)
class RowError:
    """`line` is the physical line on which the row begins; a CSV file's header is line 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class BadRowsError(RefusedError):
    """`errors` are the first ones by line, `total` counts all of them."""

    def __init__(self, errors: list[RowError], total: int) -> None:
        self.errors = errors
        self.total = total
        more = f"\nand {total - len(errors)} more" if total > len(errors) else ""
        super().__init__("\n".join(map(str, errors)) + more)


@dataclass
class Problems:
    """Collects the errors of one file, so that all of them can be fixed at once.

    Only the first `shown` are kept: a file read with the wrong mapping has one in every row.
    """

    shown: int = 100
    errors: list[RowError] = field(default_factory=list)
    total: int = 0

    def add(self, line: int, reason: str) -> None:
        self.total += 1
        if len(self.errors) < self.shown:
            self.errors.append(RowError(line, reason))

    def raise_if_any(self) -> None:
        if self.total:
            raise BadRowsError(sorted(self.errors, key=lambda error: error.line), self.total)
