"""Parquet: files of Hugging Face's `datasets`, of pandas and of polars."""

from __future__ import annotations

from collections.abc import Iterator

from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source
from evals.transfer.formats.apart import read_apart
from evals.transfer.formats.frame import Format, Head, Values

__all__ = ["FORMAT"]


def _recognises(head: Head) -> bool:
    return head.start.startswith(b"PAR1")


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    return read_apart("parquet", source, layout, problems)


FORMAT = Format("parquet", "Parquet", _recognises, _read, endings=(".parquet",), place="row", binary=True)
