"""The admin's rules: one validated document, `routing-policy/v1`. Pure.

    policy = parse({"every_category": {"objective": "best"}, "categories": {"code": {"quality_margin": 30}}})
    policy.rules("code").quality_margin     # 30; what a category does not say, every_category says

`parse` raises PolicyError, whose errors name each field as one would type it: `categories.code.gate.alpha`.
Hard limits and conditions are never relaxed; what cannot be measured does not meet them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "SCHEMA",
    "CategoryRules",
    "Complexity",
    "FieldError",
    "FixedRoute",
    "Gate",
    "Limits",
    "Objective",
    "Policy",
    "PolicyError",
    "RouteRules",
    "When",
    "canonical",
    "default_document",
    "parse",
]

SCHEMA = "routing-policy/v1"

T = TypeVar("T")

Objective = Literal["best", "cheapest", "fastest", "most_compliant"]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Hours = Annotated[float, Meta(gt=0, le=24 * 366)]
Slug = Annotated[str, Meta(min_length=1, max_length=120)]
Word = Annotated[str, Meta(min_length=1, max_length=60)]
RouteName = Annotated[str, Meta(max_length=40, pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$")]


class Gate(Struct, frozen=True, forbid_unknown_fields=True):
    """When a route may change on the votes. `alpha` bounds the chance that an incumbent is ever replaced by one
    that is not better, however often it is looked at; `margin` is in rating points."""

    speaks_for: Literal["category", "panel", "people"] = "category"
    alpha: Annotated[float, Meta(gt=0, le=0.5)] = 0.05
    margin: NotNegative = 0.0
    min_votes: Count = 30
    min_reviewers: Count = 2
    # One person may decide: by the exact head-to-head gate. A category can declare the same.
    single_reviewer: bool = False
    dwell_hours: Annotated[float, Meta(ge=0, le=24 * 366)] = 24.0
    mode: Literal["automatic", "held"] = "automatic"


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Hard limits: who breaches one, or is not measured for it, is not routed, not even as a fallback."""

    locality: Literal["local", "hosted"] | None = None
    capabilities: list[Word] = []
    tiers: list[Annotated[int, Meta(ge=0)]] = []
    min_context_tokens: Count | None = None
    max_ttft_ms: Positive | None = None
    max_latency_ms: Positive | None = None
    max_usd_per_success: NotNegative | None = None
    min_success_rate: Share | None = None
    min_schema_ok_rate: Share | None = None
    max_error_rate: Share | None = None
    max_refusal_rate: Share | None = None
    max_both_bad_rate: Share | None = None


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A route's conditions, each about what the caller says of the request; all must hold."""

    max_ttft_ms: Positive | UnsetType = UNSET
    max_latency_ms: Positive | UnsetType = UNSET
    max_usd: NotNegative | UnsetType = UNSET
    local_only: bool | UnsetType = UNSET
    needs: list[Word] | UnsetType = UNSET
    prompt_chars_lt: Count | UnsetType = UNSET
    prompt_tokens_lt: Count | UnsetType = UNSET
    complexity: Literal["simple", "medium", "complex"] | UnsetType = UNSET
    reasoning: bool | UnsetType = UNSET
    label: Word | UnsetType = UNSET

    def as_dict(self) -> dict[str, Any]:
        made: dict[str, Any] = msgspec.to_builtins(self)
        return made


class RouteRules(Struct, frozen=True, forbid_unknown_fields=True):
    """One route of a category. Its id is `<category>`, or `<category>-<name>`.

    What is unset comes from the category. `escalate_to` is a contender's slug, or "best": the one the
    category's unconditional route sends to.
    """

    name: RouteName = ""
    when: When = When()
    objective: Objective | UnsetType = UNSET
    quality_margin: NotNegative | UnsetType = UNSET
    limits: Limits | UnsetType = UNSET
    pin: Slug | None = None
    escalate_to: Slug | None = None


class CategoryRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`quality_margin` (rating points): how much worse than the best a cheaper, faster or more compliant contender
    may be; `min_gain`: by which share it must improve before a route changes for it. `default` is routed while the
    votes do not decide."""

    objective: Objective = "best"
    quality_margin: NotNegative = 50.0
    min_gain: Share = 0.1
    limits: Limits = Limits()
    exclude: list[Slug] = []
    fallbacks: Annotated[int, Meta(ge=0, le=10)] = 2
    default: Slug | None = None
    gate: Gate = Gate()
    routes: list[RouteRules] = msgspec.field(default_factory=lambda: [RouteRules()])


class FixedRoute(Struct, frozen=True, forbid_unknown_fields=True):
    """A route the policy spells out, for the table's `default`: what is asked when no category's route holds."""

    primary: Slug
    name: RouteName = ""
    when: When = When()
    fallbacks: list[Slug] = []
    escalate_to: Slug | None = None


class Complexity(Struct, frozen=True, forbid_unknown_fields=True):
    method: Literal["length-and-markers/1"] = "length-and-markers/1"
    medium_from: Share = 0.35
    complex_from: Share = 0.7


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["routing-policy/v1"] = "routing-policy/v1"
    every_category: CategoryRules = CategoryRules()
    categories: dict[Slug, dict[str, Any]] = {}
    default: list[FixedRoute] = []
    refresh_every_hours: Hours = 24.0
    expires_after_hours: Hours = 168.0
    on_expired: Literal["use_last_good", "use_default", "refuse"] = "use_last_good"
    complexity: Complexity = Complexity()


class FieldError(NamedTuple):
    """`field` as one would type it, such as `categories.code.routes[1].when.max_usd`; "" is the whole document."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class PolicyError(ValueError):
    """The document is no policy. `errors` has one entry a field that must change."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
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
    made: dict[str, Any] = msgspec.to_builtins(_Document())
    return made


def parse(document: Any) -> Policy:
    """Raises PolicyError with every field that must change."""
    if not isinstance(document, dict):
        raise PolicyError([FieldError("", f"A policy is a JSON object, not {_kind(document)}.")])
    parsed = _convert(document, _Document, "")
    spelled: dict[str, Any] = msgspec.to_builtins(parsed)
    errors: list[FieldError] = []
    categories: dict[str, CategoryRules] = {}
    for slug, given in parsed.categories.items():
        try:
            merged = _merged(spelled["every_category"], given)
            categories[slug] = _convert(merged, CategoryRules, f"categories.{slug}")
        except PolicyError as error:
            errors += error.errors
    errors += _checked(parsed, categories)
    if errors:
        raise PolicyError(errors)
    return Policy(
        document=spelled,
        every_category=parsed.every_category,
        categories=categories,
        default=tuple(parsed.default),
        refresh_every_hours=parsed.refresh_every_hours,
        expires_after_hours=parsed.expires_after_hours,
        on_expired=parsed.on_expired,
        complexity=parsed.complexity,
    )


def _merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`gate` and `limits` are merged key by key; everything else is replaced."""
    made = {**base, **given}
    for key in ("gate", "limits"):
        if isinstance(given.get(key), dict):
            made[key] = {**base[key], **given[key]}
    return made


_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_LACKS = re.compile(r"Object missing required field `(?P<name>[^`]*)`")


def _convert(value: Any, type_: type[T], under: str) -> T:
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        raise PolicyError([_located(str(error), under)]) from None


def _located(text: str, under: str) -> FieldError:
    """msgspec's message with the field in front, and the name of a field that is unknown or lacking in it."""
    match = _AT.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    field = path.removeprefix("$").removeprefix(".")
    for pattern, message in ((_UNKNOWN, "is no field of a policy; check its spelling"), (_LACKS, "is required")):
        if named := pattern.match(what):
            field, what = _dotted(field, named["name"]), message
    return FieldError(_dotted(under, field), what if what.endswith(".") else f"{what}.")


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "a yes or no", type(None): "nothing"}
    return names.get(type(value), "a number")


def _checked(parsed: _Document, categories: Mapping[str, CategoryRules]) -> Iterator[FieldError]:
    if parsed.complexity.medium_from > parsed.complexity.complex_from:
        yield FieldError("complexity.medium_from", "must not exceed complexity.complex_from.")
    if parsed.refresh_every_hours >= parsed.expires_after_hours:
        yield FieldError("refresh_every_hours", "must be less than expires_after_hours, or tables expire unrefreshed.")
    yield from _named_once("default", [route.name for route in parsed.default])
    places = {"every_category": parsed.every_category}
    places |= {f"categories.{slug}": rules for slug, rules in categories.items()}
    for place, rules in places.items():
        yield from _category_checked(place, rules)


def _category_checked(place: str, rules: CategoryRules) -> Iterator[FieldError]:
    if not rules.routes:
        yield FieldError(f"{place}.routes", "needs at least one route; an empty `when` always holds.")
    yield from _named_once(f"{place}.routes", [route.name for route in rules.routes])
    if rules.default is not None and rules.default in rules.exclude:
        yield FieldError(f"{place}.default", f"{rules.default} is excluded by {place}.exclude.")
    for at, route in enumerate(rules.routes):
        here = f"{place}.routes[{at}]"
        for key in ("pin", "escalate_to"):
            if getattr(route, key) in rules.exclude:
                yield FieldError(f"{here}.{key}", f"{getattr(route, key)} is excluded by {place}.exclude.")
        limits = rules.limits if route.limits is UNSET else route.limits
        if route.when.local_only is True and limits.locality == "hosted":
            yield FieldError(f"{here}.limits.locality", "is hosted, but the route is for local_only requests.")
        if at < len(rules.routes) - 1 and not route.when.as_dict():
            yield FieldError(f"{here}.when", "always holds, so no route after it is ever reached; put it last.")


def _named_once(place: str, names: list[str]) -> Iterator[FieldError]:
    for at, name in enumerate(names):
        if name in names[:at]:
            what = f"{name!r} is used twice" if name else "only one route may go without a name"
            yield FieldError(f"{place}[{at}].name", f"{what}; route ids are unique.")
