"""Workbooks of Excel and LibreOffice: one sheet, whose first row with cells names the columns.

Numbers are taken as they are stored, not as they are shown; dates become ISO 8601, and a formula its last result.
"""

from __future__ import annotations

from collections.abc import Iterator

from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source
from evals.transfer.formats.apart import read_apart
from evals.transfer.formats.frame import Format, Head, Values

__all__ = ["FORMAT"]

# ZIP archives (.xlsx, .xlsb, .ods), and the container of .xls.
_BEGINNINGS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def _recognises(head: Head) -> bool:
    return head.start.startswith(_BEGINNINGS)


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    return read_apart("workbook", source, layout, problems, sheet=layout.sheet)


FORMAT = Format(
    "excel", "Excel", _recognises, _read, endings=(".xlsx", ".xls", ".xlsb", ".ods"), place="row", binary=True
)
