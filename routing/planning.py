"""From a policy and the facts to a plan: every category's routes, and the table's default. Pure.

What need not change does not: a route keeps its fallbacks while its primary stays and they may still be routed, so
that a rating's last digit never makes a version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from routing.deciding import decide
from routing.document import DEFAULT, Plan, PlannedCategory, Route
from routing.eligibility import Entrant, binding_limits, entrant, may_take_over
from routing.facts import CategoryFacts, Facts
from routing.gate import Incumbent, Question, Verdict
from routing.policies import CategoryRules, FixedRoute, Limits, Policy, RouteRules

__all__ = ["CategoryVerdict", "Planned", "entry", "plan"]

# A category with several routes is told by the most telling of them.
_TELLING = ("switched", "first", "held", "pinned", "default", "kept")


@dataclass(frozen=True)
class CategoryVerdict:
    """One category's outcome; `verdict` is its most telling route's, `routes` all of them by id."""

    category: str
    verdict: Verdict
    routes: Mapping[str, Verdict]


@dataclass(frozen=True)
class Planned:
    plan: Plan
    verdicts: tuple[CategoryVerdict, ...]


@dataclass(frozen=True)
class _Desk:
    """What deciding on any route needs."""

    policy: Policy
    label: str
    facts: Facts
    before: Mapping[str, Route]
    bases: Mapping[str, str]
    published: Mapping[int, datetime]
    policy_changed: bool
    now: datetime
    may_switch: bool


def plan(
    policy: Policy,
    facts: Facts,
    *,
    policy_version: int,
    previous: Plan | None,
    published: Mapping[int, datetime],
    now: datetime,
    may_switch: bool,
) -> Planned:
    """`previous` is the newest table's plan, `published` when each version was; `may_switch` false: an automatic look,
    which leaves to a person what the policy holds for one."""
    stamp = {"version": policy_version, "sha256": policy.sha256}
    desk = _Desk(
        policy=policy,
        label=f"policy {policy_version}",
        facts=facts,
        before={route.id: route for routes in (previous.routes() if previous else {}).values() for route in routes},
        bases={one.slug: one.basis for one in previous.categories} if previous else {},
        published=published,
        policy_changed=previous is None or dict(previous.policy) != stamp,
        now=now,
        may_switch=may_switch,
    )
    taken = {_default_id(route) for route in policy.default} | {DEFAULT}
    categories: list[PlannedCategory] = []
    verdicts: list[CategoryVerdict] = []
    for category in facts.categories:
        planned, verdict = _category(desk, category, taken)
        verdicts.append(verdict)
        if planned is not None:
            categories.append(planned)
    default = _fixed(desk) if policy.default else _derived(desk, categories)
    models = _models(desk, categories, default)
    made = Plan(
        models={slug: facts.models[slug].as_dict() for slug in models},
        categories=tuple(categories),
        default=default,
        policy=stamp,
        on_expired=policy.on_expired,
        complexity=msgspec.to_builtins(policy.complexity),
    )
    return Planned(made.since(previous), tuple(verdicts))


def _category(desk: _Desk, category: CategoryFacts, taken: set[str]) -> tuple[PlannedCategory | None, CategoryVerdict]:
    rules = desk.policy.rules(category.slug)
    asked = [
        (_unused(f"{category.slug}-{one.name}" if one.name else category.slug, taken), one) for one in rules.routes
    ]
    verdicts = {route_id: decide(_question(desk, category, rules, route_id, one)) for route_id, one in asked}
    unconditional = [route_id for route_id, one in asked if not one.when.as_dict()]
    main = unconditional[0] if unconditional else asked[-1][0]
    strongest = verdicts[main].to
    routes = []
    for route_id, one in asked:
        to = verdicts[route_id].to
        if to is not None:
            routes.append(_route(desk, category, rules, route_id, one, to, verdicts[route_id].reason, strongest))
    telling = min(verdicts, key=lambda one: (_TELLING.index(verdicts[one].outcome), one != main))
    planned = PlannedCategory(category.slug, verdicts[main].basis, tuple(routes)) if routes else None
    return planned, CategoryVerdict(category.slug, verdicts[telling], verdicts)


def _unused(route_id: str, taken: set[str]) -> str:
    """Ids are unique in a table: a category may be called like another's route."""
    made, n = route_id, 2
    while made in taken:
        made, n = f"{route_id}-{n}", n + 1
    taken.add(made)
    return made


def _entrants(desk: _Desk, category: CategoryFacts, rules: CategoryRules, limits: Limits) -> dict[str, Entrant]:
    ratings = {str(one.contender): one for one in category.board.standings.ratings} if category.board else {}
    return {
        slug: entrant(
            model,
            rating=ratings.get(slug),
            evidence=(category.measured, desk.facts.pooled),
            limits=limits,
            excluded=slug in rules.exclude,
        )
        for slug, model in desk.facts.models.items()
    }


def _question(desk: _Desk, category: CategoryFacts, rules: CategoryRules, route_id: str, route: RouteRules) -> Question:
    before = desk.before.get(route_id)
    incumbent = None
    if before is not None:
        since = desk.published.get(before.since_version or 0)
        basis = desk.bases.get(category.slug, "votes")
        incumbent = Incumbent(before.primary, basis, since)  # type: ignore[arg-type]  # our own document says so
    return Question(
        category=category,
        rules=rules,
        route=route,
        entrants=_entrants(desk, category, rules, binding_limits(rules.limits, route)),
        incumbent=incumbent,
        now=desk.now,
        may_switch=desk.may_switch,
        default=rules.default or _last_resort(desk.policy.default),
        policy=desk.label,
    )


