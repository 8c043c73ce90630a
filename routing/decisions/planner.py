"""From a policy and the evidence to a plan: each category's routes with their fallbacks, and the table's default. Pure.

    planned = make_plan(policy, evidence, policy_version=7, previous=None, published={}, now=now)
    planned.plan, planned.decisions

What need not change does not: a route keeps its fallbacks while its primary stays and they may still be routed, so
that a rating's last digit never makes a version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from evals.catalog.cards import ContenderCard
from routing.decisions.eligibility import (
    Candidate,
    binding_limits,
    check_candidate,
    may_be_named_fallback,
    may_escalate_to,
    require_second_provider,
)
from routing.decisions.evidence import CategoryEvidence, DecisionEvidence
from routing.decisions.gate import Incumbent, Question, RouteDecision
from routing.decisions.plan import (
    DEFAULT,
    NO_APPROVALS,
    Approvals,
    PendingApproval,
    Plan,
    PlannedCategory,
    Route,
)
from routing.decisions.route import decide
from routing.policy.kinds import written
from routing.policy.parse import Policy
from routing.policy.schema import BEST, CategoryRules, FixedRoute, Limits, RouteRules, When

__all__ = ["CategoryDecision", "Planned", "make_plan", "rollback_decisions"]

# One of a category's routes speaks for it: the first of these outcomes that any of them has.
_PRECEDENCE = ("switched", "first", "held", "pinned", "default", "kept")


@dataclass(frozen=True)
class CategoryDecision:
    """What was decided on a category. `decision` is that of the route that speaks for it, `routes` all of them by id;
    empty for a rollback, which decides on no route."""

    category: str
    decision: RouteDecision
    routes: Mapping[str, RouteDecision]

    @property
    def waiting(self) -> list[PendingApproval]:
        """Routes that would change if a person approved."""
        return [
            PendingApproval(self.category, route_id, one.before, one.proposes, one.reason)
            for route_id, one in self.routes.items()
            if one.proposes is not None
        ]

    def as_dict(self) -> dict[str, Any]:
        """As `publish --json` and the API list it."""
        return {
            "category": self.category,
            "outcome": self.decision.outcome,
            "from": self.decision.before,
            "to": self.decision.to,
            "reason": self.decision.reason,
            "votes_to_go": self.decision.votes_to_go,
        }


@dataclass(frozen=True)
class Planned:
    plan: Plan
    decisions: tuple[CategoryDecision, ...]


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
    of, where the policy asks for that."""
    policy_digest = {"version": policy_version, "sha256": policy.sha256}
    planner = _Planner(
        policy=policy,
        label=f"policy {policy_version}",
        evidence=evidence,
        routes_before=previous.routes_by_id() if previous else {},
        bases_before={one.slug: one.basis for one in previous.categories} if previous else {},
        published=published,
        policy_changed=previous is None or dict(previous.policy) != policy_digest,
        now=now,
        approvals=approvals,
    )
    taken_ids = {_default_id(route) for route in policy.default} | {DEFAULT}
    categories: list[PlannedCategory] = []
    decisions: list[CategoryDecision] = []
    for category in evidence.categories:
        decision, planned = planner.decide_category(category, taken_ids)
        decisions.append(decision)
        if planned is not None:
            categories.append(planned)
    default = planner.plan_default(categories)
    plan = Plan(
        models={
            slug: _model_entry(evidence.contenders[slug]) for slug in planner.contenders_named(categories, default)
        },
        categories=tuple(categories),
        default=default,
        policy=policy_digest,
        on_expired=policy.on_expired,
        complexity=written(policy.complexity),
    )
    return Planned(plan.since(previous), tuple(decisions))


