"""From a policy and the evidence to a plan: each category's routes with their fallbacks, and the table's default. Pure.

What need not change does not: a route keeps its fallbacks while its primary stays and they may still be routed, so
that a rating's last digit never makes a version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from routing.decisions.eligibility import (
    Entrant,
    binding_limits,
    entrant,
    may_stand_in,
    may_take_over,
    second_provider_held,
)
from routing.decisions.evidence import CategoryEvidence, DecisionEvidence
from routing.decisions.gate import Incumbent, Question, RouteDecision
from routing.decisions.plan import DEFAULT, NO_APPROVALS, Approvals, Plan, PlannedCategory, Route
from routing.decisions.route import decide
from routing.policy.parse import Policy
from routing.policy.schema import BEST, CategoryRules, FixedRoute, Limits, RouteRules, When

__all__ = [
    "AskedRoute",
    "CategoryDecision",
    "Planned",
    "default_id",
    "derived_default",
    "entry",
    "fallbacks",
    "filled",
    "fixed_default",
    "last_resort",
    "make_plan",
    "stand_ins",
    "taken_back",
    "with_second_provider",
]


def stand_ins(
    entrants: Mapping[str, Entrant], ranking: Iterable[str], *, default: str | None, fallback_to: str | None
) -> list[str]:
    """Who may be somebody's fallback: the one that the policy has everybody fall back to, then the rated and the
    category's default, as far as nothing bars them."""
    found = [fallback_to] if fallback_to in entrants and may_stand_in(entrants[str(fallback_to)]) else []
    found += [slug for slug in (*ranking, default) if slug in entrants and entrants[str(slug)].eligible]
    return [slug for slug in dict.fromkeys(found) if slug is not None]


def fallbacks(question: Question, to: str, *, kept: Iterable[str], fallback_to: str | None) -> tuple[str, ...]:
    """After `to`, the first choice. Those of `kept` that may stay do, so that a rating's last digit changes nothing."""
    entrants = question.entrants
    found = stand_ins(entrants, question.ranking, default=question.default, fallback_to=fallback_to)
    providers = {slug: one.model.provider for slug, one in entrants.items()}
    ordered = [slug for slug in found if slug != to]
    ordered.sort(key=lambda slug: (slug != fallback_to, providers[slug] == providers[to]))
    first = [slug for slug in ordered if slug == fallback_to]
    made = filled([*first, *kept], ordered, question.rules.fallbacks)
    if question.terms.second_provider == "required":
        return with_second_provider(made, to, ordered, providers, room=question.rules.fallbacks)
    return made


def filled(kept: Iterable[str], ordered: Sequence[str], wanted: int) -> tuple[str, ...]:
    """Those that were there and may stay, then the next in order."""
    return tuple(dict.fromkeys([*(slug for slug in kept if slug in ordered), *ordered]))[:wanted]


def with_second_provider(
    made: Sequence[str], to: str, ordered: Iterable[str], providers: Mapping[str, str], *, room: int
) -> tuple[str, ...]:
    """With somebody at another provider than `to`'s: the first in order, in the last place there is room for."""
    if any(providers[slug] != providers[to] for slug in made):
        return tuple(made)
    elsewhere = next((slug for slug in ordered if providers[slug] != providers[to]), None)
    return tuple(made) if elsewhere is None else (*made[: room - 1], elsewhere)


def default_id(route: FixedRoute) -> str:
    return f"{DEFAULT}-{route.name}" if route.name else DEFAULT


def last_resort(default: Sequence[FixedRoute]) -> str | None:
    return next((route.primary for route in default if not route.when.as_dict()), None)


def fixed_default(
    policy: Policy, evidence: DecisionEvidence, categories: Sequence[PlannedCategory], *, label: str
) -> tuple[Route, ...]:
    """As the policy spells it out, without whoever is retired or may not serve the route's condition. Where a second
    provider is required and none is left, one that categories route; a route for which there is none is left out."""
    routes = []
    for asked in policy.default:
        named = [slug for slug in (asked.primary, *asked.fallbacks) if _serves(evidence, slug, asked.when)]
        if not named:
            continue
        others = tuple(dict.fromkeys(slug for slug in named[1:] if slug != named[0]))
        if policy.every_category.second_provider == "required":
            routed = [slug for slug in _routed(categories) if _serves(evidence, slug, asked.when)]
            others = _held_to(evidence, named[0], others, routed, room=len(others) + 1)
            if not others:
                continue
        escalate = asked.escalate_to if asked.escalate_to and _serves(evidence, asked.escalate_to, asked.when) else None
        routes.append(
            Route(
                id=default_id(asked),
                when=asked.when.as_dict(),
                primary=named[0],
                fallbacks=others,
                escalate_to=None if escalate == named[0] else escalate,
                reason=f"Set by {label}.",
            )
        )
    return tuple(routes)