def _last_resort(default: Sequence[FixedRoute]) -> str | None:
    return next((route.primary for route in default if not route.when.as_dict()), None)


def _route(
    desk: _Desk,
    category: CategoryFacts,
    rules: CategoryRules,
    route_id: str,
    asked: RouteRules,
    to: str,
    reason: str,
    strongest: str | None,
) -> Route:
    limits = binding_limits(rules.limits, asked)
    entrants = _entrants(desk, category, rules, limits)
    before = desk.before.get(route_id)
    eligible = [slug for slug, one in entrants.items() if one.eligible and slug != to]
    ranking = [str(one.contender) for one in category.board.standings.ratings] if category.board else []
    default = rules.default or _last_resort(desk.policy.default)
    ordered = [slug for slug in ranking if slug in eligible]
    ordered += [slug for slug in (default,) if slug is not None and slug in eligible and slug not in ordered]
    provider = desk.facts.models[to].provider
    ordered.sort(key=lambda slug: desk.facts.models[slug].provider == provider)
    kept = before.fallbacks if before and before.primary == to and not desk.policy_changed else ()
    escalate = asked.escalate_to if asked.escalate_to != "best" else strongest
    if escalate is not None and (
        escalate == to or escalate not in entrants or not may_take_over(entrants[escalate], limits)
    ):
        escalate = None
    return Route(
        id=route_id,
        when=asked.when.as_dict(),
        primary=to,
        fallbacks=_filled(kept, ordered, rules.fallbacks),
        escalate_to=escalate,
        reason=reason,
    )


def _filled(kept: Iterable[str], ordered: Sequence[str], wanted: int) -> tuple[str, ...]:
    """Those that were there and may stay, then the next in order."""
    return tuple(dict.fromkeys([*(slug for slug in kept if slug in ordered), *ordered]))[:wanted]


def _default_id(route: FixedRoute) -> str:
    return f"{DEFAULT}-{route.name}" if route.name else DEFAULT


def _fixed(desk: _Desk) -> tuple[Route, ...]:
    """As the policy spells it out, without whoever is retired or may not serve the route's condition."""
    routes = []
    for asked in desk.policy.default:
        limits = binding_limits(Limits(), RouteRules(when=asked.when))
        named = [slug for slug in (asked.primary, *asked.fallbacks) if _serves(desk, slug, limits)]
        if not named:
            continue
        escalate = asked.escalate_to if asked.escalate_to and _serves(desk, asked.escalate_to, limits) else None
        routes.append(
            Route(
                id=_default_id(asked),
                when=asked.when.as_dict(),
                primary=named[0],
                fallbacks=tuple(dict.fromkeys(named[1:])),
                escalate_to=None if escalate == named[0] else escalate,
                reason=f"Set by {desk.label}.",
            )
        )
    return tuple(routes)


def _serves(desk: _Desk, slug: str, limits: Limits) -> bool:
    model = desk.facts.models.get(slug)
    return model is not None and may_take_over(entrant(model, limits=limits), limits)


def _derived(desk: _Desk, categories: Sequence[PlannedCategory]) -> tuple[Route, ...]:
    """No default in the policy: what most categories send to, kept as long as any of them does."""
    primaries = Counter(one.routes[-1].primary for one in categories)
    if not primaries:
        return ()
    before = desk.before.get(DEFAULT)
    # Equally many: in the order of the categories, which is by name.
    ordered = [slug for slug, _ in primaries.most_common()]
    to = before.primary if before is not None and before.primary in primaries else ordered[0]
    rest = Counter(slug for one in categories for slug in one.routes[-1].fallbacks)
    ordered += [slug for slug, _ in rest.most_common()]
    kept = before.fallbacks if before is not None and before.primary == to and not desk.policy_changed else ()
    others = [slug for slug in dict.fromkeys(ordered) if slug != to]
    routed = f"{primaries[to]} of {len(categories)} routed categories"
    return (
        Route(
            id=DEFAULT,
            when={},
            primary=to,
            fallbacks=_filled(kept, others, desk.policy.every_category.fallbacks),
            reason=f"No default in {desk.label}: sends where {routed} do.",
        ),
    )


def _models(desk: _Desk, categories: Sequence[PlannedCategory], default: Sequence[Route]) -> list[str]:
    """Whoever is routed, or a candidate of a routed category: rated, in use and not excluded."""
    named = {slug for one in categories for route in one.routes for slug in route.models}
    named |= {slug for route in default for slug in route.models}
    for one in categories:
        category = desk.facts.category(one.slug)
        excluded = desk.policy.rules(one.slug).exclude
        for rating in category.board.standings.ratings if category and category.board else ():
            model = desk.facts.models.get(str(rating.contender))
            if model is not None and not model.retired and model.slug not in excluded:
                named.add(model.slug)
    return sorted(named)


def entry(verdict: CategoryVerdict) -> dict[str, Any]:
    """A line of `publish --json`."""
    one = verdict.verdict
    return {
        "category": verdict.category,
        "outcome": one.outcome,
        "from": one.before,
        "to": one.to,
        "reason": one.reason,
        "votes_to_go": one.votes_to_go,
    }
