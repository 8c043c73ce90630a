"""Answers that were collected elsewhere, as a file's rows give them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from evals.catalog.names import BadValueError
from evals.transfer.files.rows import Row
from evals.transfer.files.text import Limits
from evals.transfer.files.values import (
    Fields,
    id_text,
    is_missing,
    json_value,
    money,
    name_text,
    number,
    prose,
    required,
    whole_number,
)
from evals.transfer.messages import MOST_TURNS, read_calls

__all__ = [
    "FIGURES",
    "GENERATION_FIELDS",
    "TURN_FIELDS",
    "Answer",
    "Figure",
    "answer_key",
    "in_openai_form",
    "read_answer",
]


class Figure(NamedTuple):
    """A measurement of an answer: how a cell is read, and what those of the turns make of it where the row itself does
    not tell it: the first one, their sum, or nothing. `of_attempt`: a column of `Attempt` too."""

    read: Callable[[Fields, str], Any]
    of_turns: Literal["first", "sum", "unknown"] = "unknown"
    of_attempt: bool = True


# By the field of the file, which is the column of `Generation` too.
FIGURES: dict[str, Figure] = {
    "latency_ms": Figure(number, "sum"),
    "ttft_ms": Figure(number, "first"),
    # Of the whole answer alone: those of its turns do not add up.
    "gap_ms_p50": Figure(number, of_attempt=False),
    "gap_ms_p95": Figure(number, of_attempt=False),
    "tokens_in": Figure(whole_number, "sum"),
    "tokens_out": Figure(whole_number, "sum"),
    "cost_usd": Figure(money, "sum"),
}
GENERATION_FIELDS = (
    *("task_set", "task", "model", "text", "images", "tool_calls", "turns", "sample"),
    *FIGURES,
    "error",
)
# Of one turn, beside its text and tool calls.
TURN_FIELDS = (
    "thinking",
    "finish_reason",
    "latency_ms",
    "ttft_ms",
    "tokens_in",
    "tokens_out",
    "tokens_in_cached",
    "tokens_thinking",
    "cost_usd",
)
_TURN_COUNTS = ("tokens_in", "tokens_out", "tokens_in_cached", "tokens_thinking")
_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` empty: the call succeeded, even if the text is empty. `images`: as the file names them, until they are
    read; then by their content. `figures`: in the order of `FIGURES`, None where one is not known."""

    line: int
    task: str
    model: str
    text: str
    thinking: str
    images: tuple[str, ...]
    tool_calls: list[dict[str, str]]
    turns: list[dict[str, Any]]
    sample: int | None
    figures: tuple[Any, ...]
    error: str


def answer_key(text: str, error: str, answers: list[tuple[str, tuple[str, ...]]], images: Sequence[str] = ()) -> bytes:
    """Two answers of a contender to a task are the same if their keys are equal. `answers`: the texts and calls of all
    turns (`evals.catalog.conversations.written`)."""
    more = json.dumps(answers) if len(answers) > 1 or answers[0][1] else ""
    return hashlib.sha256("\x00".join([f"{len(error)}:{error}{text}{more}", *images]).encode()).digest()


def read_answer(row: Row, limits: Limits | None = None) -> Answer:
    fields = row.fields
    limits = limits or Limits()
    error = " ".join(prose(fields.get("error"), "error").split())[:_ERROR_LENGTH]
    turns = _turns(fields.get("turns"), limits)
    if turns and not is_missing(fields.get("tool_calls")) and is_missing(fields.get("text")):
        raise BadValueError("has turns and tool_calls. Write the calls of a conversation into its turns.")
    calls = fields.get("tool_calls")
    calls = [] if is_missing(calls) else _calls(json_value(calls, "tool_calls", limits), "the row")
    images = _images(fields, limits)
    if "text" not in fields and not error and not turns and not calls and not images:
        raise BadValueError("has no text. If it is in another column, use --map text=…")
    text, thinking = _without_thinking(prose(fields.get("text"), "text"))
    if turns:
        last = turns[-1]
        if not is_missing(fields.get("text")) and text != last["text"]:
            raise BadValueError("text is not the text of the last of its turns. Leave it out, or correct one of them.")
        text, thinking, calls = last["text"], last["thinking"], last["tool_calls"]
    return Answer(
        line=row.line,
        task=id_text(required(fields, "task"), "task", longest=200),
        model=name_text(required(fields, "model"), "model", longest=255),
        text=text,
        thinking=thinking,
        images=images,
        tool_calls=calls,
        turns=turns,
        sample=whole_number(fields, "sample", least=1, most=32_767),
        error=error,
        figures=_figures(fields, turns),
    )