def derived_default(
    policy: Policy,
    evidence: DecisionEvidence,
    categories: Sequence[PlannedCategory],
    *,
    kept: Route | None,
    now_at: Route | None,
    label: str,
) -> tuple[Route, ...]:
    """No default in the policy: what most categories send to unconditionally, kept as long as any does. `now_at` is the
    default as it stands, `kept` the same while its fallbacks need not be put together anew."""
    mains = _mains(categories)
    primaries = Counter(route.primary for route in mains)
    if not mains:
        return ()
    # Equally many: in the order of the categories, which is by name.
    ordered = [slug for slug, _ in primaries.most_common()]
    to = now_at.primary if now_at is not None and now_at.primary in primaries else ordered[0]
    others = [slug for slug in _routed(categories) if slug != to]
    stay = kept.fallbacks if kept is not None and kept.primary == to else ()
    room = policy.every_category.fallbacks
    fallbacks = filled(stay, others, room)
    if policy.every_category.second_provider == "required":
        fallbacks = _held_to(evidence, to, fallbacks, others, room=room)
        if not fallbacks:
            return ()
    routed = f"{primaries[to]} of {len(mains)} routed categories"
    reason = f"No default in {label}: sends where {routed} do."
    return (Route(id=DEFAULT, when={}, primary=to, fallbacks=fallbacks, reason=reason),)


def _routed(categories: Sequence[PlannedCategory]) -> list[str]:
    """Whom categories send to, by how many of them; then whom they fall back to."""
    mains = _mains(categories)
    primaries = Counter(route.primary for route in mains)
    rest = Counter(slug for route in mains for slug in route.fallbacks)
    return list(dict.fromkeys(slug for some in (primaries, rest) for slug, _ in some.most_common()))


def _mains(categories: Sequence[PlannedCategory]) -> list[Route]:
    """Unconditional routes alone: what serves under a condition was not chosen for everything."""
    return [route for one in categories for route in one.routes if not route.when]


def _held_to(
    evidence: DecisionEvidence, to: str, others: Sequence[str], elsewhere: Iterable[str], *, room: int
) -> tuple[str, ...]:
    """With a fallback at a second provider; empty if there is none."""
    providers = {slug: model.provider for slug, model in evidence.models.items()}
    found = [slug for slug in elsewhere if slug != to]
    made = with_second_provider(others, to, found, providers, room=room)
    return made if any(providers[slug] != providers[to] for slug in made) else ()


def _serves(evidence: DecisionEvidence, slug: str, when: When) -> bool:
    model = evidence.models.get(slug)
    limits = binding_limits(Limits(), when)
    return model is not None and may_take_over(entrant(model, limits=limits), limits)


# A category with several routes is told by the most telling of them.
_TELLING = ("switched", "first", "held", "pinned", "default", "kept")


@dataclass(frozen=True)
class AskedRoute:
    """One route as it was decided on; `route` is None where it is left out of the table. `fallback_to` is whom the
    policy means by its field of that name."""

    id: str
    question: Question
    decision: RouteDecision
    route: Route | None
    fallback_to: str | None = None


@dataclass(frozen=True)
class CategoryDecision:
    """One category's outcome; `decision` is its most telling route's, `routes` all of them by id. `asked` is empty for
    what no policy decided: a rollback."""

    category: str
    decision: RouteDecision
    routes: Mapping[str, RouteDecision]
    asked: tuple[AskedRoute, ...] = ()


@dataclass(frozen=True)
class Planned:
    plan: Plan
    decisions: tuple[CategoryDecision, ...]


