"""Who may be routed at all: hard limits, conditions, exclusions. Pure.

A limit that cannot be measured is not met (`unknown`), whoever the contender is. A route's own conditions are limits
too: a route for first tokens within 500 ms holds only contenders whose measured first tokens come within 500 ms, and a
`local_only` route holds only local ones, fallbacks and escalation included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evals.ratings import Rating
from routing.decisions.evidence import MIN_MEASUREMENTS, Measured, Model
from routing.policy.schema import CONDITIONS, LIMITS, RELATIONS, LimitRule, Limits, When, tightest

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

TIER = LIMITS["tiers"].binds.check
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
    made: dict[str, Any] = {}
    for name, one in CONDITIONS.items():
        asks, value = one.asks, getattr(when, name)
        bound = asks.bound(value) if asks.binds and value is not None else None
        if bound is not None:
            own = made.get(asks.binds, getattr(limits, asks.binds))
            made[asks.binds] = tightest(LIMITS[asks.binds].binds, own, bound)
    return replace(limits, **made)


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


def _set(limits: Limits) -> Iterator[tuple[LimitRule, Any]]:
    for name, one in LIMITS.items():
        limit = getattr(limits, name)
        if limit is not None and limit != ():
            yield one, limit


def _fixed(model: Model, limits: Limits) -> Iterator[Check]:
    """What is known of a contender without measuring."""
    for one, limit in _set(limits):
        if one.binds.of == "model":
            yield _fixed_check(one, getattr(model, one.binds.figure), limit)


def _fixed_check(one: LimitRule, value: Any, limit: Any) -> Check:
    binds = one.binds
    if value is None:
        return Check("unknown", binds.check, f"unknown, needs {one.format(limit)}")
    state: CheckState = "ok" if RELATIONS[binds.how](value, limit) else "fail"
    if binds.how == "has_all":
        lacks = ", ".join(word for word in limit if word not in value)
        return Check(state, binds.check, f"lacks {lacks}" if lacks else "has all")
    if binds.how in ("equals", "one_of"):
        return Check(state, binds.check, str(value))
    return Check(state, binds.check, f"{one.format(value)}, needs {one.format(limit)}")


def _measured(entrant: Entrant, limits: Limits) -> Iterator[Check]:
    for one, limit in _set(limits):
        binds = one.binds
        if binds.of == "evidence":
            value, n = _read(entrant, binds.figure)
            few = 0 < n < MIN_MEASUREMENTS
            unknown = f"{n} of {MIN_MEASUREMENTS} measurements" if few else "not measured"
        elif binds.of == "rating":
            value, unknown = getattr(entrant.rating, binds.figure, None), "no votes"
        else:
            continue
        if value is None:
            yield Check("unknown", binds.check, unknown)
            continue
        holds = RELATIONS[binds.how](value, limit)
        yield Check("ok" if holds else "fail", binds.check, f"{one.format(value)}, limit {one.format(limit)}")


_NOTHING = Measured()


def _read(one: Entrant, figure: str) -> tuple[float | None, int]:
    """The category's figure, else the pooled one; too few measurements are none, and their number is told."""
    most = 0
    spread, _, name = figure.rpartition(".")
    for source in one.evidence:
        seen = source.get(one.slug, _NOTHING)
        holder = getattr(seen, spread) if spread else seen
        value, n = getattr(holder, name), holder.n
        if value is not None and n >= MIN_MEASUREMENTS:
            return value, n
        most = max(most, n)
    return None, most


def figure(one: Entrant, objective: str, when: Mapping[str, Any]) -> float | None:
    """What an objective compares, less is better; None where it is not measured well enough.

    `fastest` is about the first token where the route's condition is, else about the whole answer.
    """
    if objective == "cheapest":
        return _read(one, "usd_per_success")[0]
    if objective == "fastest":
        return _read(one, "ttft_ms.p95" if "max_ttft_ms" in when else "latency_ms.p95")[0]
    rate = _read(one, "schema_ok_rate")[0]
    return None if rate is None else 1 - rate


CheckState = Literal["ok", "wait", "fail", "unknown"]


@dataclass(frozen=True)
class Check:
    """One thing a switch needs: holds (ok), not yet (wait), breached (fail), not enough evidence (unknown)."""

    state: CheckState
    label: str
    value: str
