"""What a policy is made of. Each field is declared here, once: its kind and range, its default, what it is called, how
it is written and shown, and what it means. Pure.

Reading and errors (`routing.policy.parse`), forms, chips, eligibility (`routing.decisions.eligibility`), the choice of
a route (`routing.publishing.selection`), the table's JSON Schema, the body of `routing/select` and the gateways follow.
What fields say of one another is checked in `routing.policy.parse`, which is what others import.

- A new limit is a field of Limits, if evidence has the figure: `limit(Binds(…), …)`.
- A new condition is a field of When, and the client's in `sdk/`: `condition(Asks(…), …)`. A fact that callers have to
  state for it, and no condition asked for before, is a field of Ask, below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple, cast

from arena.ui.wording import listed, milliseconds, money, share
from routing.policy.kinds import (
    UNSET,
    Choice,
    Flag,
    Kind,
    Many,
    Named,
    Number,
    Part,
    Record,
    Records,
    Rule,
    Slug,
    Text,
    Unset,
    declared,
    rule,
    rules_of,
    written,
)

__all__ = [
    "BEST",
    "BUDGETS",
    "CONDITIONS",
    "FACTS",
    "LIMITS",
    "RELATIONS",
    "SCHEMA",
    "UNSET",
    "Ask",
    "Asks",
    "Binds",
    "CategoryRules",
    "Compared",
    "Complexity",
    "ConditionRule",
    "Document",
    "FixedRoute",
    "Gate",
    "How",
    "LimitRule",
    "Limits",
    "Objective",
    "RouteRules",
    "SecondProvider",
    "Terms",
    "When",
    "tightest",
]

SCHEMA = "routing-policy/v1"
# In place of a slug: the contender that the category's unconditional route sends to.
BEST = "best"

Objective = Literal["best", "cheapest", "fastest", "most_compliant"]
SecondProvider = Literal["preferred", "required"]

# How a limit or a condition compares with a figure or a fact, and the sign that says so.
How = Literal["equals", "one_of", "has_all", "at_least", "at_most", "below", "above"]
RELATIONS: Mapping[How, Callable[[Any, Any], bool]] = {
    "equals": lambda value, bound: bool(value == bound),
    "one_of": lambda value, bound: value in bound,
    "has_all": lambda value, bound: set(bound) <= set(value),
    "at_least": lambda value, bound: bool(value >= bound),
    "at_most": lambda value, bound: bool(value <= bound),
    "below": lambda value, bound: bool(value < bound),
    "above": lambda value, bound: bool(value > bound),
}
_SIGNS: Mapping[How, str] = {"at_least": "≥ ", "at_most": "≤ ", "below": "< ", "above": "> "}


@dataclass(frozen=True)
class Binds:
    """What a limit is compared with: a figure of the contender's `model`, the measured `evidence` or its `rating`, by
    the attribute's name there. Beside a measured figure stands the number of its measurements, `n` unless another name
    is given: `ttft_ms.p95`. `check` is what the check is called."""

    of: Literal["model", "evidence", "rating"]
    figure: str
    how: How
    check: str
    n: str = "n"


@dataclass(frozen=True)
class Asks:
    """What a condition asks of a request: `fact` is what the caller says of it, `how` how that compares with the value.

    `binds` is the limit that the route's contenders must keep in turn; `bound` gives the limit's value for the
    condition's, None for no limit.
    """

    fact: str
    how: How
    binds: str = ""
    bound: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, kw_only=True)
class Compared(Rule):
    """A field whose value something is compared with. It is shown as `chip` and the value as `format` writes it."""

    chip: str = ""
    format: Callable[[Any], str] = str

    @property
    def how(self) -> How:
        raise NotImplementedError

    def shown(self, value: Any) -> str:
        """The value with its sign: `≤ 500 ms`."""
        return f"{_SIGNS.get(self.how, '')}{self.format(value)}"


@dataclass(frozen=True, kw_only=True)
class LimitRule(Compared):
    binds: Binds

    @property
    def how(self) -> How:
        return self.binds.how


@dataclass(frozen=True, kw_only=True)
class ConditionRule(Compared):
    asks: Asks

    @property
    def how(self) -> How:
        return self.asks.how


def limit(binds: Binds, kind: Kind, *args: str, default: Any = None, **more: Any) -> Any:
    """A field of Limits. None is no limit, or an empty list where there are several."""
    several = isinstance(kind, Many)
    rule_ = LimitRule(kind, *args, nullable=not several, binds=binds, **more)
    return declared(rule_, () if several else default)


def condition(asks: Asks, kind: Kind, *args: str, **more: Any) -> Any:
    """A field of When. None is no condition, which is not written."""
    return declared(ConditionRule(kind, *args, asks=asks, **more), None)


def tightest(binds: Binds, own: Any, asked: Any) -> Any:
    """A limit, if it is to hold for both."""
    if binds.how == "has_all":
        return tuple(sorted({*own, *asked}))
    if own is None or binds.how == "equals":
        return asked
    return min(own, asked) if binds.how == "at_most" else max(own, asked)


_POSITIVE = Number(gt=0)
_NOT_NEGATIVE = Number(ge=0)
_SHARE = Number(ge=0, le=1)
_COUNT = Number(ge=1, whole=True)
_WORD = Text(60)
_WORDS = Many(_WORD)
_ROUTE_NAME = Text(40, shortest=0, pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$")

_A_SLUG = "Write a contender's short name, as on the contenders page."
_A_SLUG_OR_BEST = "Write a contender's short name, or best for where the category's unconditional route goes."
_SLUGS = "Write a list of contenders' short names."
_A_SHARE = "Write a share from 0 to 1, for example 0.02 for 2%."
_MS = "Write milliseconds in digits, for example 500."
_USD = "Write US dollars in digits, for example 0.004."
_HOURS = "Write hours in digits, for example 24."
_CAPABILITIES = "Write a list of words such as tools, json, vision."
_YES_OR_NO = "Write true or false."
_BUDGET = "The caller's budget in {} is this or less."


def _tokens(value: float) -> str:
    return f"{value:,} tokens"


def _tokens_per_second(value: float) -> str:
    return f"{value:,.{0 if value >= 10 else 1}f} tokens/s"


def _characters(value: float) -> str:
    return f"{value:,} characters"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Hard limits: a contender that breaches one, or is not measured for it, is not routed, not even as a fallback.
    (`max_both_bad_rate` alone lets those pass that nobody has voted on yet.)
    Only `tiers`, which says what a route looks for, does not bind those that `fallback_to` and `escalate_to` name.

    A route has a mapping of the limits that differ from its category's; null lifts the category's limit.
    """

    # Written although nothing is limited, because the digests of stored policies hold it. A limit that came later is
    # written only where it is set, so that no stored policy changes its digest.
    always_written: ClassVar = frozenset(
        {
            "locality",
            "capabilities",
            "tiers",
            "min_context_tokens",
            "max_ttft_ms",
            "max_latency_ms",
            "max_usd_per_success",
            "min_success_rate",
            "min_schema_ok_rate",
            "max_error_rate",
            "max_refusal_rate",
            "max_both_bad_rate",
        }
    )

    locality: str | None = limit(
        Binds("model", "locality", "equals", "Locality"),
        Choice({"local": "local only", "hosted": "hosted only"}),
        "Locality",
        "Write local or hosted, or nothing for both.",
        "Who may see such requests.",
        format=lambda value: f"{value} only",
    )
    capabilities: tuple[str, ...] = limit(
        Binds("model", "capabilities", "has_all", "Capabilities"),
        _WORDS,
        "Capabilities",
        _CAPABILITIES,
        "All of them, separated by commas: tools, json.",
        chip="has",
        format=listed,
    )
    tiers: tuple[int, ...] = limit(
        Binds("model", "tier", "one_of", "Tier"),
        Many(Number(ge=0, whole=True)),
        "Tiers",
        "Write a list of whole numbers, 0 or more, for example 1, 2.",
        "Separated by commas: 2, 3.",
        chip="tier",
        format=lambda value: listed([str(one) for one in value]),
    )
    min_context_tokens: int | None = limit(
        Binds("model", "context_tokens", "at_least", "Context"),
        _COUNT,
        "Context, at least",
        "Write a whole number of tokens, for example 32000.",
        "Tokens.",
        chip="context",
        format=_tokens,
    )
    max_ttft_ms: float | None = limit(
        Binds("evidence", "ttft_ms.p95", "at_most", "First token, p95"),
        _POSITIVE,
        "First token, at most",
        _MS,
        "Milliseconds at p95.",
        chip="first token",
        format=milliseconds,
    )
    max_latency_ms: float | None = limit(
        Binds("evidence", "latency_ms.p95", "at_most", "Latency, p95"),
        _POSITIVE,
        "Latency, at most",
        _MS,
        "Milliseconds at p95.",
        chip="latency",
        format=milliseconds,
    )
    max_usd_per_success: float | None = limit(
        Binds("evidence", "usd_per_success", "at_most", "Cost per success"),
        _NOT_NEGATIVE,
        "USD per success, at most",
        _USD,
        "Failed attempts count, too.",
        chip="per success",
        format=money,
    )
    min_success_rate: float | None = limit(
        Binds("evidence", "success_rate", "at_least", "Success"),
        _SHARE,
        "Success, at least",
        _A_SHARE,
        "Share of answers whose checks pass: 0.95.",
        chip="success",
        format=share,
    )
    min_schema_ok_rate: float | None = limit(
        Binds("evidence", "schema_ok_rate", "at_least", "Schema holds"),
        _SHARE,
        "Schema holds, at least",
        _A_SHARE,
        "Share of schema checks that pass.",
        chip="schema holds",
        format=share,
    )
    max_error_rate: float | None = limit(
        Binds("evidence", "error_rate", "at_most", "Errors"),
        _SHARE,
        "Errors, at most",
        _A_SHARE,
        "Share of requests: 0.02 is 2%.",
        chip="errors",
        format=share,
    )
    max_refusal_rate: float | None = limit(
        Binds("evidence", "refusal_rate", "at_most", "Refusals"),
        _SHARE,
        "Refusals, at most",
        _A_SHARE,
        "Share of answers.",
        chip="refusals",
        format=share,
    )
    max_hallucination_rate: float | None = limit(
        Binds("evidence", "hallucination.rate", "at_most", "Hallucinations"),
        _SHARE,
        "Hallucinations, at most",
        _A_SHARE,
        "Share of wrong ones among answers to tasks with a reference check; refusals apart.",
        chip="hallucinations",
        format=share,
    )
    min_tokens_per_second: float | None = limit(
        Binds("evidence", "tokens_per_second", "at_least", "Tokens per second", n="timed"),
        _POSITIVE,
        "Tokens per second, at least",
        "Write tokens per second in digits, for example 30.",
        "Over whole answers.",
        chip="pace",
        format=_tokens_per_second,
    )
    max_gap_ms: float | None = limit(
        Binds("evidence", "gap_ms.p95", "at_most", "Gap between tokens, p95"),
        _POSITIVE,
        "Gap between tokens, at most",
        "Write milliseconds in digits, for example 120.",
        "Milliseconds at p95, while an answer streams.",
        chip="gap",
        format=milliseconds,
    )
    # On unless a policy writes null, as every policy stored before did. Above a half, reviewers found more often than
    # not that neither answer was of use; contenders as unequal as those of llmfao stay below a third wherever the
    # median one is usable half of the time.
    max_both_bad_rate: float | None = limit(
        Binds("rating", "both_bad_rate", "at_most", "Both-bad rate"),
        _SHARE,
        "Both bad, at most",
        _A_SHARE,
        "Share of a contender's votes that call both answers bad. Empty: no limit.",
        default=0.5,
        chip="both bad",
        format=share,
    )


