"""How a reviewer votes, for the reviewers' page: a sign, a word, and the figures behind them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from arena.ui.numbers import MINUS, rate, whole
from arena.ui.wording import count
from evals.ratings.agreement import Agreement, Alpha
from evals.ratings.health import Finding, State
from evals.voting.queries.reviewers import Health

__all__ = ["TICKS", "Sign", "alpha_sign", "gold_sign", "hundredths", "side_sign", "signs", "speed_sign"]

Tick = Literal["ok", "fail", "unknown"]
TICKS: Mapping[State, Tick] = {"good": "ok", "bad": "fail", "unknown": "unknown"}
_NOT_ENOUGH = "not enough evidence"
# Categories named, at most, in which a leader depends on the reviewer; the rest are counted.
_NAMED = 2


@dataclass(frozen=True)
class Sign:
    """`tick` as `ui/_tick.html` takes it; `label` names the cell where the table is stacked."""

    label: str
    tick: Tick
    words: str
    facts: str


def signs(health: Health, *, counts: bool) -> tuple[Sign, ...]:
    """In the order of the list's columns, which have no room for intervals. `counts`: whether the votes do."""
    return (
        _agreement(health.agreement),
        gold_sign(health.gold, interval=False),
        side_sign(health.side, interval=False),
        speed_sign(health.speed, interval=False),
        _leader(health.leaders, counts=counts),
    )


def alpha_sign(found: Alpha) -> Sign:
    """How one reviewer agrees with the others."""
    if found.alpha is None or found.ci95 is None:
        return Sign("agreement", "unknown", "not known", found.why)
    words = {"good": "more than chance", "bad": "hardly more than chance", "unknown": _NOT_ENOUGH}
    low, high = found.ci95
    facts = (
        f"alpha {hundredths(found.alpha)} ({hundredths(low)} to {hundredths(high)}) on {count(found.battles, 'battle')}"
    )
    return Sign("agreement", TICKS[found.state], words[found.state], facts)


def gold_sign(found: Finding, *, interval: bool = True) -> Sign:
    if found.share is None:
        return Sign("gold", "unknown", "no gold battles", "")
    words = {"good": "as marked", "bad": "often not as marked", "unknown": _NOT_ENOUGH}
    facts = f"{rate(found.share)} of {count(found.n, 'gold battle')}{_ci95(found) if interval else ''}"
    return Sign("gold", TICKS[found.state], words[found.state], facts)


def hundredths(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


def _ci95(found: Finding) -> str:
    return f" ({rate(found.ci95[0])} to {rate(found.ci95[1])})" if found.ci95 else ""


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


def side_sign(found: Finding, *, interval: bool = True) -> Sign:
    if found.share is None:
        return Sign("side", "unknown", "sides not known", "")
    prefers = "prefers the left" if found.share > 0.5 else "prefers the right"
    words = {"good": "no preference", "bad": prefers, "unknown": _NOT_ENOUGH}
    facts = f"left won {rate(found.share)} of {whole(found.n)}{_ci95(found) if interval else ''}"
    return Sign("side", TICKS[found.state], words[found.state], facts)


def speed_sign(found: Finding, *, interval: bool = True) -> Sign:
    if found.share is None:
        return Sign("speed", "unknown", "times not known", "")
    words = {"good": "takes time to read", "bad": "too fast to have read", "unknown": _NOT_ENOUGH}
    facts = f"{rate(found.share)} of {whole(found.n)} too fast{_ci95(found) if interval else ''}"
    return Sign("speed", TICKS[found.state], words[found.state], facts)


def _leader(leaders: Mapping[str, str | None], *, counts: bool) -> Sign:
    changed = sorted((category, leader) for category, leader in leaders.items() if leader is not None)
    if not changed:
        if leaders:
            return Sign("leaders", "ok", "hold without them", "")
        return Sign("leaders", "unknown", "no other votes" if counts else "not counted", "")
    facts = [f"{category}: {leader} would lead" for category, leader in changed[:_NAMED]]
    if len(changed) > _NAMED:
        facts.append(f"{len(changed) - _NAMED} more")
    return Sign("leaders", "fail", "depend on them", "; ".join(facts))
