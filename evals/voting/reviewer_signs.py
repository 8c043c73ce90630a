"""What the reviewers' page says of how somebody votes: a sign, a word, and the figures behind them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from arena.ui.numbers import rate, whole
from arena.ui.wording import count
from evals.ratings.agreement import Agreement
from evals.ratings.health import Finding, State
from evals.voting.queries.reviewers import Health

__all__ = ["TICKS", "Sign", "signs"]

Tick = Literal["ok", "fail", "unknown"]
TICKS: Mapping[State, Tick] = {"good": "ok", "bad": "fail", "unknown": "unknown"}
_NOT_ENOUGH = "not enough evidence"
# Categories named where a leader depends on somebody; the rest are counted.
_NAMED = 2


@dataclass(frozen=True)
class Sign:
    """`tick` as `ui/_tick.html` takes it; `label` names the cell where the table is stacked."""

    label: str
    tick: Tick
    words: str
    facts: str


def signs(health: Health, *, counts: bool) -> tuple[Sign, ...]:
    """In the order of the page's columns. `counts`: whether the votes do."""
    return (
        _agreement(health.agreement),
        _side(health.side),
        _speed(health.speed),
        _leader(health.leaders, counts=counts),
    )


def _agreement(found: Agreement) -> Sign:
    if found.share is None or found.ci95 is None or found.chance is None:
        return Sign("agreement", "unknown", "no shared battles", "")
    words = {
        "good": "more than chance",
        "bad": "less than chance" if found.ci95[1] < found.chance else "hardly more than chance",
        "unknown": _NOT_ENOUGH,
    }
    others = "" if found.others is None else f"others {rate(found.others)}, "
    facts = f"{rate(found.share)} on {count(found.n, 'battle')}, {others}chance {rate(found.chance)}"
    return Sign("agreement", TICKS[found.state], words[found.state], facts)


def _side(found: Finding) -> Sign:
    if found.share is None:
        return Sign("side", "unknown", "sides not known", "")
    prefers = "prefers the left" if found.share > 0.5 else "prefers the right"
    words = {"good": "no preference", "bad": prefers, "unknown": _NOT_ENOUGH}
    return Sign("side", TICKS[found.state], words[found.state], f"left won {rate(found.share)} of {whole(found.n)}")


def _speed(found: Finding) -> Sign:
    if found.share is None:
        return Sign("speed", "unknown", "times not known", "")
    words = {"good": "takes time to read", "bad": "too fast to have read", "unknown": _NOT_ENOUGH}
    return Sign("speed", TICKS[found.state], words[found.state], f"{rate(found.share)} of {whole(found.n)} too fast")


def _leader(leaders: Mapping[str, str | None], *, counts: bool) -> Sign:
    changed = sorted((category, leader) for category, leader in leaders.items() if leader is not None)
    if not changed:
        if leaders:
            return Sign("leaders", "ok", "hold without them", "")
        return Sign("leaders", "unknown", "nobody else voted" if counts else "not counted", "")
    facts = [f"{category}: {leader} would lead" for category, leader in changed[:_NAMED]]
    if len(changed) > _NAMED:
        facts.append(f"{len(changed) - _NAMED} more")
    return Sign("leaders", "fail", "depend on them", "; ".join(facts))
