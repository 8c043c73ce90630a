"""JSONL: one JSON object on each line."""

from __future__ import annotations

from collections.abc import Iterator

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import UNREAD_TEXT, Layout
from evals.transfer.files.text import Source, parse_json, text_lines
from evals.transfer.formats.frame import Format, Head, Values

__all__ = ["FORMAT"]


def _recognises(head: Head) -> bool:
    return head.first[1].lstrip().startswith(("{", "["))


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    names: set[str] = set()
    for line, text in text_lines(source, layout.limits):
        if not text.strip():
            continue
        if not names and text.lstrip().startswith("[") and not problems.total:
            raise UnreadableError(
                f"line {line}: {source.name} is one JSON list. Write one object a line (JSONL), without the list."
            )
        try:
            values = parse_json(text, layout.limits)
        except BadValueError as error:
            problems.add(line, str(error), unread={UNREAD_TEXT: text.rstrip()})
            continue
        if not isinstance(values, dict):
            reason = 'is not a JSON object. Write {"field": value, …} on each line.'
            problems.add(line, reason, unread={UNREAD_TEXT: text.rstrip()})
            continue
        names.update(values)
        yield line, values
    if names:
        layout.check_wanted(names)


FORMAT = Format("jsonl", "JSONL", _recognises, _read, endings=(".jsonl", ".ndjson"))