@dataclass(frozen=True, kw_only=True)
class When:
    """A route's conditions, each about what the caller says of the request; all must hold. What was not said never
    makes one hold."""

    max_ttft_ms: float | None = condition(
        Asks("max_ttft_ms", "at_most", binds="max_ttft_ms"),
        _POSITIVE,
        "First token, at most",
        _MS,
        _BUDGET.format("ms"),
        chip="first token",
        format=milliseconds,
    )
    max_latency_ms: float | None = condition(
        Asks("max_latency_ms", "at_most", binds="max_latency_ms"),
        _POSITIVE,
        "Latency, at most",
        _MS,
        _BUDGET.format("ms"),
        chip="latency",
        format=milliseconds,
    )
    max_usd: float | None = condition(
        Asks("max_usd", "at_most", binds="max_usd_per_success"),
        _NOT_NEGATIVE,
        "Budget, at most",
        _USD,
        _BUDGET.format("USD"),
        chip="cost",
        format=money,
    )
    local_only: bool | None = condition(
        Asks("local_only", "equals", binds="locality", bound=lambda local: "local" if local else None),
        Flag("only requests that must stay local", "only requests that may leave"),
        "Must stay local",
        _YES_OR_NO,
        format=lambda value: "local only" if value else "not local only",
    )
    needs: tuple[str, ...] | None = condition(
        Asks("needs", "has_all", binds="capabilities"),
        Many(_WORD, least=1),
        "Needs",
        _CAPABILITIES,
        "What the caller asks for: tools, json.",
        chip="needs",
        format=lambda value: listed(list(value)),
    )
    prompt_chars_lt: int | None = condition(
        Asks("prompt_chars", "below"),
        _COUNT,
        "Prompt, characters below",
        "Write a whole number of characters, for example 120.",
        "Characters over all messages.",
        chip="prompt",
        format=_characters,
    )
    prompt_tokens_lt: int | None = condition(
        Asks("prompt_tokens", "below"),
        _COUNT,
        "Prompt, tokens below",
        "Write a whole number of tokens, for example 32000.",
        "Tokens.",
        chip="prompt",
        format=_tokens,
    )
    complexity: str | None = condition(
        Asks("complexity", "equals"),
        Choice({"simple": "simple", "medium": "medium", "complex": "complex"}),
        "Complexity",
        "Write simple, medium or complex.",
    )
    reasoning: bool | None = condition(
        Asks("reasoning", "equals"),
        Flag("only with stated reasoning", "only stated without it"),
        "Reasoning",
        _YES_OR_NO,
        format=lambda value: "reasoning" if value else "no reasoning",
    )
    label: str | None = condition(
        Asks("label", "equals"),
        _WORD,
        "Label",
        "Write a word of at most 60 characters, for example sensitive.",
        "A word of the caller's own: bulk.",
        chip="label",
    )

    def as_dict(self) -> dict[str, Any]:
        return written(self)


