"""Runs a task's checks on an answer.

Checks come in the form that importing stores (`evals.collection.checks.rules`). Both the check and the answer are
hostile: patterns and schemas run in a process that can be killed.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.sandbox import OutOfTimeError, ask_child
from evals.collection.providers import ToolCall

__all__ = ["run_checks"]

# Patterns read only the beginning of longer answers; every other check reads all of it.
_PATTERN_CHARS = 100_000
_DETAIL_CHARS = 300


CheckResult = tuple[bool, str]


def run_checks(
    checks: Sequence[Mapping[str, Any]], *, text: str, tool_calls: Sequence[ToolCall] = (), refused: bool = False
) -> list[dict[str, Any]]:
    """`[{"type", "ok", "detail"}]` in the order of the checks. Never raises: a check that cannot be run has not
    passed, and its detail says why. `refused`: the provider itself marked the answer as a refusal."""
    results = []
    for check in checks:
        kind = str(check.get("type", ""))
        try:
            ok, detail = _run_one(kind, check, text, tool_calls, refused)
        except (KeyError, TypeError, ValueError, OutOfTimeError, RecursionError) as error:
            ok, detail = False, f"could not be checked: {error}"
        results.append({"type": kind, "ok": ok, "detail": detail[:_DETAIL_CHARS]})
    return results


def _run_one(
    kind: str, check: Mapping[str, Any], text: str, tool_calls: Sequence[ToolCall], refused: bool
) -> CheckResult:
    if kind == "tool_call":
        return _tool_call(check, tool_calls)
    if kind == "not_refusal":
        return (False, "a refusal") if refused or looks_like_refusal(text) else (True, "")
    if kind not in _ON_TEXT:
        return False, f"there is no check called {kind}"
    return _ON_TEXT[kind](check, text)


def _equals(check: Mapping[str, Any], text: str) -> CheckResult:
    """Apart from surrounding white space, which models add freely."""
    given, wanted = _cased(check, text.strip(), str(check["value"]).strip())
    return (True, "") if given == wanted else (False, f"is not “{check['value']}”")


def _contains(check: Mapping[str, Any], text: str) -> CheckResult:
    given, wanted = _cased(check, text, str(check["value"]))
    return (True, "") if wanted in given else (False, f"does not contain “{check['value']}”")


def _cased(check: Mapping[str, Any], *texts: str) -> list[str]:
    return [text.casefold() for text in texts] if check.get("ignore_case") else list(texts)


def _regex(check: Mapping[str, Any], text: str) -> CheckResult:
    question = {"pattern": str(check["pattern"]), "ignore_case": bool(check.get("ignore_case"))}
    matched, problem = ask_child(question | {"text": text[:_PATTERN_CHARS]})
    if matched:
        return True, ""
    return False, problem or f"does not match {check['pattern']}"


def _json_schema(check: Mapping[str, Any], text: str) -> CheckResult:
    try:
        document = json.loads(_unfenced(text))
    except ValueError as error:
        return False, f"is not JSON: {error}"
    conforms, problem = ask_child({"schema": check["schema"], "document": document})
    return bool(conforms), str(problem)


_FENCE = re.compile(r"\A```[\w+-]*[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL)


def _unfenced(text: str) -> str:
    """The inside, if the whole answer is one fenced block, which is the one decoration that readers of JSON strip."""
    text = text.strip()
    fenced = _FENCE.match(text)
    return fenced[1] if fenced and "```" not in fenced[1] else text


def _max_chars(check: Mapping[str, Any], text: str) -> CheckResult:
    limit = int(check["value"])
    return (True, "") if len(text) <= limit else (False, f"has {len(text):,} characters; at most {limit:,} are allowed")


_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{1,40})?(?:[eE][-+]?\d{1,3})?")


def _number(check: Mapping[str, Any], text: str) -> CheckResult:
    """The last number in the answer: models calculate first and answer last."""
    wanted, tolerance = float(check["value"]), float(check.get("tolerance", 0))
    last = deque(_NUMBER.finditer(text), maxlen=1)
    if not last:
        return False, "has no number"
    found = last[0]
    value = float(found[0].replace(",", "").replace("−", "-"))
    if math.isclose(value, wanted, rel_tol=1e-12, abs_tol=tolerance):
        return True, ""
    return False, f"ends with {found[0]}, expected {wanted:g}" + (f" ± {tolerance:g}" if tolerance else "")


def _tool_call(check: Mapping[str, Any], tool_calls: Sequence[ToolCall]) -> CheckResult:
    """Passes if a call of that name includes the wanted arguments; the model may add others."""
    named = [call for call in tool_calls if call.name == check["name"]]
    if not named:
        called = ", ".join(call.name for call in tool_calls) or "nothing"
        return False, f"did not call {check['name']}, but {called}"
    wanted = check.get("arguments") or {}
    for call in named:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            continue
        if isinstance(arguments, dict) and all(arguments.get(name) == value for name, value in wanted.items()):
            return True, ""
    return False, f"called {check['name']} with other arguments"


_ON_TEXT: dict[str, Callable[[Mapping[str, Any], str], CheckResult]] = {
    "equals": _equals,
    "contains": _contains,
    "regex": _regex,
    "json_schema": _json_schema,
    "max_chars": _max_chars,
    "number": _number,
}
