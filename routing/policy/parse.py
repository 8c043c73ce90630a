"""The admin's rules: one validated document, `routing-policy/v1`. Pure.

    policy = parse({"every_category": {"objective": "best"}, "categories": {"code": {"quality_margin": 30}}})
    policy.rules("code").quality_margin     # 30; what a category does not say, every_category says

`parse` raises PolicyError, whose errors name each field as one would type it: `categories.code.gate.alpha`. What a
single field may hold is declared in `routing.policy.schema`; what fields say of one another is checked here.
Hard limits and conditions are never relaxed; what cannot be measured does not meet them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from routing.policy.kinds import Choice, quoted, read_record, rules_of, written
from routing.policy.schema import CategoryRules, Complexity, Document, FixedRoute, Gate

__all__ = [
    "FieldError",
    "Policy",
    "PolicyError",
    "canonical",
    "default_document",
    "in_present_words",
    "parse",
    "same_rules",
]

# More complaints than anybody would read through; a document that has them is of another kind.
MOST = 100


class FieldError(NamedTuple):
    """`field` as one would type it, such as `categories.code.routes[1].when.max_usd`; "" is the whole document."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class PolicyError(ValueError):
    """The document is not a policy. `errors` has one entry a field that must change; `rest` is the policy that it would
    be with defaults in their place, None if it was given up on."""

    def __init__(self, errors: Iterable[FieldError], rest: Any = None) -> None:
        self.errors = tuple(errors)
        self.rest = rest
        super().__init__("; ".join(str(error) for error in self.errors))


@dataclass(frozen=True)
class Policy:
    """A valid policy. `document` is its stored form: everything spelled out but what categories leave to
    `every_category`, so that a later change of a default in code changes no stored policy."""

    document: Mapping[str, Any]
    every_category: CategoryRules
    categories: Mapping[str, CategoryRules]
    default: tuple[FixedRoute, ...]
    refresh_every_hours: float
    expires_after_hours: float
    on_expired: str
    complexity: Complexity

    def rules(self, category: str) -> CategoryRules:
        return self.categories.get(category, self.every_category)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(canonical(self.document)).hexdigest()


def canonical(value: Any) -> bytes:
    """One form for one value: sorted keys, no spaces, UTF-8, no NaN. What digests are taken over."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def default_document() -> dict[str, Any]:
    """The policy of a new installation: the best contender of each category, two fallbacks, the gate's defaults."""
    return written(Document())


def parse(document: Any) -> Policy:
    """Raises PolicyError with every field that must change."""
    if not isinstance(document, Mapping):
        what = f"{quoted(document)} is not a policy. Write an object with every_category."
        raise PolicyError([FieldError("", what)])
    errors: list[FieldError] = []

    def report_error(field: str, message: str) -> None:
        errors.append(FieldError(field, message))
        if len(errors) == MOST:
            raise PolicyError(errors)

    parsed = read_record(Document, document, "", report_error)
    everywhere = written(parsed.every_category)
    categories: dict[str, CategoryRules] = {}
    for slug, given in parsed.categories.items():
        place = f"categories.{slug}"
        if isinstance(given, Mapping):
            categories[slug] = read_record(CategoryRules, _merged(everywhere, given), place, report_error)
        else:
            report_error(place, f"{quoted(given)} is not an object. Write an object with the category's rules.")
    errors += _checked(parsed, categories, [error.field for error in errors])
    policy = Policy(
        document=written(parsed),
        every_category=parsed.every_category,
        categories=categories,
        default=parsed.default,
        refresh_every_hours=parsed.refresh_every_hours,
        expires_after_hours=parsed.expires_after_hours,
        on_expired=parsed.on_expired,
        complexity=parsed.complexity,
    )
    if errors:
        raise PolicyError(errors, policy)
    return policy