@dataclass(frozen=True)
class Ask:
    """What the caller says of a request; what conditions call facts. None is "not said", which no condition ever
    matches. What has a rule may be sent to `routing/select`."""

    category: str
    prompt: str | None = None
    messages: Sequence[Mapping[str, Any]] | None = None
    needs: frozenset[str] = rule(_WORDS, default=frozenset())
    local_only: bool = rule(Flag(), default=False)
    max_ttft_ms: float | None = rule(_NOT_NEGATIVE, default=None)
    max_latency_ms: float | None = rule(_NOT_NEGATIVE, default=None)
    max_usd: float | None = rule(_NOT_NEGATIVE, default=None)
    prompt_tokens: int | None = rule(Number(ge=0, whole=True), default=None)
    complexity: str | None = rule(Choice({"simple": "simple", "medium": "medium", "complex": "complex"}), default=None)
    reasoning: bool | None = rule(Flag(), default=None)
    label: str | None = rule(_WORD, default=None)

    @property
    def texts(self) -> list[str] | None:
        """The text of every message, or None if neither prompt nor messages were given."""
        if self.prompt is None and self.messages is None:
            return None
        parts = [] if self.prompt is None else [self.prompt]
        for message in self.messages or ():
            content = message.get("content")
            if isinstance(content, str):
                parts.append(content)
            elif isinstance(content, list):
                parts += [str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part]
        return parts


