"""A conversation's answers, one after the other: what each puts into the next request, and what they are together.

Text, thinking, calls and ending of a generation are those of its last answer. Latency, tokens and cost are the sums
over all of them, unknown if one of them is; the time to the first token is the first answer's. The gaps are those of
the answer that came in the most chunks: the longest, as a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from evals.collection.providers import UNKNOWN, Cost, ProviderError, Reply, Usage

__all__ = ["as_messages", "spent_before", "sum_of_costs", "to_json", "whole"]

# A call without a result cannot be followed by anything else: every provider refuses that.
_NOT_RUN = "This tool was not run, so there is no result."
_ERROR_CHARS = 500


def as_messages(reply: Reply, *, turn: int) -> Iterator[dict[str, Any]]:
    """The answer as a part of the conversation, in OpenAI's form, without its thinking."""
    calls = [(call.id or f"call_{turn}_{n}", call) for n, call in enumerate(reply.tool_calls, start=1)]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or ("[image]" if reply.images else None)}
    if calls:
        message["tool_calls"] = [
            {"id": told, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for told, call in calls
        ]
    yield message
    for told, _ in calls:
        yield {"role": "tool", "tool_call_id": told, "content": _NOT_RUN}


def whole(replies: Sequence[Reply]) -> Reply:
    """One reply for all. `refused` if one of them is."""
    if len(replies) == 1:
        return replies[0]
    return replace(
        replies[-1],
        latency_ms=sum(reply.latency_ms for reply in replies),
        ttft_ms=replies[0].ttft_ms,
        gaps=max((reply.gaps for reply in replies), key=lambda gaps: (gaps.p50 is not None, gaps.chunks or 0)),
        usage=_sum_of_usages([reply.usage for reply in replies], _known),
        refused=any(reply.refused for reply in replies),
    )


def to_json(reply: Reply, cost: Cost) -> dict[str, Any]:
    """An entry of `Generation.turns`."""
    return {
        "text": reply.text,
        "thinking": reply.thinking,
        "tool_calls": [call.to_json() for call in reply.tool_calls],
        # How many of the generation's images came with this answer.
        "images": len(reply.images),
        "finish_reason": reply.finish_reason,
        "ttft_ms": reply.ttft_ms,
        "latency_ms": reply.latency_ms,
        "tokens_in": reply.usage.tokens_in,
        "tokens_out": reply.usage.tokens_out,
        "tokens_in_cached": reply.usage.tokens_in_cached,
        "tokens_thinking": reply.usage.tokens_thinking,
        "cost_usd": None if cost.usd is None else float(cost.usd),
    }


def spent_before(error: ProviderError, replies: Sequence[Reply], *, turns: int) -> None:
    """Adds to a failed turn's measurements those of the turns before it, which are answered and paid for. Tokens that
    the failed call did not tell are left out."""
    if turns > 1:
        error.detail = f"turn {len(replies) + 1} of {turns}: {error.detail}"[:_ERROR_CHARS]
    if replies:
        error.ttft_ms = replies[0].ttft_ms
        error.latency_ms = sum(reply.latency_ms for reply in replies) + (error.latency_ms or 0)
        error.usage = _sum_of_usages([*(reply.usage for reply in replies), error.usage], _told)


def sum_of_costs(costs: Sequence[Cost]) -> Cost:
    """Unknown if one is. The source is the least sure one: the provider's own word only if it told every cost."""
    known = [cost.usd for cost in costs if cost.usd is not None]
    if len(known) < len(costs):
        return UNKNOWN
    charged = [cost.source for cost in costs if cost.usd] or [costs[-1].source]
    return Cost(sum(known, Decimal(0)), max(charged, key=_SOURCES.index))


_SOURCES = ("", "provider", "contender", "list")


def _sum_of_usages(usages: Sequence[Usage], add: Callable[[Iterable[Any]], Any]) -> Usage:
    return Usage(**{one.name: add(getattr(usage, one.name) for usage in usages) for one in fields(Usage)})


def _known(counts: Iterable[Any]) -> Any:
    counts = list(counts)
    return None if None in counts else sum(counts)


def _told(counts: Iterable[Any]) -> Any:
    counts = [count for count in counts if count is not None]
    return sum(counts) if counts else None
