"""A route's conditions as a page shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from routing.wording import listed, milliseconds, money

__all__ = ["Chip", "chips"]


class Chip(NamedTuple):
    """`label` in plain, `value` in bold."""

    label: str
    value: str

    @property
    def text(self) -> str:
        return f"{self.label} {self.value}".strip()


def chips(when: Mapping[str, Any]) -> list[Chip]:
    """One a condition, in the order the route has them; one this version does not know is shown as it stands."""
    return [_chip(key, value) for key, value in when.items()]


def _chip(key: str, value: Any) -> Chip:
    written = {
        "max_ttft_ms": lambda: Chip("first token", f"≤ {milliseconds(value)}"),
        "max_latency_ms": lambda: Chip("latency", f"≤ {milliseconds(value)}"),
        "max_usd": lambda: Chip("cost", f"≤ {money(value)}"),
        "local_only": lambda: Chip("", "local only" if value else "not local only"),
        "needs": lambda: Chip("needs", listed(list(value))),
        "prompt_chars_lt": lambda: Chip("prompt", f"< {value:,} characters"),
        "prompt_tokens_lt": lambda: Chip("prompt", f"< {value:,} tokens"),
        "complexity": lambda: Chip("", str(value)),
        "reasoning": lambda: Chip("", "reasoning" if value else "no reasoning"),
        "label": lambda: Chip("label", str(value)),
    }
    return written[key]() if key in written else Chip(key, str(value))
