"""A request as its caller describes it, and the conditions of a route's `when` (rules 3 and 4 of the contract)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from arena_routing._estimates import Thresholds, complexity_of, fewer_tokens, texts_of

__all__ = ["Ask", "Condition", "conditions"]


class Ask:
    """None is "not said", which no condition ever matches. What the prompt tells is worked out when first wanted."""

    __slots__ = (
        "_texts",
        "category",
        "complexity",
        "demanding",
        "label",
        "local_only",
        "max_latency_ms",
        "max_ttft_ms",
        "max_usd",
        "messages",
        "needs",
        "prompt",
        "prompt_tokens",
        "reasoning",
    )

    def __init__(
        self,
        category: str,
        *,
        prompt: str | None,
        messages: Sequence[Mapping[str, Any]] | None,
        needs: frozenset[str],
        local_only: bool,
        max_ttft_ms: float | None,
        max_latency_ms: float | None,
        max_usd: float | None,
        prompt_tokens: int | None,
        complexity: str | None,
        reasoning: bool | None,
        label: str | None,
    ) -> None:
        self.category = category
        self.prompt = prompt
        self.messages = messages
        self.needs = needs
        self.local_only = local_only
        self.max_ttft_ms = max_ttft_ms
        self.max_latency_ms = max_latency_ms
        self.max_usd = max_usd
        self.prompt_tokens = prompt_tokens
        self.complexity = complexity
        self.reasoning = reasoning
        self.label = label
        # Whether rules 5 and 6 could turn anybody away.
        self.demanding = bool(
            local_only or needs or max_ttft_ms is not None or max_latency_ms is not None or max_usd is not None
        )
        self._texts: list[str] | None = None

    @property
    def texts(self) -> list[str] | None:
        if self._texts is None:
            self._texts = texts_of(self.prompt, self.messages)
        return self._texts


Condition = Callable[[Ask], bool]


def conditions(when: Mapping[str, Any], thresholds: Thresholds | None) -> tuple[Condition, ...]:
    """What `when` asks of a request, all of which must hold; what costs most is asked last. Unknown keys, and values of
    a kind this version does not know, never hold.

    `thresholds` are the table's, or None if its method of telling complexity is not known here.
    """
    made = []
    for key in sorted(when, key=lambda one: _DEAREST_LAST.index(one) if one in _DEAREST_LAST else -1):
        make = _MAKERS.get(key)
        one = make(when[key], thresholds) if make is not None else None
        made.append(one if one is not None else _never)
    return tuple(made)


_DEAREST_LAST = ("prompt_chars_lt", "prompt_tokens_lt", "complexity")


def _never(ask: Ask) -> bool:
    return False


def _at_most(given: Callable[[Ask], float | None]) -> Callable[[Any, Thresholds | None], Condition | None]:
    def make(value: Any, thresholds: Thresholds | None) -> Condition | None:
        if not _is_number(value):
            return None

        def holds(ask: Ask) -> bool:
            wish = given(ask)
            return wish is not None and wish <= value

        return holds

    return make


def _fewer_chars(value: Any, thresholds: Thresholds | None) -> Condition | None:
    def holds(ask: Ask) -> bool:
        texts = ask.texts
        return texts is not None and sum(map(len, texts)) < value

    return holds if _is_number(value) else None


def _fewer_tokens(value: Any, thresholds: Thresholds | None) -> Condition | None:
    def holds(ask: Ask) -> bool:
        if ask.prompt_tokens is not None:
            return bool(ask.prompt_tokens < value)
        texts = ask.texts
        return texts is not None and fewer_tokens(texts, value)

    return holds if _is_number(value) else None


def _complexity(value: Any, thresholds: Thresholds | None) -> Condition:
    def holds(ask: Ask) -> bool:
        if ask.complexity is not None:
            return bool(ask.complexity == value)
        texts = ask.texts
        return texts is not None and thresholds is not None and complexity_of(texts, thresholds) == value

    return holds


def _needs(value: Any, thresholds: Thresholds | None) -> Condition | None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    wanted = frozenset(value)
    return lambda ask: wanted <= ask.needs


def _local_only(value: Any, thresholds: Thresholds | None) -> Condition | None:
    return (lambda ask: ask.local_only == value) if isinstance(value, bool) else None


def _reasoning(value: Any, thresholds: Thresholds | None) -> Condition | None:
    return (lambda ask: ask.reasoning == value) if isinstance(value, bool) else None


def _label(value: Any, thresholds: Thresholds | None) -> Condition | None:
    return (lambda ask: ask.label == value) if isinstance(value, str) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_MAKERS: Mapping[str, Callable[[Any, Thresholds | None], Condition | None]] = {
    "max_ttft_ms": _at_most(lambda ask: ask.max_ttft_ms),
    "max_latency_ms": _at_most(lambda ask: ask.max_latency_ms),
    "max_usd": _at_most(lambda ask: ask.max_usd),
    "local_only": _local_only,
    "needs": _needs,
    "prompt_chars_lt": _fewer_chars,
    "prompt_tokens_lt": _fewer_tokens,
    "complexity": _complexity,
    "reasoning": _reasoning,
    "label": _label,
}