@dataclass(frozen=True)
class _Planner:
    """What deciding on any route reads, besides its category."""

    policy: Policy
    label: str
    evidence: DecisionEvidence
    routes_before: Mapping[str, Route]
    bases_before: Mapping[str, str]
    published: Mapping[int, datetime]
    policy_changed: bool
    now: datetime
    approvals: Approvals

    def decide_category(
        self, category: CategoryEvidence, taken_ids: set[str]
    ) -> tuple[CategoryDecision, PlannedCategory | None]:
        """None where no route of it is in the table. `taken_ids` gains its routes' ids."""
        rules = self.policy.rules(category.slug)
        wanted = [f"{category.slug}-{one.name}" if one.name else category.slug for one in rules.routes]
        ids = [_unused_id(route_id, taken_ids) for route_id in wanted]
        unconditional = [at for at, one in enumerate(rules.routes) if not one.when.as_dict()]
        main = unconditional[0] if unconditional else len(ids) - 1
        # The main route first: "best" in others' escalate_to and fallback_to is where it goes.
        on_main = self._decide_route(category, rules, ids[main], rules.routes[main], best=None)
        found = [
            on_main if at == main else self._decide_route(category, rules, ids[at], one, best=on_main.to)
            for at, one in enumerate(rules.routes)
        ]
        decisions = dict(zip(ids, found, strict=True))
        speaks = min(found, key=lambda one: (_PRECEDENCE.index(one.outcome), one is not on_main))
        routes = tuple(one.route for one in found if one.route is not None)
        planned = PlannedCategory(category.slug, on_main.basis, routes) if routes else None
        return CategoryDecision(category.slug, speaks, decisions), planned

    def _decide_route(
        self, category: CategoryEvidence, rules: CategoryRules, route_id: str, route_rules: RouteRules, best: str | None
    ) -> RouteDecision:
        question = self._question(category, rules, route_id, route_rules, best)
        decision = decide(replace(question, approved=route_id in self.approvals))
        if not self.approvals.cover(route_id, decision.to):
            # Another contender by now than was approved of: that change waits for its own approval.
            decision = decide(question)
        elif route_id in self.approvals and decision.outcome in ("first", "switched"):
            decision = replace(decision, reason=f"{decision.reason} {self.approvals.reason_suffix}")
        return decision if decision.to is None else replace(decision, route=self._route(question, decision))

    def _question(
        self, category: CategoryEvidence, rules: CategoryRules, route_id: str, route_rules: RouteRules, best: str | None
    ) -> Question:
        before, incumbent = self.routes_before.get(route_id), None
        if before is not None:
            since = self.published.get(before.since_version or 0)
            basis = self.bases_before.get(category.slug, "votes")
            incumbent = Incumbent(before.primary, basis, since)  # type: ignore[arg-type]  # our own document says so
        terms = rules.terms(route_rules)
        question = Question(
            id=route_id,
            category=category,
            rules=rules,
            route_rules=route_rules,
            candidates=self._candidates(category, rules, route_rules),
            incumbent=incumbent,
            now=self.now,
            default=rules.default or _unconditional_default(self.policy.default),
            fallback_to=best if terms.fallback_to == BEST else terms.fallback_to,
            escalate_to=best if route_rules.escalate_to == BEST else route_rules.escalate_to,
            policy=self.label,
        )
        if terms.second_provider != "required":
            return question
        candidates = require_second_provider(question.candidates, _possible_fallbacks(question))
        return replace(question, candidates=candidates)

    def _candidates(
        self, category: CategoryEvidence, rules: CategoryRules, route_rules: RouteRules
    ) -> dict[str, Candidate]:
        ratings = {str(one.contender): one for one in category.board.standings.ratings} if category.board else {}
        limits = binding_limits(rules.terms(route_rules).limits, route_rules.when)
        return {
            slug: check_candidate(
                contender,
                rating=ratings.get(slug),
                evidence=(category.measured, self.evidence.pooled),
                limits=limits,
                excluded=slug in rules.exclude,
            )
            for slug, contender in self.evidence.contenders.items()
        }

    def _route(self, question: Question, decision: RouteDecision) -> Route:
        """The table's route to `decision.to`."""
        assert decision.to is not None
        limits = binding_limits(question.terms.limits, question.route_rules.when)
        before = self.routes_before.get(question.id)
        kept = before.fallbacks if before and before.primary == decision.to and not self.policy_changed else ()
        escalation = question.candidates.get(question.escalate_to or "")
        if escalation is not None and (escalation.slug == decision.to or not may_escalate_to(escalation, limits)):
            escalation = None
        return Route(
            id=question.id,
            when=question.route_rules.when.as_dict(),
            primary=decision.to,
            fallbacks=_fallbacks(question, decision.to, kept),
            escalate_to=escalation.slug if escalation else None,
            reason=decision.reason,
        )

    def plan_default(self, categories: Sequence[PlannedCategory]) -> tuple[Route, ...]:
        """What serves requests that no category's route serves."""
        return self._written_default(categories) if self.policy.default else self._derived_default(categories)

    def _written_default(self, categories: Sequence[PlannedCategory]) -> tuple[Route, ...]:
        """As the policy spells it out, without contenders that are retired or may not serve the route's condition.
        Where a second provider is required and none is left, one that categories route; a route for which there is none
        is left out."""
        routes = []
        for fixed in self.policy.default:
            named = [slug for slug in (fixed.primary, *fixed.fallbacks) if self._may_serve(slug, fixed.when)]
            if not named:
                continue
            primary = named[0]
            fallbacks = tuple(dict.fromkeys(slug for slug in named[1:] if slug != primary))
            if self.policy.every_category.second_provider == "required":
                routed = [slug for slug in _routed_contenders(categories) if self._may_serve(slug, fixed.when)]
                fallbacks = self._with_second_provider(primary, fallbacks, routed, room=len(fallbacks) + 1)
                if not fallbacks:
                    continue
            escalate_to = fixed.escalate_to
            if escalate_to == primary or not (escalate_to and self._may_serve(escalate_to, fixed.when)):
                escalate_to = None
            routes.append(
                Route(
                    id=_default_id(fixed),
                    when=fixed.when.as_dict(),
                    primary=primary,
                    fallbacks=fallbacks,
                    escalate_to=escalate_to,
                    reason=f"Set by {self.label}.",
                )
            )
        return tuple(routes)

    def _derived_default(self, categories: Sequence[PlannedCategory]) -> tuple[Route, ...]:
        """Without a default in the policy: where most categories go unconditionally. It stays as long as any goes
        there, and keeps its fallbacks unless the policy changed."""
        mains = _unconditional_routes(categories)
        if not mains:
            return ()
        # Equally many: in the order of the categories, which is by name.
        primaries = Counter(route.primary for route in mains)
        before = self.routes_before.get(DEFAULT)
        to = before.primary if before is not None and before.primary in primaries else primaries.most_common()[0][0]
        kept = before.fallbacks if before is not None and before.primary == to and not self.policy_changed else ()
        others = [slug for slug in _routed_contenders(categories) if slug != to]
        room = self.policy.every_category.fallbacks
        fallbacks = _fill(kept, others, room)
        if self.policy.every_category.second_provider == "required":
            fallbacks = self._with_second_provider(to, fallbacks, others, room=room)
            if not fallbacks:
                return ()
        reason = f"No default in {self.label}: goes where {primaries[to]} of {len(mains)} routed categories go."
        return (Route(id=DEFAULT, when={}, primary=to, fallbacks=fallbacks, reason=reason),)

    def _may_serve(self, slug: str, when: When) -> bool:
        contender, limits = self.evidence.contenders.get(slug), binding_limits(Limits(), when)
        return contender is not None and may_escalate_to(check_candidate(contender, limits=limits), limits)

    def _with_second_provider(
        self, to: str, fallbacks: Sequence[str], others: Iterable[str], *, room: int
    ) -> tuple[str, ...]:
        """Empty if there is no fallback at a second provider."""
        providers = {slug: contender.provider for slug, contender in self.evidence.contenders.items()}
        others = [slug for slug in others if slug != to]
        fallbacks = _add_second_provider(fallbacks, to, others, providers, room=room)
        return fallbacks if any(providers[slug] != providers[to] for slug in fallbacks) else ()

    def contenders_named(self, categories: Sequence[PlannedCategory], default: Sequence[Route]) -> list[str]:
        """Those that are routed, and the candidates of routed categories: rated, in use and not excluded."""
        routes = [*default, *(route for one in categories for route in one.routes)]
        named = {slug for route in routes for slug in route.models}
        for planned in categories:
            category, excluded = self.evidence.category(planned.slug), self.policy.rules(planned.slug).exclude
            for rating in category.board.standings.ratings if category and category.board else ():
                contender = self.evidence.contenders.get(str(rating.contender))
                if contender is not None and not contender.retired and contender.slug not in excluded:
                    named.add(contender.slug)
        return sorted(named)


