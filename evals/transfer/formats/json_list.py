"""JSON: one list of objects, each of which is a row."""

from __future__ import annotations

from collections.abc import Iterator

from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source
from evals.transfer.formats.frame import Format, Head, Values
from evals.transfer.formats.request_logs.records import json_records

__all__ = ["FORMAT"]


def _recognises(head: Head) -> bool:
    return head.text.lstrip().startswith("[")


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    names: set[str] = set()
    for place, values in json_records(source, layout, problems):
        names.update(values)
        yield place, values
    if names:
        layout.check_wanted(names)


FORMAT = Format("json", "JSON list", _recognises, _read, endings=(".json",), place="record", tasks=True)
