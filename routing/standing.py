"""Where every contender stands before a route: what it does there, and the rule that let it in or kept it out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from evals.ratings import to_points
from routing.eligibility import Entrant
from routing.gate import Gap
from routing.objectives import Field, field_of, written
from routing.planning import Asked
from routing.verdicts import Check
from routing.wording import ahead, points

__all__ = ["Place", "Standing", "standings_of"]

Place = Literal["first", "fallback", "escalation", "free", "out"]


@dataclass(frozen=True)
class Standing:
    """`free`: may be routed, and is not. `rule` is a sentence; `checks` is what was checked, in the order of the
    limits."""

    slug: str
    place: Place
    rule: str
    rating: float | None
    checks: tuple[Check, ...]


def standings_of(asked: Asked) -> list[Standing]:
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
        made.append(Standing(slug, place, _rule(asked, one, place, field), rating, one.checks))
    return made


def _rule(asked: Asked, one: Entrant, place: Place, field: Field | None) -> str:
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
            return " ".join(_why_not(asked, one, field))


def _why_first(asked: Asked) -> str:
    said = {
        "pinned": f"Pinned by {asked.question.policy}.",
        "default": f"The default of {asked.question.policy}, while votes do not decide.",
        "first": "Leads, and nobody was routed here.",
        "switched": "Takes over.",
        "kept": "Routed here, and stays.",
        "held": "Routed here, and stays until another is surely better.",
    }
    chosen = asked.question.terms.objective
    if asked.verdict.outcome == "first" and chosen != "best":
        return f"First by the objective {chosen.replace('_', ' ')}, else by votes."
    return said[asked.verdict.outcome]


def _why_fallback(asked: Asked, one: Entrant) -> str:
    route, question = asked.route, asked.question
    assert route is not None
    elsewhere = one.model.provider != question.entrants[route.primary].model.provider
    where = ", at another provider" if elsewhere else ", at the same provider"
    if one.slug == asked.fallback_to:
        return f"Everybody falls back to it{where}."
    if one.rating is None:
        return f"The default{where}."
    return f"Rated {points(one.rating.rating)}{where}."


def _why_not(asked: Asked, one: Entrant, field: Field | None) -> Iterator[str]:
    question, verdict = asked.question, asked.verdict
    if one.rating is None:
        yield "No votes here."
        return
    if verdict.proposes == one.slug:
        yield "Takes over as soon as a person approves."
        return
    if field is not None:
        yield _by_objective(one.slug, verdict.to, field)
    elif verdict.gap is not None and verdict.gap.challenger == one.slug and verdict.to != one.slug:
        yield _gap_words(verdict.gap)
    elif verdict.to is None:
        yield "May be routed once the votes decide."
    else:
        now = question.entrants[verdict.to].rating
        against = "" if now is None else f" against {points(now.rating)} of {verdict.to}"
        yield f"Rated {points(one.rating.rating)}{against}."


def _gap_words(gap: Gap) -> str:
    return f"Leads by {ahead(gap.lead)}; the gate asks for {points(gap.needed)}."


def _by_objective(slug: str, to: str | None, field: Field) -> str:
    if slug not in field.tried:
        return "Not measured well enough for the objective."
    test = field.tests[slug]
    if not test.passed:
        behind = points(to_points(test.bound.high))
        return f"May be up to {behind} points behind the best; {points(field.margin)} are allowed."
    figure = written(field.objective, field.tried[slug])
    if to in field.tried and to is not None:
        return f"Good enough: {figure} against {written(field.objective, field.tried[to])}."
    return f"Good enough: {figure}."