def in_present_words(document: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's document with values as they are called today: a gate's mode `approval` was once `held`."""
    made = dict(document)
    made["every_category"] = _gate_in_present_words(made["every_category"])
    made["categories"] = {slug: _gate_in_present_words(rules) for slug, rules in made["categories"].items()}
    return made


def _gate_in_present_words(rules: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(rules)
    if "gate" in made:
        gate = dict(made["gate"])
        for name, one in rules_of(Gate).items():
            if name in gate and isinstance(one.kind, Choice):
                gate[name] = one.kind.renamed.get(gate[name], gate[name])
        made["gate"] = gate
    return made


def same_rules(one: Policy, other: Policy) -> bool:
    """Whether two policies differ in words at most, which their digests tell apart."""
    return canonical(in_present_words(one.document)) == canonical(in_present_words(other.document))


def _merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`gate` and `limits` are merged key by key; everything else is replaced."""
    made = {**base, **given}
    for key in ("gate", "limits"):
        if isinstance(given.get(key), dict):
            made[key] = {**base[key], **given[key]}
    return made


def _checked(parsed: Document, categories: Mapping[str, CategoryRules], wrong: Sequence[str]) -> Iterator[FieldError]:
    """What fields say of one another, as far as they could be read."""
    if parsed.complexity.medium_from > parsed.complexity.complex_from:
        yield FieldError("complexity.medium_from", "Must not exceed complex_from.")
    if parsed.refresh_every_hours >= parsed.expires_after_hours:
        yield FieldError("refresh_every_hours", "Must be less than expires_after_hours, or tables expire unrefreshed.")
    if not any(field.startswith("default[") for field in wrong):
        yield from _named_once("default", [route.name for route in parsed.default])
    if any(field.startswith("every_category") for field in wrong):
        return
    yield from _category_checked("every_category", parsed.every_category, own=None)
    for slug, rules in categories.items():
        if not any(field.startswith(f"categories.{slug}.") for field in wrong):
            yield from _category_checked(f"categories.{slug}", rules, own=parsed.categories[slug])


def _category_checked(place: str, rules: CategoryRules, *, own: Mapping[str, Any] | None) -> Iterator[FieldError]:
    """`own` is what the category says itself, None for every_category. What it merely inherits is told there."""

    def at(name: str) -> str:
        return f"{place if own is None or name in own else 'every_category'}.{name}"

    if own is None or "routes" in own:
        yield from _routes_checked(f"{place}.routes", rules)
    for name, slug in _slugs(rules, at("routes"), at):
        if slug in rules.exclude:
            # Told at the one of the two that this category says.
            if own is not None and not name.startswith(place):
                yield FieldError(at("exclude"), f"{slug} is named by {name}. Take it out of one of them.")
            else:
                yield FieldError(name, f"{slug} is excluded by {at('exclude')}. Take it out of one of them.")
    required = [rules.terms(route).second_provider for route in rules.routes]
    if rules.fallbacks == 0 and "required" in (rules.second_provider, *required):
        yield FieldError(at("fallbacks"), "“0” leaves no room for a fallback at a second provider. Write 1 or more.")
    elif rules.fallbacks == 0 and rules.fallback_to is not None:
        yield FieldError(at("fallbacks"), f"“0” leaves no room for {rules.fallback_to}. Write 1 or more.")


def _slugs(rules: CategoryRules, routes: str, at: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Every slug the rules name, with its field."""
    for name in ("default", "fallback_to"):
        slug = getattr(rules, name)
        if slug is not None:
            yield at(name), slug
    for n, route in enumerate(rules.routes):
        for name in ("pin", "escalate_to", "fallback_to"):
            slug = getattr(route, name)
            if isinstance(slug, str):
                yield f"{routes}[{n}].{name}", slug


def _routes_checked(place: str, rules: CategoryRules) -> Iterator[FieldError]:
    if not rules.routes:
        yield FieldError(place, "There is no route. Write one at least; an empty `when` always holds.")
    yield from _named_once(place, [route.name for route in rules.routes])
    for at, route in enumerate(rules.routes):
        if route.when.local_only is True and rules.terms(route).limits.locality == "hosted":
            words = "“hosted” is for contenders elsewhere, but the route is for local_only requests. Write local."
            yield FieldError(f"{place}[{at}].limits.locality", words)
        if at < len(rules.routes) - 1 and not route.when.as_dict():
            words = "Always holds, so no route after it is ever reached; put it last, or give it a condition."
            yield FieldError(f"{place}[{at}].when", words)


def _named_once(place: str, names: list[str]) -> Iterator[FieldError]:
    for at, name in enumerate(names):
        if name in names[:at]:
            what = f"“{name}” is used twice" if name else "Only one route may go without a name"
            yield FieldError(
                f"{place}[{at}].name", f"{what}; route ids are unique. {rules_of(FixedRoute)['name'].expected}"
            )