@dataclass(frozen=True)
class _Planner:
    """What deciding on any route needs."""

    policy: Policy
    label: str
    evidence: DecisionEvidence
    before: Mapping[str, Route]
    bases: Mapping[str, str]
    published: Mapping[int, datetime]
    policy_changed: bool
    now: datetime
    approvals: Approvals


def make_plan(
    policy: Policy,
    evidence: DecisionEvidence,
    *,
    policy_version: int,
    previous: Plan | None,
    published: Mapping[int, datetime],
    now: datetime,
    approvals: Approvals = NO_APPROVALS,
) -> Planned:
    """`previous` is the newest table's plan, `published` when each version was; `approvals` is what a person approves
    of, where the policy holds changes for one."""
    stamp = {"version": policy_version, "sha256": policy.sha256}
    desk = _Planner(
        policy=policy,
        label=f"policy {policy_version}",
        evidence=evidence,
        before={route.id: route for routes in (previous.routes() if previous else {}).values() for route in routes},
        bases={one.slug: one.basis for one in previous.categories} if previous else {},
        published=published,
        policy_changed=previous is None or dict(previous.policy) != stamp,
        now=now,
        approvals=approvals,
    )
    taken = {default_id(route) for route in policy.default} | {DEFAULT}
    categories: list[PlannedCategory] = []
    decisions: list[CategoryDecision] = []
    for category in evidence.categories:
        planned, decision = _category(desk, category, taken)
        decisions.append(decision)
        if planned is not None:
            categories.append(planned)
    if policy.default:
        default = fixed_default(policy, evidence, categories, label=desk.label)
    else:
        before = None if desk.policy_changed else desk.before.get(DEFAULT)
        default = derived_default(
            policy, evidence, categories, kept=before, now_at=desk.before.get(DEFAULT), label=desk.label
        )
    models = _models(desk, categories, default)
    made = Plan(
        models={slug: evidence.models[slug].as_dict() for slug in models},
        categories=tuple(categories),
        default=default,
        policy=stamp,
        on_expired=policy.on_expired,
        complexity=msgspec.to_builtins(policy.complexity),
    )
    return Planned(made.since(previous), tuple(decisions))


def _category(
    desk: _Planner, category: CategoryEvidence, taken: set[str]
) -> tuple[PlannedCategory | None, CategoryDecision]:
    rules = desk.policy.rules(category.slug)
    ids = [_unused(f"{category.slug}-{one.name}" if one.name else category.slug, taken) for one in rules.routes]
    unconditional = [at for at, one in enumerate(rules.routes) if not one.when.as_dict()]
    main = unconditional[0] if unconditional else len(ids) - 1
    # The main route first: others escalate and fall back to where it goes.
    found = {main: _decide_route(desk, category, rules, ids[main], rules.routes[main], strongest=None)}
    strongest = found[main].decision.to
    for at, one in enumerate(rules.routes):
        if at != main:
            found[at] = _decide_route(desk, category, rules, ids[at], one, strongest=strongest)
    asked = tuple(found[at] for at in range(len(ids)))
    routes = tuple(one.route for one in asked if one.route is not None)
    telling = min(asked, key=lambda one: (_TELLING.index(one.decision.outcome), one.id != ids[main]))
    planned = PlannedCategory(category.slug, found[main].decision.basis, routes) if routes else None
    decisions = {one.id: one.decision for one in asked}
    return planned, CategoryDecision(category.slug, telling.decision, decisions, asked)


def _unused(route_id: str, taken: set[str]) -> str:
    """Ids are unique in a table: a category may be called like another's route."""
    made, n = route_id, 2
    while made in taken:
        made, n = f"{route_id}-{n}", n + 1
    taken.add(made)
    return made


def _decide_route(
    desk: _Planner,
    category: CategoryEvidence,
    rules: CategoryRules,
    route_id: str,
    asked: RouteRules,
    strongest: str | None,
) -> AskedRoute:
    question = _question(desk, category, rules, route_id, asked, strongest)
    decision = decide(replace(question, approved=route_id in desk.approvals))
    if not desk.approvals.cover(route_id, decision.to):
        # Somebody else by now than was approved of: that waits for its own approval.
        decision = decide(question)
    elif route_id in desk.approvals and decision.outcome in ("first", "switched"):
        decision = replace(decision, reason=f"{decision.reason} {desk.approvals.words}")
    route = None
    if decision.to is not None:
        route = _route(desk, question, route_id, decision.to, decision.reason, strongest)
    return AskedRoute(route_id, question, decision, route, _meant(question.terms.fallback_to, strongest))


