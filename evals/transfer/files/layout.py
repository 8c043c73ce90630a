"""How a file is to be read: the fields that an import knows, and what its user says about the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evals.transfer.files.errors import UnreadableError
from evals.transfer.files.text import Limits

__all__ = ["ERROR_COLUMN", "EXTRA_CELL", "UNREAD_TEXT", "Layout"]

# Beside a row that was refused, why: written to marked files, and not read from them.
ERROR_COLUMN = "arena_error"
# What there is of such a row besides its values: a cell without a name, by its column, and a line that is not JSON.
EXTRA_CELL = "arena_cell_"
UNREAD_TEXT = "arena_text"


@dataclass(frozen=True)
class Layout:
    """`columns` maps a field to the file's column; an empty column means that it is not read. `format` is a name in
    `evals.transfer.formats`; auto: found by the content. `tasks`: formats that hold only tasks are read too."""

    fields: tuple[str, ...]
    format: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    tasks: bool = False
    # Of a workbook; empty: the first that is shown.
    sheet: str = ""
    # Reads files that this one names, by their paths from its folder. Raises BadValueError.
    beside: Callable[[str], bytes] | None = None

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in self.fields:
                known = ", ".join(self.fields)
                raise UnreadableError(f"Mapping {name}=…: there is no field “{name}”. Fields: {known}.")

    def column(self, name: str) -> str:
        return self.columns.get(name, name)

    @property
    def wanted(self) -> set[str]:
        """Columns named by --map: a file without one of them must be the wrong file."""
        return {column for column in self.columns.values() if column}

    def check_wanted(self, names: set[str], where: str = "no row has a field") -> None:
        """Raises UnreadableError if one of them is not among `names`, all that the file has. `where` completes
        "Mapping: … “z”"."""
        missing = sorted(self.wanted - names)
        if missing:
            known = ", ".join(sorted(names)[:30])
            raise UnreadableError(f"Mapping: {where} “{missing[0]}”. There are: {known}.")