LIMITS = cast(Mapping[str, LimitRule], rules_of(Limits))
CONDITIONS = cast(Mapping[str, ConditionRule], rules_of(When))
FACTS = rules_of(Ask)
# The conditions on what measuring shows, with the figure a contender has to show for them.
BUDGETS: Mapping[str, Binds] = {
    name: LIMITS[one.asks.binds].binds
    for name, one in CONDITIONS.items()
    if one.asks.binds and LIMITS[one.asks.binds].binds.of == "evidence"
}


@dataclass(frozen=True, kw_only=True)
class Gate:
    """When a route may change on the votes. `alpha` bounds the chance that an incumbent is ever replaced by one
    that is not better, however often it is looked at; `margin` is in rating points."""

    speaks_for: Literal["category", "panel", "people"] = rule(
        Choice({"category": "as the category says", "panel": "these reviewers", "people": "people like them"}),
        "Speaks for",
        "Write category, panel or people.",
        default="category",
    )
    alpha: float = rule(
        Number(gt=0, le=0.5),
        "Chance of error",
        "Write the chance of a false switch, above 0 and at most 0.5, for example 0.05.",
        "Chance that an incumbent ever loses to one that is not better.",
        default=0.05,
    )
    margin: float = rule(
        _NOT_NEGATIVE,
        "Margin",
        "Write rating points, 0 or more, for example 20.",
        "Rating points a change must be worth.",
        default=0.0,
    )
    # Votes that compare: "both bad" says nothing of who is better.
    min_votes: int = rule(
        _COUNT,
        "Minimum votes",
        "Write a whole number, 1 or more, for example 30.",
        "Votes that compare two answers; “both bad” does not count.",
        default=30,
    )
    min_reviewers: int = rule(_COUNT, "Minimum reviewers", "Write a whole number, 1 or more, for example 2.", default=2)
    # One person may decide: by the exact head-to-head gate. A category can declare the same.
    single_reviewer: bool = rule(
        Flag(), "One reviewer may decide", _YES_OR_NO, "By the head-to-head votes alone.", default=False
    )
    dwell_hours: float = rule(
        Number(ge=0, le=24 * 366),
        "Dwell time",
        "Write hours in digits, 0 to 8784, for example 24.",
        "Hours that a route stays at least.",
        default=24.0,
    )
    mode: Literal["automatic", "approval", "held"] = rule(
        Choice({"automatic": "automatically", "approval": "once a person approves"}, renamed={"held": "approval"}),
        "Routes switch",
        "Write automatic or approval.",
        default="automatic",
    )

    @property
    def needs_approval(self) -> bool:
        """`held` is what documents called it before."""
        return self.mode != "automatic"


