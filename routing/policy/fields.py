"""What the policy's forms ask for, group by group, and how a value is typed and read back. Pure.

Reading is lenient on purpose: what is typed becomes a number where it is one and stays text where it is none, and
`routing.policy.parse.parse` alone says what is wrong with it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from routing.policy.words import label

__all__ = ["FIXED", "NOTHING", "ROUTE", "RULES", "TABLE", "Group", "Spec", "at", "read", "typed"]

Kind = Literal["choice", "number", "slug", "text", "words", "numbers"]
# Typed in a field that may hold nothing: no limit, nobody, none; where an empty field would leave it to others.
NOTHING = "none"


@dataclass(frozen=True)
class Spec:
    """`path` as in the document, from the form's own place on; `choices` of (value, words) for a choice."""

    path: str
    kind: Kind
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    nullable: bool = False

    @property
    def label(self) -> str:
        return label(self.path)


@dataclass(frozen=True)
class Group:
    """`folded`: shown only once something stands in it, or one opens it."""

    title: str
    why: str
    specs: tuple[Spec, ...]
    folded: bool = False


_OBJECTIVES = (
    ("best", "best by votes"),
    ("cheapest", "cheapest good enough"),
    ("fastest", "fastest good enough"),
    ("most_compliant", "most compliant good enough"),
)
_SECOND = (("preferred", "preferred"), ("required", "required"))
_SECOND_HELP = "Among the fallbacks. Required: nobody is routed without one."
_YES_NO = (("true", "yes"), ("false", "no"))
_LOCALITY = (("local", "local only"), ("hosted", "hosted only"))

_LIMITS = (
    Spec("limits.locality", "choice", "Who may see such requests.", _LOCALITY, nullable=True),
    Spec("limits.tiers", "numbers", "Separated by commas: 2, 3."),
    Spec("limits.capabilities", "words", "All of them, separated by commas: tools, json."),
    Spec("limits.min_context_tokens", "number", "Tokens.", nullable=True),
    Spec("limits.max_ttft_ms", "number", "Milliseconds at p95.", nullable=True),
    Spec("limits.max_latency_ms", "number", "Milliseconds at p95.", nullable=True),
    Spec("limits.max_usd_per_success", "number", "Failed attempts are paid for, too.", nullable=True),
    Spec("limits.min_success_rate", "number", "Share of answers whose checks pass: 0.95.", nullable=True),
    Spec("limits.min_schema_ok_rate", "number", "Share of schema checks that pass.", nullable=True),
    Spec("limits.max_error_rate", "number", "Share of requests: 0.02 is 2%.", nullable=True),
    Spec("limits.max_refusal_rate", "number", "Share of answers.", nullable=True),
    Spec("limits.max_both_bad_rate", "number", "Share of votes.", nullable=True),
)
_LIMITS_WHY = "Who breaches one, or is not measured for it, is not routed, not even as a fallback."

_WHEN = (
    Spec("when.label", "text", "A word of the caller's own: bulk."),
    Spec("when.needs", "words", "What the caller asks for: tools, json."),
    Spec(
        "when.local_only",
        "choice",
        "",
        (("true", "only requests that must stay local"), ("false", "only requests that may leave")),
    ),
    Spec("when.reasoning", "choice", "", (("true", "only with stated reasoning"), ("false", "only stated without it"))),
    Spec("when.complexity", "choice", "", (("simple", "simple"), ("medium", "medium"), ("complex", "complex"))),
    Spec("when.prompt_chars_lt", "number", "Characters over all messages."),
    Spec("when.prompt_tokens_lt", "number", "Tokens."),
    Spec("when.max_ttft_ms", "number", "The caller's budget in ms is this or less."),
    Spec("when.max_latency_ms", "number", "The caller's budget in ms is this or less."),
    Spec("when.max_usd", "number", "The caller's budget in USD is this or less."),
)
_WHEN_WHY = "All that is filled in must hold. Nothing filled in always holds."