def _model_entry(contender: ContenderCard) -> dict[str, Any]:
    """A contender's entry in the table's `models`. An unknown price is None, never 0."""
    price_in, price_out = contender.usd_per_mtok_input, contender.usd_per_mtok_output
    return {
        "provider": contender.provider,
        "model_name": contender.model_name,
        "base_url": contender.chat_base_url,
        "settings": dict(contender.settings),
        "locality": contender.locality,
        "tier": contender.tier,
        "capabilities": list(contender.capabilities),
        "context_tokens": contender.context_tokens,
        "usd_per_mtok": {
            "input": None if price_in is None else float(price_in),
            "output": None if price_out is None else float(price_out),
        },
    }


def _default_id(route: FixedRoute) -> str:
    return f"{DEFAULT}-{route.name}" if route.name else DEFAULT


def _unconditional_default(default: Sequence[FixedRoute]) -> str | None:
    return next((route.primary for route in default if not route.when.as_dict()), None)


def _unused_id(route_id: str, taken_ids: set[str]) -> str:
    """Ids are unique in a table: a category may be called like another's route."""
    unused, n = route_id, 2
    while unused in taken_ids:
        unused, n = f"{route_id}-{n}", n + 1
    taken_ids.add(unused)
    return unused


def _fallbacks(question: Question, to: str, kept: Iterable[str]) -> tuple[str, ...]:
    """Behind `to`: the one that the policy names, those of `kept` that may stay, then other providers first."""
    candidates, fallback_to, room = question.candidates, question.fallback_to, question.rules.fallbacks
    providers = {slug: candidate.contender.provider for slug, candidate in candidates.items()}
    ordered = [slug for slug in _possible_fallbacks(question) if slug != to]
    ordered.sort(key=lambda slug: (slug != fallback_to, providers[slug] == providers[to]))
    named = [slug for slug in ordered if slug == fallback_to]
    fallbacks = _fill([*named, *kept], ordered, room)
    if question.terms.second_provider == "required":
        return _add_second_provider(fallbacks, to, ordered, providers, room=room)
    return fallbacks


