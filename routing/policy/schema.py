"""What a policy is made of: each field's type, range and default. Pure; what fields say of one another is checked in
`routing.policy`, which is what others import.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "BEST",
    "CategoryRules",
    "Complexity",
    "Document",
    "FixedRoute",
    "Gate",
    "Limits",
    "Objective",
    "RouteLimits",
    "RouteRules",
    "SecondProvider",
    "Terms",
    "When",
]

# In place of a slug: whoever the category's unconditional route sends to.
BEST = "best"

Objective = Literal["best", "cheapest", "fastest", "most_compliant"]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Hours = Annotated[float, Meta(gt=0, le=24 * 366)]
Slug = Annotated[str, Meta(min_length=1, max_length=120)]
Word = Annotated[str, Meta(min_length=1, max_length=60)]
Tier = Annotated[int, Meta(ge=0)]
SecondProvider = Literal["preferred", "required"]
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
    """Hard limits: who breaches one, or is not measured for it, is not routed, not even as a fallback. Only `tiers`,
    which says whom a route looks for, does not bind those that `fallback_to` and `escalate_to` name."""

    locality: Literal["local", "hosted"] | None = None
    capabilities: list[Word] = []
    tiers: list[Tier] = []
    min_context_tokens: Count | None = None
    max_ttft_ms: Positive | None = None
    max_latency_ms: Positive | None = None
    max_usd_per_success: NotNegative | None = None
    min_success_rate: Share | None = None
    min_schema_ok_rate: Share | None = None
    max_error_rate: Share | None = None
    max_refusal_rate: Share | None = None
    max_both_bad_rate: Share | None = None


class RouteLimits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a route limits otherwise than its category; null lifts the category's limit."""

    locality: Literal["local", "hosted"] | UnsetType | None = UNSET
    capabilities: list[Word] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET
    min_context_tokens: Count | UnsetType | None = UNSET
    max_ttft_ms: Positive | UnsetType | None = UNSET
    max_latency_ms: Positive | UnsetType | None = UNSET
    max_usd_per_success: NotNegative | UnsetType | None = UNSET
    min_success_rate: Share | UnsetType | None = UNSET
    min_schema_ok_rate: Share | UnsetType | None = UNSET
    max_error_rate: Share | UnsetType | None = UNSET
    max_refusal_rate: Share | UnsetType | None = UNSET
    max_both_bad_rate: Share | UnsetType | None = UNSET


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A route's conditions, each about what the caller says of the request; all must hold."""

    max_ttft_ms: Positive | UnsetType = UNSET
    max_latency_ms: Positive | UnsetType = UNSET
    max_usd: NotNegative | UnsetType = UNSET
    local_only: bool | UnsetType = UNSET
    needs: Annotated[list[Word], Meta(min_length=1)] | UnsetType = UNSET
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

    What is unset comes from the category, limits one by one. `pin` goes before the votes, but within the limits.
    `escalate_to` is a contender's slug, or "best": whoever the category's unconditional route sends to.
    """

    name: RouteName = ""
    when: When = When()
    objective: Objective | UnsetType = UNSET
    quality_margin: NotNegative | UnsetType = UNSET
    limits: RouteLimits | UnsetType = UNSET
    pin: Slug | None = None
    escalate_to: Slug | None = None
    fallback_to: Slug | UnsetType | None = UNSET
    second_provider: SecondProvider | UnsetType = UNSET


class Terms(NamedTuple):
    """What holds for one route: its own, else its category's. `limits` are without the route's conditions."""

    objective: Objective
    quality_margin: float
    limits: Limits
    fallback_to: str | None
    second_provider: SecondProvider


class CategoryRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`quality_margin` (rating points): how much worse than the best a cheaper, faster or more compliant contender
    may be; `min_gain`: by which share it must improve before a route changes for it. `default` is routed while the
    votes do not decide. `fallback_to` is everybody's first fallback, a slug or "best"; with `second_provider` required,
    nobody is routed without a fallback at another provider."""

    objective: Objective = "best"
    quality_margin: NotNegative = 50.0
    min_gain: Share = 0.1
    limits: Limits = Limits()
    exclude: list[Slug] = []
    fallbacks: Annotated[int, Meta(ge=0, le=10)] = 2
    fallback_to: Slug | None = None
    second_provider: SecondProvider = "preferred"
    default: Slug | None = None
    gate: Gate = Gate()
    routes: list[RouteRules] = msgspec.field(default_factory=lambda: [RouteRules()])

    def terms(self, route: RouteRules) -> Terms:
        own = {} if route.limits is UNSET else msgspec.structs.asdict(route.limits)
        changed = {name: value for name, value in own.items() if value is not UNSET}
        return Terms(
            objective=self.objective if route.objective is UNSET else route.objective,
            quality_margin=self.quality_margin if route.quality_margin is UNSET else route.quality_margin,
            limits=msgspec.structs.replace(self.limits, **changed),
            fallback_to=self.fallback_to if route.fallback_to is UNSET else route.fallback_to,
            second_provider=self.second_provider if route.second_provider is UNSET else route.second_provider,
        )


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


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["routing-policy/v1"] = "routing-policy/v1"
    every_category: CategoryRules = CategoryRules()
    categories: dict[str, Any] = {}
    default: list[FixedRoute] = []
    refresh_every_hours: Hours = 24.0
    expires_after_hours: Hours = 168.0
    on_expired: Literal["use_last_good", "use_default", "refuse"] = "use_last_good"
    complexity: Complexity = Complexity()


# msgspec works a type out when it is first used, and two threads doing that at once crash the process (seen in 0.22.0).
msgspec.convert({}, Document)
