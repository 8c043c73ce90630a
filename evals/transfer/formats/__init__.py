"""Formats of files with rows, a module each: found by what is in the file, whatever its name is, or named."""

from __future__ import annotations

from evals.transfer.files.errors import UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source, check_encoding
from evals.transfer.formats import delimited, json_lines, json_list, openai_evals, parquet, promptfoo, workbook
from evals.transfer.formats.frame import Format, Head
from evals.transfer.formats.request_logs import langfuse, litellm, openai, opentelemetry

__all__ = ["TABLES", "TASKS", "Format", "format_of"]

# In the order in which they are tried: those that know more about a file come first, and CSV takes what is left.
TASKS: tuple[Format, ...] = (
    parquet.FORMAT,
    workbook.FORMAT,
    promptfoo.FORMAT,
    openai_evals.FORMAT,
    opentelemetry.FORMAT,
    litellm.FORMAT,
    langfuse.FORMAT,
    openai.FORMAT,
    json_list.FORMAT,
    json_lines.FORMAT,
    delimited.FORMAT,
)
# What imports of answers and votes read.
TABLES = tuple(one for one in TASKS if not one.tasks)


def format_of(source: Source, layout: Layout) -> Format:
    """Raises UnreadableError if the file is in none of the formats, or `layout` names one that there is not."""
    known = TASKS if layout.tasks else TABLES
    if layout.format != "auto":
        found = next((one for one in known if one.name == layout.format), None)
        if found is None:
            names = ", ".join(["auto", *(one.name for one in known)])
            raise UnreadableError(f"The format is one of {names}, not “{layout.format}”.")
    else:
        head = Head(source, layout.limits)
        found = next((one for one in known if one.recognises(head)), delimited.FORMAT)
        if not (found.binary or head.first[0]):
            raise UnreadableError(f"{source.name} has no rows.")
    if not found.binary:
        check_encoding(source)
    return found