RULES: tuple[Group, ...] = (
    Group(
        "Goal",
        "Whom routes look for, and who stands in.",
        (
            Spec("objective", "choice", "", _OBJECTIVES),
            Spec("quality_margin", "number", "Rating points one may be behind the best and still be good enough."),
            Spec("min_gain", "number", "Share by which cost, time or schema must improve before a route changes."),
            Spec("default", "slug", "Routed while votes do not decide.", nullable=True),
            Spec("fallbacks", "number", "How many stand behind each first choice."),
            Spec(
                "fallback_to", "slug", "Everybody's first fallback; best is the unconditional route's.", nullable=True
            ),
            Spec("second_provider", "choice", _SECOND_HELP, _SECOND),
            Spec("exclude", "words", "Never routed. Short names, separated by commas."),
        ),
    ),
    Group("Hard limits", _LIMITS_WHY, _LIMITS),
    Group(
        "Gate",
        "What a change on the votes needs.",
        (
            Spec("gate.mode", "choice", "", (("automatic", "by themselves"), ("held", "held until a person approves"))),
            Spec(
                "gate.speaks_for",
                "choice",
                "",
                (
                    ("category", "as the category says"),
                    ("panel", "these reviewers"),
                    ("people", "people like them"),
                ),
            ),
            Spec("gate.alpha", "number", "Chance that an incumbent ever loses to one that is not better."),
            Spec("gate.margin", "number", "Rating points a change must be worth."),
            Spec("gate.min_votes", "number"),
            Spec("gate.min_reviewers", "number"),
            Spec("gate.single_reviewer", "choice", "By head to head alone.", _YES_NO),
            Spec("gate.dwell_hours", "number", "Hours a route stays at least."),
        ),
    ),
)

ROUTE: tuple[Group, ...] = (
    Group("When", _WHEN_WHY, (Spec("name", "text", "Ends the route's id. Empty for one."), *_WHEN)),
    Group(
        "Then",
        "Empty: as the category says.",
        (
            Spec("objective", "choice", "", _OBJECTIVES),
            Spec("quality_margin", "number", "Rating points."),
            Spec("pin", "slug", "Goes before the votes, within the limits."),
            Spec("escalate_to", "slug", "For answers that fail the caller's check; best is the unconditional route's."),
            Spec("fallback_to", "slug", "The first fallback; best is the unconditional route's.", nullable=True),
            Spec("second_provider", "choice", _SECOND_HELP, _SECOND),
        ),
    ),
    Group("Limits of this route", "They add to the category's; none lifts one.", _LIMITS, folded=True),
)

FIXED: tuple[Group, ...] = (
    Group("When", _WHEN_WHY, (Spec("name", "text", "Ends the route's id. Empty for one."), *_WHEN), folded=True),
    Group(
        "Then",
        "",
        (
            Spec("primary", "slug", "Asked first."),
            Spec("fallbacks", "words", "In this order, separated by commas."),
            Spec("escalate_to", "slug", "For answers that fail the caller's check."),
        ),
    ),
)

TABLE: tuple[Group, ...] = (
    Group(
        "Age",
        "A table is published again when its evidence grew old.",
        (
            Spec("refresh_every_hours", "number", "Hours."),
            Spec("expires_after_hours", "number", "Hours. Longer than a refresh."),
            Spec(
                "on_expired",
                "choice",
                "",
                (
                    ("use_last_good", "clients keep the last good table"),
                    ("use_default", "clients use the default routes only"),
                    ("refuse", "clients refuse to route"),
                ),
            ),
        ),
    ),
    Group(
        "Complexity",
        "From 0 to 1, by length and markers of work; where a caller does not say it.",
        (Spec("complexity.medium_from", "number"), Spec("complexity.complex_from", "number")),
    ),
)


def typed(value: Any) -> str:
    """As one would type it."""
    if value is None or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value) and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read(spec: Spec, text: str) -> Any:
    """What `text` says, never refused. Only for text that is not empty."""
    text = text.strip()
    many = spec.kind in ("words", "numbers")
    if text == NOTHING and (many or spec.nullable):
        return [] if many else None
    if many:
        words = [word for word in re.split(r"\s*[,\n]\s*", text) if word]
        return [_number(word) for word in words] if spec.kind == "numbers" else words
    if spec.kind == "number":
        return _number(text)
    if spec.kind == "choice" and text in ("true", "false"):
        return text == "true"
    return text


def _number(text: str) -> Any:
    try:
        made = float(text)
    except ValueError:
        return text
    if not math.isfinite(made) or "_" in text:
        return text
    return int(text) if re.fullmatch(r"[+-]?\d{1,15}", text) else made


def at(nested: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Whether `nested` says something at the path, and what."""
    value: Any = nested
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return False, None
        value = value[step]
    return True, value
