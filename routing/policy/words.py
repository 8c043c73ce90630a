"""What the fields of a policy are called and what may be written in them, in the words of pages and errors. Pure.

refused("every_category.gate.alpha", 0.9, "Expected `float` <= 0.5")
# “0.9” is too much. Write the chance of a false switch, above 0 and at most 0.5, as 0.05.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["LABELS", "label", "leaf", "quoted", "refused", "to_write"]

# By the field's own name, which means the same wherever it stands.
LABELS: Mapping[str, str] = {
    "objective": "Objective",
    "quality_margin": "Quality margin",
    "min_gain": "Least gain",
    "exclude": "Excluded",
    "fallbacks": "Fallbacks",
    "fallback_to": "Falls back to",
    "second_provider": "Second provider",
    "default": "Default",
    "speaks_for": "Speaks for",
    "alpha": "Error",
    "margin": "Margin",
    "min_votes": "Least votes",
    "min_reviewers": "Least reviewers",
    "single_reviewer": "One reviewer may decide",
    "dwell_hours": "Dwell",
    "mode": "Switches",
    "locality": "Locality",
    "capabilities": "Capabilities",
    "tiers": "Tiers",
    "min_context_tokens": "Context, at least",
    "max_ttft_ms": "First token, at most",
    "max_latency_ms": "Latency, at most",
    "max_usd_per_success": "USD per success, at most",
    "min_success_rate": "Success, at least",
    "min_schema_ok_rate": "Schema holds, at least",
    "max_error_rate": "Errors, at most",
    "max_refusal_rate": "Refusals, at most",
    "max_both_bad_rate": "Both bad, at most",
    "max_usd": "Budget, at most",
    "local_only": "Must stay local",
    "needs": "Needs",
    "prompt_chars_lt": "Prompt, characters below",
    "prompt_tokens_lt": "Prompt, tokens below",
    "complexity": "Complexity",
    "reasoning": "Reasoning",
    "label": "Label",
    "name": "Name",
    "pin": "Pin",
    "escalate_to": "Escalates to",
    "primary": "First",
    "refresh_every_hours": "Refresh every",
    "expires_after_hours": "Expires after",
    "on_expired": "Once expired",
    "method": "Complexity by",
    "medium_from": "Medium from",
    "complex_from": "Complex from",
    "when": "When",
    "limits": "Limits",
    "gate": "Gate",
    "routes": "Routes",
}

_SLUG = "Write a contender's short name, as on the contenders page."
_SLUG_OR_BEST = "Write a contender's short name, or best for where the category's unconditional route goes."
_MS = "Write milliseconds in digits, as 500."
_SHARE = "Write a share from 0 to 1, as 0.02 for 2%."
_HOURS = "Write hours in digits, as 24."
_WRITE: Mapping[str, str] = {
    "objective": "Write best, cheapest, fastest or most_compliant.",
    "quality_margin": "Write rating points, 0 or more, as 50.",
    "min_gain": "Write a share from 0 to 1, as 0.1 for a tenth.",
    "exclude": "Write contenders' short names.",
    "fallbacks": "Write how many, 0 to 10.",
    "fallback_to": _SLUG_OR_BEST,
    "second_provider": "Write preferred or required.",
    "default": _SLUG,
    "speaks_for": "Write category, panel or people.",
    "alpha": "Write the chance of a false switch, above 0 and at most 0.5, as 0.05.",
    "margin": "Write rating points, 0 or more, as 20.",
    "min_votes": "Write a whole number, 1 or more, as 30.",
    "min_reviewers": "Write a whole number, 1 or more, as 2.",
    "single_reviewer": "Write true or false.",
    "dwell_hours": "Write hours in digits, 0 to 8784, as 24.",
    "mode": "Write automatic or held.",
    "locality": "Write local or hosted, or nothing for both.",
    "capabilities": "Write words such as tools, json, vision.",
    "tiers": "Write whole numbers, 0 or more, as 1, 2.",
    "min_context_tokens": "Write a whole number of tokens, as 32000.",
    "max_ttft_ms": _MS,
    "max_latency_ms": _MS,
    "max_usd_per_success": "Write US dollars in digits, as 0.004.",
    "min_success_rate": _SHARE,
    "min_schema_ok_rate": _SHARE,
    "max_error_rate": _SHARE,
    "max_refusal_rate": _SHARE,
    "max_both_bad_rate": _SHARE,
    "max_usd": "Write US dollars in digits, as 0.004.",
    "local_only": "Write true or false.",
    "needs": "Write words such as tools, json, vision.",
    "prompt_chars_lt": "Write a whole number of characters, as 120.",
    "prompt_tokens_lt": "Write a whole number of tokens, as 32000.",
    "complexity": "Write simple, medium or complex.",
    "reasoning": "Write true or false.",
    "label": "Write a word of at most 60 characters, as sensitive.",
    "name": "Write small letters, digits and single hyphens, at most 40, as fast.",
    "pin": _SLUG,
    "escalate_to": _SLUG_OR_BEST,
    "primary": _SLUG,
    "refresh_every_hours": _HOURS,
    "expires_after_hours": _HOURS,
    "on_expired": "Write use_last_good, use_default or refuse.",
    "method": "Write length-and-markers/1, the only method so far.",
    "medium_from": "Write a share from 0 to 1, as 0.35.",
    "complex_from": "Write a share from 0 to 1, as 0.7.",
    "schema": "Write routing-policy/v1.",
}
# The same names, where they stand for more than one value.
_PLACES: tuple[tuple[str, str], ...] = (
    (r"(^|\.)complexity$", "Write an object with method, medium_from and complex_from."),
    (r"^default$", "Write a list of routes, each an object with primary."),
    (r"^default\[\d+\]$", "Write an object with primary."),
    (r"^default\[\d+\]\.fallbacks", "Write a list of contenders' short names."),
    (r"^categories$", "Write an object: each category's rules under its short name."),
    (r"^(every_category|categories\.[^.]+)$", "Write an object with the category's rules."),
    (r"\.routes$", "Write a list of routes, each an object."),
    (r"\.routes\[\d+\]$", "Write an object with when and what goes for the route."),
    (r"\.(when|limits|gate)$", "Write an object."),
)


def leaf(field: str) -> str:
    """`every_category.limits.tiers[0]` is about `tiers`."""
    return re.sub(r"\[\d+\]$", "", field).rpartition(".")[2]


def label(field: str) -> str:
    name = leaf(field)
    return LABELS.get(name, name)


def to_write(field: str) -> str:
    """What may stand in a field, as the sentence that ends an error; empty for a name nobody knows."""
    name = leaf(field)
    for pattern, words in _PLACES:
        # A route's own condition on complexity is one word; the policy's is an object.
        if re.search(pattern, field) and not (name == "complexity" and ".when." in field):
            return words
    return _WRITE.get(name, "")


def quoted(value: Any) -> str:
    """As it was written, short enough for a sentence."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"“{text if len(text) <= 60 else text[:57] + '…'}”"


_TYPES = {
    "float": "is no number",
    "int": "is no whole number",
    "str": "is no text",
    "bool": "is neither true nor false",
    "array": "is no list",
    "object": "is no object",
}


def refused(field: str, value: Any, told: str) -> str:
    """msgspec's message `told` about `value`, as a sentence that quotes it and says what to write."""
    fault = "Nothing is written here" if value == "" else f"{quoted(value)} {_fault(told)}"
    return f"{fault}. {to_write(field)}".strip()


def _fault(told: str) -> str:
    for pattern, words in (
        (r"Invalid enum value", "is not one of the words for this"),
        (r"of length <=", "is too long"),
        (r"of length >=", "is too short"),
        (r"matching regex", "has characters that are not for this"),
        (r">=? -?[\d.]+$", "is too little"),
        (r"<=? -?[\d.]+$", "is too much"),
        (r"out of range", "is too large a number"),
    ):
        if re.search(pattern, told):
            return words
    named = re.match(r"Expected `(\w+)", told)
    return _TYPES.get(named[1], "does not belong here") if named else "does not belong here"
