"""The policy and its conditions in words, as pages show them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from arena.ui.wording import ahead, count, listed, points, share
from routing.policy.diff import PolicyChange
from routing.policy.kinds import rules_of, written
from routing.policy.parse import Policy
from routing.policy.schema import (
    BEST,
    CONDITIONS,
    LIMITS,
    UNSET,
    CategoryRules,
    Compared,
    Document,
    FixedRoute,
    RouteRules,
)

__all__ = [
    "Chip",
    "PlaceCard",
    "chips",
    "fixed_lines",
    "place_card",
    "place_name",
    "policy_change_groups",
    "table_lines",
]


class Chip(NamedTuple):
    """`label` in plain, `value` in bold."""

    label: str
    value: str

    @property
    def text(self) -> str:
        return f"{self.label} {self.value}".strip()


def chips(when: Mapping[str, Any]) -> list[Chip]:
    """One a condition, in the order the route has them; one this version does not know is shown as it stands."""
    return [_chip(key, value) for key, value in when.items()]


def _chip(name: str, value: Any, declared: Mapping[str, Compared] = CONDITIONS) -> Chip:
    return Chip(declared[name].chip, declared[name].shown(value)) if name in declared else Chip(name, str(value))


class ChangeRow(NamedTuple):
    """`kind` is `out` or `in`."""

    kind: str
    label: str
    value: str


@dataclass(frozen=True)
class ChangeGroup:
    name: str
    rows: tuple[ChangeRow, ...]
    why: str


@dataclass(frozen=True)
class RouteLine:
    """`aim` says whom it looks for, `more` what else holds for it alone."""

    id: str
    chips: tuple[Chip, ...]
    aim: str
    limits: tuple[Chip, ...]
    more: str


@dataclass(frozen=True)
class PlaceCard:
    """`slug` is empty for every_category. `own` says which rules a category has for itself; `lines` hold for all its
    routes."""

    slug: str
    name: str
    own: tuple[str, ...]
    routes: tuple[RouteLine, ...]
    limits: tuple[Chip, ...]
    lines: tuple[str, ...]


def place_card(policy: Policy, slug: str, name: str) -> PlaceCard:
    rules = policy.rules(slug) if slug else policy.every_category
    own = tuple(policy.document["categories"].get(slug, ())) if slug else ()
    return PlaceCard(
        slug=slug,
        name=name,
        own=own,
        routes=tuple(_route_line(slug, rules, route) for route in rules.routes),
        limits=_limits(written(rules.limits)),
        lines=tuple(line for line in (_behind(rules), _except(rules), _gate(rules)) if line),
    )


def _route_line(slug: str, rules: CategoryRules, route: RouteRules) -> RouteLine:
    return RouteLine(
        id=f"{slug or '…'}-{route.name}" if route.name else slug,
        chips=tuple(chips(route.when.as_dict())),
        aim=_aim(rules, route),
        limits=_limits({} if route.limits is UNSET else route.limits),
        more=" ".join(_more(rules, route)),
    )


def _aim(rules: CategoryRules, route: RouteRules) -> str:
    if route.pin is not None:
        return f"{route.pin}, pinned"
    terms = rules.terms(route)
    if terms.objective == "best":
        return "the best by votes"
    return f"the {terms.objective.replace('_', ' ')} surely within {points(terms.quality_margin)} points of the best"


def _more(rules: CategoryRules, route: RouteRules) -> list[str]:
    sentences = []
    if route.escalate_to is not None:
        sentences.append(f"Escalates to {_whom(route.escalate_to)}.")
    terms = rules.terms(route)
    if terms.fallback_to != rules.fallback_to:
        whom = "nobody in particular" if terms.fallback_to is None else _whom(terms.fallback_to)
        sentences.append(f"Falls back to {whom} first.")
    if terms.second_provider != rules.second_provider:
        sentences.append(f"A fallback at a second provider is {terms.second_provider}.")
    return sentences


def _whom(slug: str) -> str:
    return "where the unconditional route goes" if slug == BEST else slug


def _behind(rules: CategoryRules) -> str:
    made = f"{count(rules.fallbacks, 'fallback')} behind each"
    if rules.fallback_to is not None:
        made += f", {_whom(rules.fallback_to)} first"
    return f"{made}; one at a second provider is {rules.second_provider}."


def _except(rules: CategoryRules) -> str:
    sentences = []
    if rules.default is not None:
        sentences.append(f"Goes to {rules.default} while votes do not decide.")
    if rules.exclude:
        sentences.append(f"Never routed: {listed(rules.exclude)}.")
    return " ".join(sentences)


def _gate(rules: CategoryRules) -> str:
    gate = rules.gate
    who = {
        "category": "these reviewers or people like them (as the category is set)",
        "panel": "these reviewers",
        "people": "people like the reviewers",
    }
    mode = "Routes switch once a person approves" if gate.needs_approval else "Routes switch by themselves"
    lead = f"a lead of more than {ahead(gate.margin)}" if gate.margin else "a lead"
    reviewers = "1 reviewer" if gate.single_reviewer else count(gate.min_reviewers, "reviewer")
    made = f"{mode}: {lead} must be sure for {who[gate.speaks_for]}, at an error of {share(gate.alpha)}, "
    made += f"after {count(gate.min_votes, 'comparing vote')} by {reviewers}"
    return f"{made} and {gate.dwell_hours:g} hours on the present route." if gate.dwell_hours else f"{made}."


def _limits(limits: Mapping[str, Any]) -> tuple[Chip, ...]:
    return tuple(_chip(name, value, LIMITS) for name, value in limits.items() if value not in (None, [], ()))


def table_lines(policy: Policy) -> list[str]:
    on_expired = dict(rules_of(Document)["on_expired"].kind.choices)
    return [
        f"Published again after {policy.refresh_every_hours:g} hours, expires after {policy.expires_after_hours:g}; "
        f"then {on_expired[policy.on_expired]}.",
        f"Requests are medium from {policy.complexity.medium_from:g} and complex from "
        f"{policy.complexity.complex_from:g}, of 0 to 1.",
    ]


def fixed_lines(default: Sequence[FixedRoute]) -> list[RouteLine]:
    return [
        RouteLine(
            id=f"default-{route.name}" if route.name else "default",
            chips=tuple(chips(route.when.as_dict())),
            aim=route.primary,
            limits=(),
            more=" ".join(
                [
                    *([f"Then {listed(route.fallbacks)}."] if route.fallbacks else []),
                    *([f"Escalates to {route.escalate_to}."] if route.escalate_to else []),
                ]
            ),
        )
        for route in default
    ]


def policy_change_groups(changes: Sequence[PolicyChange], titles: Mapping[str, str]) -> list[ChangeGroup]:
    """Minus and plus rows for each place."""
    rows: dict[str, list[ChangeRow]] = {}
    for change in changes:
        group = rows.setdefault(change.place, [])
        if change.before is not None:
            group.append(ChangeRow("out", change.field, _value(change.before)))
        if change.after is not None:
            group.append(ChangeRow("in", change.field, _value(change.after)))
    return [ChangeGroup(place_name(place, titles), tuple(found), "") for place, found in rows.items()]


def place_name(place: str, titles: Mapping[str, str]) -> str:
    """`titles` are categories' names by slug."""
    slug = place.removeprefix("categories.")
    return {"": "The table", "every_category": "Every category"}.get(place) or titles.get(slug, slug)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return listed([chip.text for chip in chips(value)])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
