"""What a call used, as its provider counted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["Usage", "count", "merged"]

# More than any model reads or writes: a larger count is ignored.
_MOST_TOKENS = 100_000_000
_MOST_USD = Decimal(100_000)


@dataclass(frozen=True)
class Usage:
    """Tokens; None: not told. `tokens_in` holds those read from and written to a cache, `tokens_out` those of thinking.

    `cost_usd` is what the provider says it will charge.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_in_cached: int | None = None
    tokens_in_cache_written: int | None = None
    tokens_thinking: int | None = None
    cost_usd: Decimal | None = None


def count(value: Any) -> int | None:
    """A number of tokens, or None for what is none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS:
        return value
    return None


def cost(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        told = Decimal(str(value))
    except InvalidOperation:
        return None
    return told if told.is_finite() and 0 <= told <= _MOST_USD else None


def merged(known: Usage, told: Usage) -> Usage:
    """Running counts replace each other; what is not told, or a zero after a number, replaces nothing."""
    newer = {name: value for name, value in vars(told).items() if value or (value == 0 and not getattr(known, name))}
    return replace(known, **newer)


def of_openai(usage: Any) -> Usage:
    """The `usage` object of OpenAI's chat completions, in the forms that other servers give it."""
    if not isinstance(usage, Mapping):
        return Usage()
    tokens_in, tokens_out = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    read, written = _within(usage, "prompt_tokens_details")
    thinking = count(_of(usage, "completion_tokens_details").get("reasoning_tokens"))
    total = count(usage.get("total_tokens"))
    if (
        tokens_in is not None
        and tokens_out is not None
        and thinking
        and total is not None
        and tokens_in + tokens_out + thinking == total
    ):
        # xAI counts thinking beside the completion, and the total proves it.
        tokens_out += thinking
    cached = read if read is not None else count(usage.get("prompt_cache_hit_tokens"))
    return Usage(tokens_in, tokens_out, cached, written, thinking, cost(usage.get("cost")))


def _within(usage: Mapping[str, Any], name: str) -> tuple[int | None, int | None]:
    details = _of(usage, name)
    return count(details.get("cached_tokens")), count(details.get("cache_write_tokens"))


def _of(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = usage.get(name)
    return inner if isinstance(inner, Mapping) else {}
