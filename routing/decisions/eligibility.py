"""Who may be routed at all: hard limits, conditions, exclusions. Pure.

A limit that cannot be measured is not met (`unknown`), whoever the contender is. A route's own conditions are limits
too: a route for first tokens within 500 ms holds only contenders whose measured first tokens come within 500 ms, and a
`local_only` route holds only local ones, fallbacks and escalation included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import UNSET
from msgspec.structs import replace

from arena.ui.wording import milliseconds, money, share
from evals.ratings import Rating
from routing.decisions.evidence import MIN_MEASUREMENTS, Measured, Model
from routing.policy.schema import Limits, When

__all__ = [
    "EXCLUSION",
    "IN_USE",
    "Check",
    "CheckState",
    "Entrant",
    "binding_limits",
    "entrant",
    "figure",
    "may_stand_in",
    "may_take_over",
    "second_provider_held",
]

TIER = "Tier"
IN_USE = "In use"
EXCLUSION = "Policy"


@dataclass(frozen=True)
class Entrant:
    """A contender before a route: what was checked. `breaches` empty means it may be routed.

    `evidence` is the category's, then the pooled, of all contenders: read only where a limit or an objective asks,
    because measuring costs more than deciding.
    """

    model: Model
    rating: Rating | None
    evidence: tuple[Mapping[str, Measured], ...]
    checks: tuple[Check, ...] = field(default=())

    @property
    def slug(self) -> str:
        return self.model.slug

    @property
    def breaches(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.state != "ok")

    @property
    def eligible(self) -> bool:
        return not self.breaches


def binding_limits(limits: Limits, when: When) -> Limits:
    """Limits, tightened by a route's conditions."""
    made = limits
    if when.local_only is True:
        made = replace(made, locality="local")
    if when.needs is not UNSET:
        made = replace(made, capabilities=sorted({*made.capabilities, *when.needs}))
    for condition, limit in (
        ("max_ttft_ms", "max_ttft_ms"),
        ("max_latency_ms", "max_latency_ms"),
        ("max_usd", "max_usd_per_success"),
    ):
        asked, own = getattr(when, condition), getattr(made, limit)
        if asked is not UNSET and (own is None or asked < own):
            made = replace(made, **{limit: asked})
    return made


def entrant(
    model: Model,
    *,
    rating: Rating | None = None,
    evidence: tuple[Mapping[str, Measured], ...] = (),
    limits: Limits,
    excluded: bool = False,
) -> Entrant:
    bare = Entrant(model, rating, evidence)
    checks = [*_standing(model, excluded), *_fixed(model, limits), *_measured(bare, limits)]
    return Entrant(model, rating, evidence, tuple(checks))


def may_take_over(one: Entrant, limits: Limits) -> bool:
    """For `escalate_to`, which is stronger and so slower and dearer: all but the measured limits bind it."""
    return all(check.state == "ok" for check in (*_fixed(one.model, limits), *one.checks[:2]) if check.label != TIER)


def may_stand_in(one: Entrant) -> bool:
    """For `fallback_to`: everything binds it but the tier, which says whom the route itself looks for."""
    return all(breach.label == TIER for breach in one.breaches)


def second_provider_held(entrants: Mapping[str, Entrant], stand_ins: Iterable[str]) -> dict[str, Entrant]:
    """For a route that requires a second provider: whoever leaves no one of `stand_ins` at another is kept out."""
    providers = {entrants[slug].model.provider for slug in stand_ins}
    made = {}
    for slug, one in entrants.items():
        others = bool(providers - {one.model.provider})
        value = "somebody there may stand in" if others else "nobody there may stand in"
        check = Check("ok" if others else "fail", "Second provider", value)
        made[slug] = Entrant(one.model, one.rating, one.evidence, (*one.checks, check))
    return made


def _standing(model: Model, excluded: bool) -> Iterator[Check]:
    yield Check("fail" if model.retired else "ok", IN_USE, "retired" if model.retired else "not retired")
    yield Check("fail" if excluded else "ok", EXCLUSION, "excluded" if excluded else "not excluded")


