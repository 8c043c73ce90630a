"""Where each contender stands before a route: its place, and the rule that let it in or kept it out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arena.ui.wording import ahead, points
from evals.ratings import to_points
from routing.decisions.eligibility import EXCLUSION, IN_USE, Candidate, Check
from routing.decisions.gate import Question, RouteDecision
from routing.decisions.route import ObjectiveTest, evaluate_objective, format_value, objective_name

__all__ = ["CandidateStatus", "Place", "candidate_statuses"]

Place = Literal["first", "fallback", "escalation", "free", "out"]


@dataclass(frozen=True)
class CandidateStatus:
    """`free`: may be routed, and is not. `rule` is a sentence; `checks` are in the order of the limits."""

    slug: str
    place: Place
    rule: str
    rating: float | None
    checks: tuple[Check, ...]

    @property
    def limits_met(self) -> str:
        """Each limit with the contender's figure; empty for one that is kept out."""
        limits = [check for check in self.checks if check.label not in (IN_USE, EXCLUSION)]
        return "" if self.place == "out" else "; ".join(f"{check.label}: {check.value}" for check in limits)


def candidate_statuses(decision: RouteDecision) -> list[CandidateStatus]:
    """First those on the route, in its order, then those that may be routed by rating, then the others by slug. Empty
    for a rollback, which asked no question."""
    question, route = decision.question, decision.route
    if question is None:
        return []
    places: dict[str, Place] = {}
    if route is not None:
        places[route.primary] = "first"
        for slug in route.fallbacks:
            places[slug] = "fallback"
        if route.escalate_to:
            places.setdefault(route.escalate_to, "escalation")
    test = evaluate_objective(question) if question.terms.objective != "best" else None
    rest = [slug for slug in (*question.ranking, *sorted(question.candidates)) if slug in question.candidates]
    rest.sort(key=lambda slug: not question.candidates[slug].eligible)
    statuses = []
    for slug in dict.fromkeys([*places, *rest]):
        candidate = question.candidates[slug]
        place: Place = places.get(slug) or ("free" if candidate.eligible else "out")
        rating = None if candidate.rating is None else candidate.rating.rating
        rule = _rule(decision, question, candidate, place, test)
        statuses.append(CandidateStatus(slug, place, rule, rating, candidate.checks))
    return statuses


def _rule(
    decision: RouteDecision, question: Question, candidate: Candidate, place: Place, test: ObjectiveTest | None
) -> str:
    match place:
        case "first":
            return _why_first(decision, question)
        case "fallback":
            return _why_fallback(decision, question, candidate)
        case "escalation":
            return "Named by escalate_to."
        case "out":
            return f"{'; '.join(f'{breach.label}: {breach.value}' for breach in candidate.breaches)}."
        case "free":
            return _why_not_routed(decision, question, candidate, test)


def _why_first(decision: RouteDecision, question: Question) -> str:
    objective = question.terms.objective
    if decision.outcome == "first" and objective != "best":
        return f"First by the objective {objective_name(objective)}, else by votes."
    return {
        "pinned": f"Pinned by {question.policy}.",
        "default": f"The default of {question.policy}, while votes do not decide.",
        "first": "Leads, and nothing was routed here before.",
        "switched": "Takes over.",
        "kept": "Routed here, and stays.",
        "held": "Routed here, and stays until another is surely better.",
    }[decision.outcome]


def _why_fallback(decision: RouteDecision, question: Question, candidate: Candidate) -> str:
    assert decision.route is not None
    primary = question.candidates[decision.route.primary]
    provider = "another" if candidate.contender.provider != primary.contender.provider else "the same"
    challenge = f" {_challenge(decision, candidate.slug)}".rstrip()
    if candidate.slug == question.fallback_to:
        return f"Named by fallback_to, at {provider} provider.{challenge}"
    rated = "The default" if candidate.rating is None else f"Rated {points(candidate.rating.rating)}"
    return f"{rated}, at {provider} provider.{challenge}"


def _challenge(decision: RouteDecision, slug: str) -> str:
    """How near it is to taking over; empty if another is nearer."""
    if decision.proposes == slug:
        return "Takes over as soon as a person approves."
    if decision.gap is not None and decision.gap.challenger == slug and decision.to != slug:
        return f"Leads by {ahead(decision.gap.lead)}; the gate asks for {points(decision.gap.needed)}."
    return ""


def _why_not_routed(
    decision: RouteDecision, question: Question, candidate: Candidate, test: ObjectiveTest | None
) -> str:
    if candidate.rating is None:
        return "No votes here."
    challenge = _challenge(decision, candidate.slug)
    if challenge:
        return challenge
    if test is not None:
        return _by_objective(candidate.slug, decision.to, test)
    if decision.to is None:
        return "May be routed once the votes decide."
    routed = question.candidates[decision.to].rating
    against = "" if routed is None else f" against {points(routed.rating)} of {decision.to}"
    return f"Rated {points(candidate.rating.rating)}{against}."


def _by_objective(slug: str, routed: str | None, test: ObjectiveTest) -> str:
    if slug not in test.values:
        return f"Not measured well enough to be the {objective_name(test.objective)}."
    result = test.results[slug]
    if not result.passed:
        behind = points(to_points(result.bound.high))
        return f"May be up to {behind} points behind the best; {points(test.margin)} are allowed."
    value = format_value(test.objective, test.values[slug])
    if routed is not None and routed in test.values:
        return f"Good enough: {value} against {format_value(test.objective, test.values[routed])}."
    return f"Good enough: {value}."
