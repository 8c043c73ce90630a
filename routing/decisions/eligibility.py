"""Who may be routed at all: hard limits, conditions, exclusions. Pure.

A limit that cannot be measured is not met (`unknown`), for any contender; the one on votes (both bad) is a floor, which
nothing breaches before it was voted on. A route's own conditions are limits too: a
route for first tokens within 500 ms has only contenders whose measured first tokens come within 500 ms, and a
`local_only` route has only local ones, fallbacks and escalation included.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from evals.catalog.cards import ContenderCard
from evals.leaderboards.measurements import Evidence
from evals.ratings import Rating
from routing.decisions.evidence import MIN_MEASUREMENTS
from routing.policy.schema import CONDITIONS, LIMITS, RELATIONS, LimitRule, Limits, When, tightest

__all__ = [
    "EXCLUSION",
    "IN_USE",
    "Candidate",
    "Check",
    "CheckState",
    "binding_limits",
    "check_candidate",
    "may_be_named_fallback",
    "may_escalate_to",
    "objective_value",
    "require_second_provider",
]

TIER = LIMITS["tiers"].binds.check
IN_USE = "In use"
EXCLUSION = "Policy"

CheckState = Literal["ok", "wait", "fail", "unknown"]


@dataclass(frozen=True)
class Check:
    """One condition: met (ok), not met yet (wait), breached (fail), or without enough evidence (unknown)."""

    state: CheckState
    label: str
    value: str


@dataclass(frozen=True)
class Candidate:
    """A contender before a route, with what was checked. Without `breaches` it may be routed.

    `evidence` is the category's, then the pooled, of all contenders: read only where a limit or an objective asks,
    because measuring costs more than deciding.
    """

    contender: ContenderCard
    rating: Rating | None
    evidence: tuple[Mapping[str, Evidence], ...]
    checks: tuple[Check, ...] = ()

    @property
    def slug(self) -> str:
        return self.contender.slug

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
    return dataclasses.replace(limits, **made)


def check_candidate(
    contender: ContenderCard,
    *,
    rating: Rating | None = None,
    evidence: tuple[Mapping[str, Evidence], ...] = (),
    limits: Limits,
    excluded: bool = False,
) -> Candidate:
    unchecked = Candidate(contender, rating, evidence)
    checks = (*_availability(contender, excluded), *_fixed(contender, limits), *_measured(unchecked, limits))
    return dataclasses.replace(unchecked, checks=checks)


def may_escalate_to(candidate: Candidate, limits: Limits) -> bool:
    """For `escalate_to`, whose contender is stronger and so slower and dearer: all limits bind it except tiers and what
    is measured."""
    checks = (*candidate.checks[:2], *_fixed(candidate.contender, limits))
    return all(check.state == "ok" for check in checks if check.label != TIER)


def may_be_named_fallback(candidate: Candidate) -> bool:
    """For `fallback_to`: all limits bind it except tiers, which say whom the route itself looks for."""
    return all(breach.label == TIER for breach in candidate.breaches)


def require_second_provider(candidates: Mapping[str, Candidate], fallbacks: Iterable[str]) -> dict[str, Candidate]:
    """Bars each candidate that none of the possible `fallbacks` could replace at another provider."""
    providers = {candidates[slug].contender.provider for slug in fallbacks}
    checked = {}
    for slug, candidate in candidates.items():
        others = bool(providers - {candidate.contender.provider})
        value = "has a fallback there" if others else "no fallback there"
        check = Check("ok" if others else "fail", "Second provider", value)
        checked[slug] = dataclasses.replace(candidate, checks=(*candidate.checks, check))
    return checked


def _availability(contender: ContenderCard, excluded: bool) -> Iterator[Check]:
    yield Check("fail" if contender.retired else "ok", IN_USE, "retired" if contender.retired else "not retired")
    yield Check("fail" if excluded else "ok", EXCLUSION, "excluded" if excluded else "not excluded")


def _set(limits: Limits) -> Iterator[tuple[LimitRule, Any]]:
    for name, one in LIMITS.items():
        limit = getattr(limits, name)
        if limit is not None and limit != ():
            yield one, limit


def _fixed(model: ContenderCard, limits: Limits) -> Iterator[Check]:
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


def _measured(candidate: Candidate, limits: Limits) -> Iterator[Check]:
    for one, limit in _set(limits):
        binds = one.binds
        if binds.of == "evidence":
            value, n, pooled = _read(candidate, binds.figure, binds.n)
            few = 0 < n < MIN_MEASUREMENTS
            unknown = f"{n} of {MIN_MEASUREMENTS} measurements" if few else "not measured"
            basis = " over all categories" if pooled else ""
        elif binds.of == "rating":
            yield _rating_check(one, candidate.rating, limit)
            continue
        else:
            continue
        if value is None:
            yield Check("unknown", binds.check, unknown)
            continue
        holds = RELATIONS[binds.how](value, limit)
        yield Check("ok" if holds else "fail", binds.check, f"{one.format(value)}{basis}, limit {one.format(limit)}")


def _rating_check(one: LimitRule, rating: Rating | None, limit: Any) -> Check:
    """A share of a contender's votes. It is on by default, so a handful of votes must not take a live route away: below
    `MIN_MEASUREMENTS` votes it is breached only if all of its 95% interval is above the limit. Without a vote it says
    nothing: such a contender is routed only where the policy names it, and never by votes."""
    value = getattr(rating, one.binds.figure, None)
    if rating is None or value is None:
        return Check("ok", one.binds.check, "no votes yet")
    votes = rating.wins + rating.losses + rating.ties + rating.both_bad
    words = f"{one.format(value)}, limit {one.format(limit)}"
    if votes >= MIN_MEASUREMENTS or rating.both_bad_ci95 is None:
        return Check("ok" if RELATIONS[one.binds.how](value, limit) else "fail", one.binds.check, words)
    holds = RELATIONS[one.binds.how](rating.both_bad_ci95[0], limit)
    return Check(
        "ok" if holds else "fail", one.binds.check, f"{one.format(value)} of {votes}, limit {one.format(limit)}"
    )


_NOTHING = Evidence()


class _Figure(NamedTuple):
    """`pooled`: over all categories. With too few measurements `value` is None, and `n` their number."""

    value: float | None
    n: int
    pooled: bool


def _read(one: Candidate, figure: str, counted: str = "n") -> _Figure:
    """The category's figure, else the pooled one. `counted` names the number of measurements beside it."""
    most = 0
    spread, _, name = figure.rpartition(".")
    for at, source in enumerate(one.evidence):
        seen = source.get(one.slug, _NOTHING)
        holder = getattr(seen, spread) if spread else seen
        value, n = getattr(holder, name), getattr(holder, counted)
        if value is not None and n >= MIN_MEASUREMENTS:
            return _Figure(value, n, pooled=at > 0)
        most = max(most, n)
    return _Figure(None, most, pooled=False)


def objective_value(one: Candidate, objective: str, when: Mapping[str, Any]) -> float | None:
    """The figure that an objective compares, less is better; None where it is not measured well enough.

    `fastest` is about the first token where the route's condition is, else about the whole answer.
    """
    if objective == "cheapest":
        return _read(one, "usd_per_success").value
    if objective == "fastest":
        return _read(one, "ttft_ms.p95" if "max_ttft_ms" in when else "latency_ms.p95").value
    rate = _read(one, "schema_ok_rate").value
    return None if rate is None else 1 - rate
