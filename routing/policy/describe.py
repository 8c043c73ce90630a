"""The policy and its conditions in words, as pages show them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec import UNSET, structs

from arena.ui.wording import ahead, count, listed, milliseconds, money, points, share
from routing.policy.diff import PolicyChange
from routing.policy.parse import Policy
from routing.policy.schema import BEST, CategoryRules, FixedRoute, RouteRules

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


def _chip(key: str, value: Any) -> Chip:
    written = {
        "max_ttft_ms": lambda: Chip("first token", f"≤ {milliseconds(value)}"),
        "max_latency_ms": lambda: Chip("latency", f"≤ {milliseconds(value)}"),
        "max_usd": lambda: Chip("cost", f"≤ {money(value)}"),
        "local_only": lambda: Chip("", "local only" if value else "not local only"),
        "needs": lambda: Chip("needs", listed(list(value))),
        "prompt_chars_lt": lambda: Chip("prompt", f"< {value:,} characters"),
        "prompt_tokens_lt": lambda: Chip("prompt", f"< {value:,} tokens"),
        "complexity": lambda: Chip("", str(value)),
        "reasoning": lambda: Chip("", "reasoning" if value else "no reasoning"),
        "label": lambda: Chip("label", str(value)),
    }
    return written[key]() if key in written else Chip(key, str(value))


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
        limits=tuple(_limits(structs.asdict(rules.limits))),
        lines=tuple(line for line in (_behind(rules), _except(rules), _gate(rules)) if line),
    )


def _route_line(slug: str, rules: CategoryRules, route: RouteRules) -> RouteLine:
    own = {} if route.limits is UNSET else structs.asdict(route.limits)
    return RouteLine(
        id=f"{slug or '…'}-{route.name}" if route.name else slug,
        chips=tuple(chips(route.when.as_dict())),
        aim=_aim(rules, route),
        limits=tuple(_limits({name: value for name, value in own.items() if value is not UNSET})),
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
    said = []
    if route.escalate_to is not None:
        said.append(f"Escalates to {_whom(route.escalate_to)}.")
    terms = rules.terms(route)
    if terms.fallback_to != rules.fallback_to:
        whom = "nobody in particular" if terms.fallback_to is None else _whom(terms.fallback_to)
        said.append(f"Falls back to {whom} first.")
    if terms.second_provider != rules.second_provider:
        said.append(f"A fallback at a second provider is {terms.second_provider}.")
    return said


def _whom(slug: str) -> str:
    return "where the unconditional route goes" if slug == BEST else slug


def _behind(rules: CategoryRules) -> str:
    made = f"{count(rules.fallbacks, 'fallback')} behind each"
    if rules.fallback_to is not None:
        made += f", {_whom(rules.fallback_to)} first"
    return f"{made}; one at a second provider is {rules.second_provider}."


def _except(rules: CategoryRules) -> str:
    said = []
    if rules.default is not None:
        said.append(f"Goes to {rules.default} while votes do not decide.")
    if rules.exclude:
        said.append(f"Never routed: {listed(rules.exclude)}.")
    return " ".join(said)


def _gate(rules: CategoryRules) -> str:
    gate = rules.gate
    who = {
        "category": "whom the category speaks for",
        "panel": "these reviewers",
        "people": "people like the reviewers",
    }
    mode = "Routes switch by themselves" if gate.mode == "automatic" else "Routes switch once a person approves"
    lead = f"a lead of more than {ahead(gate.margin)}" if gate.margin else "a lead"
    reviewers = "1 reviewer" if gate.single_reviewer else count(gate.min_reviewers, "reviewer")
    made = f"{mode}: {lead} must be sure for {who[gate.speaks_for]}, at an error of {share(gate.alpha)}, "
    made += f"after {count(gate.min_votes, 'vote')} by {reviewers}"
    return f"{made} and {gate.dwell_hours:g} hours on the present route." if gate.dwell_hours else f"{made}."


_WRITTEN: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "locality": ("", lambda value: f"{value} only"),
    "capabilities": ("has", listed),
    "tiers": ("tier", lambda value: listed([str(one) for one in value])),
    "min_context_tokens": ("context", lambda value: f"≥ {value:,} tokens"),
    "max_ttft_ms": ("first token", lambda value: f"≤ {milliseconds(value)}"),
    "max_latency_ms": ("latency", lambda value: f"≤ {milliseconds(value)}"),
    "max_usd_per_success": ("per success", lambda value: f"≤ {money(value)}"),
    "min_success_rate": ("success", lambda value: f"≥ {share(value)}"),
    "min_schema_ok_rate": ("schema holds", lambda value: f"≥ {share(value)}"),
    "max_error_rate": ("errors", lambda value: f"≤ {share(value)}"),
    "max_refusal_rate": ("refusals", lambda value: f"≤ {share(value)}"),
    "max_both_bad_rate": ("both bad", lambda value: f"≤ {share(value)}"),
}


def _limits(limits: Mapping[str, Any]) -> list[Chip]:
    made = []
    for name, value in limits.items():
        label, write = _WRITTEN[name]
        if value not in (None, []):
            made.append(Chip(label, write(value)))
    return made


def table_lines(policy: Policy) -> list[str]:
    on_expired = {
        "use_last_good": "clients keep the last good table",
        "use_default": "clients use the default routes only",
        "refuse": "clients refuse to route",
    }
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
