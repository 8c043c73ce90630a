"""Where every contender stands before a route: what it does there, and the rule that let it in or kept it out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arena.ui.wording import ahead, points
from evals.ratings import to_points
from routing.decisions.eligibility import EXCLUSION, IN_USE, Check, Entrant
from routing.decisions.planner import AskedRoute
from routing.decisions.route import Field, field_of, named, written

__all__ = ["CandidateStatus", "Place", "candidate_statuses"]

Place = Literal["first", "fallback", "escalation", "free", "out"]


@dataclass(frozen=True)
class CandidateStatus:
    """`free`: may be routed, and is not. `rule` is a sentence; `checks` is what was checked, in the order of the
    limits."""

    slug: str
    place: Place
    rule: str
    rating: float | None
    checks: tuple[Check, ...]

    @property
    def told(self) -> str:
        """The limits it keeps, where it keeps all."""
        kept = [check for check in self.checks if check.label not in (IN_USE, EXCLUSION)]
        return "" if self.place == "out" else "; ".join(f"{check.label}: {check.value}" for check in kept)


def candidate_statuses(asked: AskedRoute) -> list[CandidateStatus]:
    """As the route has them, then who may be routed by rating, then who may not by slug."""
    question, route = asked.question, asked.route
    places: dict[str, Place] = {}
    if route is not None:
        places[route.primary] = "first"
        for slug in route.fallbacks:
            places[slug] = "fallback"
        if route.escalate_to:
            places.setdefault(route.escalate_to, "escalation")
    field = field_of(question) if question.terms.objective != "best" else None
    rest = [slug for slug in (*question.ranking, *sorted(question.entrants)) if slug in question.entrants]
    rest.sort(key=lambda slug: not question.entrants[slug].eligible)
    made = []
    for slug in dict.fromkeys([*places, *rest]):
        one = question.entrants[slug]
        place: Place = places.get(slug) or ("free" if one.eligible else "out")
        rating = None if one.rating is None else one.rating.rating
        made.append(CandidateStatus(slug, place, _rule(asked, one, place, field), rating, one.checks))
    return made


def _rule(asked: AskedRoute, one: Entrant, place: Place, field: Field | None) -> str:
    match place:
        case "first":
            return _why_first(asked)
        case "fallback":
            return _why_fallback(asked, one)
        case "escalation":
            return "Named by escalate_to."
        case "out":
            return f"{'; '.join(f'{breach.label}: {breach.value}' for breach in one.breaches)}."
        case "free":
            return _why_not(asked, one, field)


def _why_first(asked: AskedRoute) -> str:
    said = {
        "pinned": f"Pinned by {asked.question.policy}.",
        "default": f"The default of {asked.question.policy}, while votes do not decide.",
        "first": "Leads, and nobody was routed here.",
        "switched": "Takes over.",
        "kept": "Routed here, and stays.",
        "held": "Routed here, and stays until another is surely better.",
    }
    chosen = asked.question.terms.objective
    if asked.decision.outcome == "first" and chosen != "best":
        return f"First by the objective {named(chosen)}, else by votes."
    return said[asked.decision.outcome]


def _why_fallback(asked: AskedRoute, one: Entrant) -> str:
    route, question = asked.route, asked.question
    assert route is not None
    elsewhere = one.model.provider != question.entrants[route.primary].model.provider
    where = ", at another provider." if elsewhere else ", at the same provider."
    challenge = f" {_challenge(asked, one.slug)}".rstrip()
    if one.slug == asked.fallback_to:
        return f"Everybody falls back to it{where}{challenge}"
    rated = "The default" if one.rating is None else f"Rated {points(one.rating.rating)}"
    return f"{rated}{where}{challenge}"


def _challenge(asked: AskedRoute, slug: str) -> str:
    """How near it is to taking over; empty if another is nearer."""
    decision = asked.decision
    if decision.proposes == slug:
        return "Takes over as soon as a person approves."
    if decision.gap is not None and decision.gap.challenger == slug and decision.to != slug:
        return f"Leads by {ahead(decision.gap.lead)}; the gate asks for {points(decision.gap.needed)}."
    return ""


def _why_not(asked: AskedRoute, one: Entrant, field: Field | None) -> str:
    question, to = asked.question, asked.decision.to
    if one.rating is None:
        return "No votes here."
    challenge = _challenge(asked, one.slug)
    if challenge:
        return challenge
    if field is not None:
        return _by_objective(one.slug, to, field)
    if to is None:
        return "May be routed once the votes decide."
    now = question.entrants[to].rating
    against = "" if now is None else f" against {points(now.rating)} of {to}"
    return f"Rated {points(one.rating.rating)}{against}."


def _by_objective(slug: str, to: str | None, field: Field) -> str:
    if slug not in field.tried:
        return f"Not measured well enough to be the {named(field.objective)}."
    test = field.tests[slug]
    if not test.passed:
        behind = points(to_points(test.bound.high))
        return f"May be up to {behind} points behind the best; {points(field.margin)} are allowed."
    figure = written(field.objective, field.tried[slug])
    if to is not None and to in field.tried:
        return f"Good enough: {figure} against {written(field.objective, field.tried[to])}."
    return f"Good enough: {figure}."