def _fixed(model: Model, limits: Limits) -> Iterator[Check]:
    """What is known of a contender without measuring."""
    if limits.locality is not None:
        yield Check("ok" if model.locality == limits.locality else "fail", "Locality", model.locality)
    if limits.capabilities:
        lacks = [one for one in limits.capabilities if one not in model.capabilities]
        yield Check("fail" if lacks else "ok", "Capabilities", f"lacks {', '.join(lacks)}" if lacks else "has all")
    if limits.tiers:
        yield Check("ok" if model.tier in limits.tiers else "fail", TIER, str(model.tier))
    if limits.min_context_tokens is not None:
        known = model.context_tokens
        state = "unknown" if known is None else "ok" if known >= limits.min_context_tokens else "fail"
        value = "unknown" if known is None else f"{known:,} tokens"
        yield Check(state, "Context", f"{value}, needs {limits.min_context_tokens:,}")  # type: ignore[arg-type]


_NOTHING = Measured()
Reader = Callable[[Measured], tuple[float | None, int]]

# limit -> label, how it is read, whether more is better, how it is written
_MEASURED: Mapping[str, tuple[str, Reader, bool, Callable[[float], str]]] = {
    "max_ttft_ms": ("First token, p95", lambda seen: (seen.ttft_ms.p95, seen.ttft_ms.n), False, milliseconds),
    "max_latency_ms": ("Latency, p95", lambda seen: (seen.latency_ms.p95, seen.latency_ms.n), False, milliseconds),
    "max_usd_per_success": ("Cost per success", lambda seen: (seen.usd_per_success, seen.n), False, money),
    "min_success_rate": ("Success", lambda seen: (seen.success_rate, seen.n), True, share),
    "min_schema_ok_rate": ("Schema holds", lambda seen: (seen.schema_ok_rate, seen.n), True, share),
    "max_error_rate": ("Errors", lambda seen: (seen.error_rate, seen.n), False, share),
    "max_refusal_rate": ("Refusals", lambda seen: (seen.refusal_rate, seen.n), False, share),
}


def _measured(one: Entrant, limits: Limits) -> Iterator[Check]:
    for name, (label, read, more_is_better, write) in _MEASURED.items():
        limit = getattr(limits, name)
        if limit is None:
            continue
        value, n = _read(one, read)
        if value is None:
            yield Check("unknown", label, f"{n} of {MIN_MEASUREMENTS} measurements" if n else "not measured")
            continue
        holds = value >= limit if more_is_better else value <= limit
        yield Check("ok" if holds else "fail", label, f"{write(value)}, limit {write(limit)}")
    if limits.max_both_bad_rate is not None:
        yield _both_bad(one.rating, limits.max_both_bad_rate)


def _both_bad(rating: Rating | None, limit: float) -> Check:
    label = "Both-bad rate"
    if rating is None or rating.both_bad_rate is None:
        return Check("unknown", label, "no votes")
    holds = rating.both_bad_rate <= limit
    return Check("ok" if holds else "fail", label, f"{share(rating.both_bad_rate)}, limit {share(limit)}")


def _read(one: Entrant, read: Reader) -> tuple[float | None, int]:
    """The category's figure, else the pooled one; too few measurements are none, and their number is told."""
    most = 0
    for source in one.evidence:
        value, n = read(source.get(one.slug, _NOTHING))
        if value is not None and n >= MIN_MEASUREMENTS:
            return value, n
        most = max(most, n)
    return None, most


def figure(one: Entrant, objective: str, when: Mapping[str, Any]) -> float | None:
    """What an objective compares, less is better; None where it is not measured well enough.

    `fastest` is about the first token where the route's condition is, else about the whole answer.
    """
    if objective == "cheapest":
        return _read(one, _MEASURED["max_usd_per_success"][1])[0]
    if objective == "fastest":
        return _read(one, _MEASURED["max_ttft_ms" if "max_ttft_ms" in when else "max_latency_ms"][1])[0]
    rate = _read(one, _MEASURED["min_schema_ok_rate"][1])[0]
    return None if rate is None else 1 - rate


CheckState = Literal["ok", "wait", "fail", "unknown"]


@dataclass(frozen=True)
class Check:
    """One thing a switch needs: holds (ok), not yet (wait), breached (fail), not enough evidence (unknown)."""

    state: CheckState
    label: str
    value: str