def _images(fields: Fields, limits: Limits | None) -> tuple[str, ...]:
    given = fields.get("images")
    if is_missing(given):
        return ()
    named = json_value(given, "images", limits or Limits())
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise BadValueError('images must be a JSON list of files, data: URLs or addresses, such as ["cat.png"].')
    return tuple(named)


def _figures(fields: Mapping[str, Any], turns: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Of the whole answer: as the row tells them, else from the turns, unknown if one of them does not tell its own."""
    told = {name: figure.read(fields, name) for name, figure in FIGURES.items()}
    p50, p95 = told["gap_ms_p50"], told["gap_ms_p95"]
    if p50 is not None and p95 is not None and p95 < p50:
        raise BadValueError("gap_ms_p95 is less than gap_ms_p50. Correct one of them.")
    for name in [name for name, value in told.items() if value is None and turns]:
        figure = FIGURES[name]
        values = [turn.get(name) for turn in turns]
        if figure.of_turns == "first":
            told[name] = values[0]
        elif figure.of_turns == "sum" and None not in values:
            total = sum(Decimal(str(one)) for one in values)
            # The sum has the limits of a figure that a row gives itself.
            told[name] = figure.read({name: str(total)}, name)
    return tuple(told.values())


def _turns(given: Any, limits: Limits) -> list[dict[str, Any]]:
    """As `Generation.turns` keeps them. One turn may be a text alone."""
    if is_missing(given):
        return []
    given = json_value(given, "turns", limits)
    if not isinstance(given, list):
        raise BadValueError('turns must be a JSON list, such as ["…", "…"] or [{"text": "…", "latency_ms": 900}, …].')
    if len(given) > MOST_TURNS:
        raise BadValueError(f"has {len(given):,} turns; the limit is {MOST_TURNS}.")
    return [_turn(f"turn {n}", {"text": one} if isinstance(one, str) else one) for n, one in enumerate(given, start=1)]


def _turn(where: str, given: Any) -> dict[str, Any]:
    known = {"text", "tool_calls", *TURN_FIELDS}
    if not isinstance(given, dict) or set(given) - known:
        what = str(min(set(given) - known) if isinstance(given, dict) else given)[:40]
        raise BadValueError(f"{where} has “{what}”; a turn is a text, or an object of {', '.join(sorted(known))}.")
    try:
        text, thinking = _without_thinking(prose(given.get("text"), "text"))
        cost = money(given, "cost_usd")
        return {
            "text": text,
            "thinking": prose(given.get("thinking"), "thinking") or thinking,
            "tool_calls": _calls(given.get("tool_calls") or [], where),
            "finish_reason": prose(given.get("finish_reason"), "finish_reason")[:40],
            "ttft_ms": number(given, "ttft_ms"),
            "latency_ms": number(given, "latency_ms"),
            **{name: whole_number(given, name) for name in _TURN_COUNTS},
            "cost_usd": None if cost is None else float(cost),
        }
    except BadValueError as error:
        raise BadValueError(f"{where}: {error}" if where not in str(error) else str(error)) from None


def _calls(given: Any, where: str) -> list[dict[str, str]]:
    """From OpenAI's form to the one that generations store."""
    return [{"id": call["id"], **call["function"]} for call in read_calls(given, where)]


def in_openai_form(calls: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "id": call.get("id", ""),
            "type": "function",
            "function": {"name": call.get("name", ""), "arguments": call.get("arguments", "")},
        }
        for call in calls
    ]


def _without_thinking(text: str) -> tuple[str, str]:
    # With the first answer: it brings the clients of providers along, and httpx, which no page needs.
    from evals.collection.providers.answer import without_thinking  # noqa: PLC0415

    return without_thinking(text)