@dataclass(frozen=True, kw_only=True)
class RouteRules:
    """One route of a category. Its id is `<category>`, or `<category>-<name>`.

    What is unset comes from the category, limits one by one. `pin` goes before the votes, but within the limits.
    `escalate_to` is a contender's slug, or "best": the one that the category's unconditional route sends to.
    """

    name: str = rule(
        _ROUTE_NAME,
        "Name",
        "Write small letters, digits and single hyphens, at most 40, for example fast.",
        "The end of the route's id. One route may go without.",
        default="",
    )
    when: When = rule(Record(When), "When", "Write an object.", default=When())
    objective: Objective | Unset = rule(
        Choice(
            {
                "best": "best by votes",
                "cheapest": "cheapest good enough",
                "fastest": "fastest good enough",
                "most_compliant": "most compliant good enough",
            }
        ),
        "Objective",
        "Write best, cheapest, fastest or most_compliant.",
        default=UNSET,
    )
    quality_margin: float | Unset = rule(
        _NOT_NEGATIVE,
        "Quality margin",
        "Write rating points, 0 or more, for example 50.",
        "Rating points.",
        default=UNSET,
    )
    limits: Mapping[str, Any] | Unset = rule(Part(Limits), "Limits", "Write an object.", default=UNSET)
    pin: str | None = rule(
        Slug(), "Pin", _A_SLUG, "Goes before the votes, within the limits.", default=None, nullable=True
    )
    escalate_to: str | None = rule(
        Slug(),
        "Escalates to",
        _A_SLUG_OR_BEST,
        "For answers that fail the caller's check; best is where the unconditional route goes.",
        default=None,
        nullable=True,
    )
    fallback_to: str | Unset | None = rule(
        Slug(),
        "Falls back to",
        _A_SLUG_OR_BEST,
        "The first fallback; best is where the unconditional route goes.",
        default=UNSET,
        nullable=True,
    )
    second_provider: SecondProvider | Unset = rule(
        Choice({"preferred": "preferred", "required": "required"}),
        "Second provider",
        "Write preferred or required.",
        "Among the fallbacks. Required: without one, a contender is not routed.",
        default=UNSET,
    )


def _as_on_a_route(name: str, default: Any, help_: str = "", **more: Any) -> Any:
    """A category's field that a route may say otherwise; only the help may differ."""
    one = rules_of(RouteRules)[name]
    return rule(one.kind, one.label, one.expected, help_ or one.help, default=default, **more)


class Terms(NamedTuple):
    """What holds for one route: its own, else its category's. `limits` are without the route's conditions."""

    objective: Objective
    quality_margin: float
    limits: Limits
    fallback_to: str | None
    second_provider: SecondProvider


