"""One row of a file of answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from evals.services.importing.errors import BadValueError
from evals.services.importing.reading import Row
from evals.services.importing.values import money, name_text, number, prose, required, whole_number

__all__ = ["GENERATION_FIELDS", "Answer", "answer_key", "read_answer"]

GENERATION_FIELDS = (
    "task_set",
    "task",
    "model",
    "text",
    "sample",
    "latency_ms",
    "ttft_ms",
    "tokens_in",
    "tokens_out",
    "cost_usd",
    "error",
)
_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` empty: the call succeeded, whatever the text, even none."""

    line: int
    task: str
    model: str
    text: str
    sample: int | None
    latency_ms: float | None
    ttft_ms: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: Decimal | None
    error: str

    @property
    def key(self) -> bytes:
        return answer_key(self.text, self.error)


def answer_key(text: str, error: str) -> bytes:
    """Two answers of a contender to a task are the same if these are."""
    return hashlib.sha256(f"{len(error)}:{error}{text}".encode()).digest()


def read_answer(row: Row) -> Answer:
    fields = row.fields
    error = " ".join(prose(fields.get("error"), "error").split())[:_ERROR_LENGTH]
    if "text" not in fields and not error:
        raise BadValueError("has no text. Is it in another column? --map text=…")
    return Answer(
        line=row.line,
        task=name_text(required(fields, "task"), "task", longest=200),
        model=name_text(required(fields, "model"), "model", longest=255),
        text=prose(fields.get("text"), "text"),
        sample=whole_number(fields, "sample", least=1, most=32_767),
        latency_ms=number(fields, "latency_ms"),
        ttft_ms=number(fields, "ttft_ms"),
        tokens_in=whole_number(fields, "tokens_in"),
        tokens_out=whole_number(fields, "tokens_out"),
        cost_usd=money(fields, "cost_usd"),
        error=error,
    )