def _possible_fallbacks(question: Question) -> list[str]:
    """The contender that `fallback_to` means, then the rated and the category's default, unless something bars them."""
    named = question.candidates.get(question.fallback_to or "")
    found = [named.slug] if named is not None and may_be_named_fallback(named) else []
    found += [slug for slug in (*question.ranking, question.default) if slug and question.may_be_routed(slug)]
    return list(dict.fromkeys(found))


def _fill(kept: Iterable[str], ordered: Sequence[str], room: int) -> tuple[str, ...]:
    """Those that were there and may stay, then the next in order."""
    return tuple(dict.fromkeys([*(slug for slug in kept if slug in ordered), *ordered]))[:room]


def _add_second_provider(
    fallbacks: Sequence[str], to: str, ordered: Iterable[str], providers: Mapping[str, str], *, room: int
) -> tuple[str, ...]:
    """If all are at `to`'s provider, the first in order at another takes the last place there is room for."""
    if any(providers[slug] != providers[to] for slug in fallbacks):
        return tuple(fallbacks)
    elsewhere = next((slug for slug in ordered if providers[slug] != providers[to]), None)
    return tuple(fallbacks) if elsewhere is None else (*fallbacks[: room - 1], elsewhere)


def _routed_contenders(categories: Sequence[PlannedCategory]) -> list[str]:
    """Primaries of unconditional routes, by how many categories go there; then their fallbacks likewise."""
    mains = _unconditional_routes(categories)
    primaries = Counter(route.primary for route in mains)
    fallbacks = Counter(slug for route in mains for slug in route.fallbacks)
    return list(dict.fromkeys(slug for counter in (primaries, fallbacks) for slug, _ in counter.most_common()))


def _unconditional_routes(categories: Sequence[PlannedCategory]) -> list[Route]:
    """What serves under a condition was not chosen for everything."""
    return [route for one in categories for route in one.routes if not route.when]


def rollback_decisions(now: Plan, back: Plan, reason: str) -> Iterator[CategoryDecision]:
    """One for each category whose first choice going back from `now` to `back` changes."""
    before = {one.slug: one.routes[-1].primary for one in now.categories}
    after = {one.slug: one.routes[-1].primary for one in back.categories}
    for slug in sorted(before.keys() | after.keys()):
        if before.get(slug) != after.get(slug):
            to = after.get(slug)
            yield CategoryDecision(slug, RouteDecision("switched" if to else "held", to, before.get(slug), reason), {})