@dataclass(frozen=True, kw_only=True)
class CategoryRules:
    """`quality_margin` (rating points): how much worse than the best a cheaper, faster or more compliant contender
    may be; `min_gain`: by which share it must improve before a route changes for it. `default` is routed while the
    votes do not decide. `fallback_to` is the first fallback of every route, a slug or "best"; with `second_provider`
    required, no contender is routed without a fallback at another provider."""

    objective: Objective = _as_on_a_route("objective", "best")
    quality_margin: float = _as_on_a_route(
        "quality_margin", 50.0, "Rating points that a contender may be behind the best and still be good enough."
    )
    min_gain: float = rule(
        _SHARE,
        "Minimum gain",
        "Write a share from 0 to 1, for example 0.1 for a tenth.",
        "Share by which cost, time or schema compliance must improve before a route changes.",
        default=0.1,
    )
    limits: Limits = rule(Record(Limits), "Limits", "Write an object.", default=Limits())
    exclude: tuple[str, ...] = rule(
        Many(Slug()), "Excluded", _SLUGS, "Never routed to. Short names, separated by commas.", default=()
    )
    fallbacks: int = rule(
        Number(ge=0, le=10, whole=True),
        "Fallbacks",
        "Write a whole number, 0 to 10.",
        "How many there are behind each first choice.",
        default=2,
    )
    fallback_to: str | None = _as_on_a_route(
        "fallback_to",
        None,
        "The first fallback of every route; best is where the unconditional route goes.",
        nullable=True,
    )
    second_provider: SecondProvider = _as_on_a_route("second_provider", "preferred")
    default: str | None = rule(
        Slug(), "Default", _A_SLUG, "Serves while the votes do not decide.", default=None, nullable=True
    )
    gate: Gate = rule(Record(Gate), "Gate", "Write an object.", default=Gate())
    routes: tuple[RouteRules, ...] = rule(
        Records(RouteRules, "Write an object with when and what goes for the route."),
        "Routes",
        "Write a list of routes, each an object.",
        default=(RouteRules(),),
    )

    def terms(self, route: RouteRules) -> Terms:
        return Terms(
            objective=self.objective if route.objective is UNSET else route.objective,
            quality_margin=self.quality_margin if route.quality_margin is UNSET else route.quality_margin,
            limits=self.limits if route.limits is UNSET else replace(self.limits, **route.limits),
            fallback_to=self.fallback_to if route.fallback_to is UNSET else route.fallback_to,
            second_provider=self.second_provider if route.second_provider is UNSET else route.second_provider,
        )


@dataclass(frozen=True, kw_only=True)
class FixedRoute:
    """A route the policy spells out, for the table's `default`: what is asked when no category's route holds."""

    primary: str = rule(Slug(), "First", _A_SLUG, "Asked first.")
    name: str = _as_on_a_route("name", "")
    when: When = _as_on_a_route("when", When())
    fallbacks: tuple[str, ...] = rule(
        Many(Slug()), "Fallbacks", _SLUGS, "In this order, separated by commas.", default=()
    )
    escalate_to: str | None = rule(
        Slug(), "Escalates to", _A_SLUG, "For answers that fail the caller's check.", default=None, nullable=True
    )


@dataclass(frozen=True, kw_only=True)
class Complexity:
    method: str = rule(
        Choice({"length-and-markers/1": "by length and markers of work"}),
        "Complexity by",
        "Write length-and-markers/1, the only method so far.",
        default="length-and-markers/1",
    )
    medium_from: float = rule(_SHARE, "Medium from", "Write a share from 0 to 1, for example 0.35.", default=0.35)
    complex_from: float = rule(_SHARE, "Complex from", "Write a share from 0 to 1, for example 0.7.", default=0.7)


@dataclass(frozen=True, kw_only=True)
class Document:
    """`categories` has the rules in which each category differs from every_category, as they were written."""

    schema: str = rule(Choice({SCHEMA: SCHEMA}), "Schema", f"Write {SCHEMA}.", default=SCHEMA)
    every_category: CategoryRules = rule(
        Record(CategoryRules),
        "Every category",
        "Write an object with the category's rules.",
        default=CategoryRules(),
    )
    categories: Mapping[str, Any] = field(
        default_factory=dict,
        metadata={"rule": Rule(Named(), "Categories", "Write an object: each category's rules under its short name.")},
    )
    default: tuple[FixedRoute, ...] = rule(
        Records(FixedRoute, "Write an object with primary."),
        "Default",
        "Write a list of routes, each an object with primary.",
        default=(),
    )
    refresh_every_hours: float = rule(Number(gt=0, le=24 * 366), "Refresh every", _HOURS, "Hours.", default=24.0)
    expires_after_hours: float = rule(
        Number(gt=0, le=24 * 366), "Expires after", _HOURS, "Hours. Longer than a refresh.", default=168.0
    )
    on_expired: Literal["use_last_good", "use_default", "refuse"] = rule(
        Choice(
            {
                "use_last_good": "clients keep the last good table",
                "use_default": "clients use the default routes only",
                "refuse": "clients refuse to route",
            }
        ),
        "Once expired",
        "Write use_last_good, use_default or refuse.",
        default="use_last_good",
    )
    complexity: Complexity = rule(
        Record(Complexity),
        "Complexity",
        "Write an object with method, medium_from and complex_from.",
        default=Complexity(),
    )
