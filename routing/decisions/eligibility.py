"""Who may be routed at all: hard limits, conditions, exclusions. Pure.

A limit that cannot be measured is not met (`unknown`), for any contender. A route's own conditions are limits too: a
route for first tokens within 500 ms has only contenders whose measured first tokens come within 500 ms, and a
`local_only` route has only local ones, fallbacks and escalation included.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import UNSET
from msgspec.structs import replace

from arena.ui.wording import milliseconds, money, share
from evals.catalog.cards import ContenderCard
from evals.leaderboards.measurements import Evidence
from evals.ratings import Rating
from routing.decisions.evidence import MIN_MEASUREMENTS
from routing.policy.schema import Limits, When

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

TIER = "Tier"
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


def _fixed(model: ContenderCard, limits: Limits) -> Iterator[Check]:
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


_NOTHING = Evidence()
Reader = Callable[[Evidence], tuple[float | None, int]]

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


def _measured(one: Candidate, limits: Limits) -> Iterator[Check]:
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


def _read(one: Candidate, read: Reader) -> tuple[float | None, int]:
    """The category's figure, else the pooled one. With too few measurements None, and their number."""
    most = 0
    for source in one.evidence:
        value, n = read(source.get(one.slug, _NOTHING))
        if value is not None and n >= MIN_MEASUREMENTS:
            return value, n
        most = max(most, n)
    return None, most


def objective_value(one: Candidate, objective: str, when: Mapping[str, Any]) -> float | None:
    """The figure that an objective compares, less is better; None where it is not measured well enough.

    `fastest` is about the first token where the route's condition is, else about the whole answer.
    """
    if objective == "cheapest":
        return _read(one, _MEASURED["max_usd_per_success"][1])[0]
    if objective == "fastest":
        return _read(one, _MEASURED["max_ttft_ms" if "max_ttft_ms" in when else "max_latency_ms"][1])[0]
    rate = _read(one, _MEASURED["min_schema_ok_rate"][1])[0]
    return None if rate is None else 1 - rate