def _entrants(
    desk: _Planner, category: CategoryEvidence, rules: CategoryRules, route: RouteRules
) -> dict[str, Entrant]:
    ratings = {str(one.contender): one for one in category.board.standings.ratings} if category.board else {}
    limits = binding_limits(rules.terms(route).limits, route.when)
    return {
        slug: entrant(
            model,
            rating=ratings.get(slug),
            evidence=(category.measured, desk.evidence.pooled),
            limits=limits,
            excluded=slug in rules.exclude,
        )
        for slug, model in desk.evidence.models.items()
    }


def _question(
    desk: _Planner,
    category: CategoryEvidence,
    rules: CategoryRules,
    route_id: str,
    route: RouteRules,
    strongest: str | None,
) -> Question:
    before = desk.before.get(route_id)
    incumbent = None
    if before is not None:
        since = desk.published.get(before.since_version or 0)
        basis = desk.bases.get(category.slug, "votes")
        incumbent = Incumbent(before.primary, basis, since)  # type: ignore[arg-type]  # our own document says so
    made = Question(
        category=category,
        rules=rules,
        route=route,
        entrants=_entrants(desk, category, rules, route),
        incumbent=incumbent,
        now=desk.now,
        default=rules.default or last_resort(desk.policy.default),
        policy=desk.label,
    )
    terms = made.terms
    if terms.second_provider != "required":
        return made
    fallback_to = _meant(terms.fallback_to, strongest)
    found = stand_ins(made.entrants, made.ranking, default=made.default, fallback_to=fallback_to)
    return replace(made, entrants=second_provider_held(made.entrants, found))


def _meant(named: str | None, strongest: str | None) -> str | None:
    return strongest if named == BEST else named


def _route(desk: _Planner, question: Question, route_id: str, to: str, reason: str, strongest: str | None) -> Route:
    asked, terms = question.route, question.terms
    limits = binding_limits(terms.limits, asked.when)
    before = desk.before.get(route_id)
    kept = before.fallbacks if before and before.primary == to and not desk.policy_changed else ()
    escalate = _meant(asked.escalate_to, strongest)
    if escalate is not None and (
        escalate == to or escalate not in question.entrants or not may_take_over(question.entrants[escalate], limits)
    ):
        escalate = None
    return Route(
        id=route_id,
        when=asked.when.as_dict(),
        primary=to,
        fallbacks=fallbacks(question, to, kept=kept, fallback_to=_meant(terms.fallback_to, strongest)),
        escalate_to=escalate,
        reason=reason,
    )


def _models(desk: _Planner, categories: list[PlannedCategory], default: tuple[Route, ...]) -> list[str]:
    """Whoever is routed, or a candidate of a routed category: rated, in use and not excluded."""
    named = {slug for one in categories for route in one.routes for slug in route.models}
    named |= {slug for route in default for slug in route.models}
    for one in categories:
        category = desk.evidence.category(one.slug)
        excluded = desk.policy.rules(one.slug).exclude
        for rating in category.board.standings.ratings if category and category.board else ():
            model = desk.evidence.models.get(str(rating.contender))
            if model is not None and not model.retired and model.slug not in excluded:
                named.add(model.slug)
    return sorted(named)


def entry(decision: CategoryDecision) -> dict[str, Any]:
    """A line of `publish --json`."""
    one = decision.decision
    return {
        "category": decision.category,
        "outcome": one.outcome,
        "from": one.before,
        "to": one.to,
        "reason": one.reason,
        "votes_to_go": one.votes_to_go,
    }


def taken_back(now: Plan, back: Plan, reason: str) -> Iterator[CategoryDecision]:
    """Each category whose first choice a rollback changes."""
    before = {one.slug: one.routes[-1].primary for one in now.categories}
    after = {one.slug: one.routes[-1].primary for one in back.categories}
    for slug in sorted(before.keys() | after.keys()):
        if before.get(slug) != after.get(slug):
            to = after.get(slug)
            decision = RouteDecision("switched" if to else "held", to, before.get(slug), reason)
            yield CategoryDecision(slug, decision, {})
