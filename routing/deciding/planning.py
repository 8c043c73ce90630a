"""From a policy and the facts to a plan: every category's routes, and the table's default. Pure.

What need not change does not: a route keeps its fallbacks while its primary stays and they may still be routed, so
that a rating's last digit never makes a version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from routing.deciding.approvals import NONE, Approvals
from routing.deciding.default_routes import default_id, derived, fixed, last_resort
from routing.deciding.eligibility import Entrant, binding_limits, entrant, may_take_over, second_provider_held
from routing.deciding.fallbacks import fallbacks, stand_ins
from routing.deciding.gate import Verdict
from routing.deciding.question import Incumbent, Question
from routing.deciding.routes import decide
from routing.facts import CategoryFacts, Facts
from routing.policies import BEST, CategoryRules, Policy, RouteRules
from routing.tables.document import DEFAULT, Plan, PlannedCategory, Route

__all__ = ["Asked", "CategoryVerdict", "Planned", "entry", "plan", "taken_back"]

# A category with several routes is told by the most telling of them.
_TELLING = ("switched", "first", "held", "pinned", "default", "kept")


@dataclass(frozen=True)
class Asked:
    """One route as it was decided on; `route` is None where it is left out of the table. `fallback_to` is whom the
    policy means by its field of that name."""

    id: str
    question: Question
    verdict: Verdict
    route: Route | None
    fallback_to: str | None = None


@dataclass(frozen=True)
class CategoryVerdict:
    """One category's outcome; `verdict` is its most telling route's, `routes` all of them by id. `asked` is empty for
    what no policy decided: a rollback."""

    category: str
    verdict: Verdict
    routes: Mapping[str, Verdict]
    asked: tuple[Asked, ...] = ()


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
    approvals: Approvals


def plan(
    policy: Policy,
    facts: Facts,
    *,
    policy_version: int,
    previous: Plan | None,
    published: Mapping[int, datetime],
    now: datetime,
    approvals: Approvals = NONE,
) -> Planned:
    """`previous` is the newest table's plan, `published` when each version was; `approvals` is what a person approves
    of, where the policy holds changes for one."""
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
        approvals=approvals,
    )
    taken = {default_id(route) for route in policy.default} | {DEFAULT}
    categories: list[PlannedCategory] = []
    verdicts: list[CategoryVerdict] = []
    for category in facts.categories:
        planned, verdict = _category(desk, category, taken)
        verdicts.append(verdict)
        if planned is not None:
            categories.append(planned)
    if policy.default:
        default = fixed(policy, facts, categories, label=desk.label)
    else:
        before = None if desk.policy_changed else desk.before.get(DEFAULT)
        default = derived(policy, facts, categories, kept=before, now_at=desk.before.get(DEFAULT), label=desk.label)
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
    ids = [_unused(f"{category.slug}-{one.name}" if one.name else category.slug, taken) for one in rules.routes]
    unconditional = [at for at, one in enumerate(rules.routes) if not one.when.as_dict()]
    main = unconditional[0] if unconditional else len(ids) - 1
    # The main route first: others escalate and fall back to where it goes.
    found = {main: _asked(desk, category, rules, ids[main], rules.routes[main], strongest=None)}
    strongest = found[main].verdict.to
    for at, one in enumerate(rules.routes):
        if at != main:
            found[at] = _asked(desk, category, rules, ids[at], one, strongest=strongest)
    asked = tuple(found[at] for at in range(len(ids)))
    routes = tuple(one.route for one in asked if one.route is not None)
    telling = min(asked, key=lambda one: (_TELLING.index(one.verdict.outcome), one.id != ids[main]))
    planned = PlannedCategory(category.slug, found[main].verdict.basis, routes) if routes else None
    verdicts = {one.id: one.verdict for one in asked}
    return planned, CategoryVerdict(category.slug, telling.verdict, verdicts, asked)


def _unused(route_id: str, taken: set[str]) -> str:
    """Ids are unique in a table: a category may be called like another's route."""
    made, n = route_id, 2
    while made in taken:
        made, n = f"{route_id}-{n}", n + 1
    taken.add(made)
    return made


def _asked(
    desk: _Desk, category: CategoryFacts, rules: CategoryRules, route_id: str, asked: RouteRules, strongest: str | None
) -> Asked:
    question = _question(desk, category, rules, route_id, asked, strongest)
    verdict = decide(replace(question, approved=route_id in desk.approvals))
    if not desk.approvals.cover(route_id, verdict.to):
        # Somebody else by now than was approved of: that waits for its own approval.
        verdict = decide(question)
    elif route_id in desk.approvals and verdict.outcome in ("first", "switched"):
        verdict = replace(verdict, reason=f"{verdict.reason} {desk.approvals.words}")
    route = None
    if verdict.to is not None:
        route = _route(desk, question, route_id, verdict.to, verdict.reason, strongest)
    return Asked(route_id, question, verdict, route, _meant(question.terms.fallback_to, strongest))


def _entrants(desk: _Desk, category: CategoryFacts, rules: CategoryRules, route: RouteRules) -> dict[str, Entrant]:
    ratings = {str(one.contender): one for one in category.board.standings.ratings} if category.board else {}
    limits = binding_limits(rules.terms(route).limits, route.when)
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


def _question(
    desk: _Desk, category: CategoryFacts, rules: CategoryRules, route_id: str, route: RouteRules, strongest: str | None
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


def _route(desk: _Desk, question: Question, route_id: str, to: str, reason: str, strongest: str | None) -> Route:
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


def _models(desk: _Desk, categories: list[PlannedCategory], default: tuple[Route, ...]) -> list[str]:
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


def taken_back(now: Plan, back: Plan, reason: str) -> Iterator[CategoryVerdict]:
    """Each category whose first choice a rollback changes."""
    before = {one.slug: one.routes[-1].primary for one in now.categories}
    after = {one.slug: one.routes[-1].primary for one in back.categories}
    for slug in sorted(before.keys() | after.keys()):
        if before.get(slug) != after.get(slug):
            to = after.get(slug)
            verdict = Verdict("switched" if to else "held", to, before.get(slug), reason)
            yield CategoryVerdict(slug, verdict, {})
