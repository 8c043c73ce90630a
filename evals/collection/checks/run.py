"""Runs a task's checks on an answer.

Checks come in the form that importing stores (`evals.collection.checks.rules`). Both the check and the answer are
hostile: patterns, schemas and parsers run in a process that can be killed, on a bounded part of the answer.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language_info

from evals.collection.checks.fences import chosen_blocks, unfenced
from evals.collection.checks.references import compare_number, is_answer, last_number, names_answer, number_of
from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.sandbox import SandboxError, ask_child
from evals.collection.checks.tokens import estimate_tokens
from evals.collection.checks.vocabulary import CODE, Parser
from evals.collection.providers import ToolCall

__all__ = ["run_checks"]

# Patterns read only the beginning of longer answers.
_PATTERN_CHARS = 100_000
# Longer than this, an answer is not compared letter by letter.
_SIMILAR_CHARS = 100_000
# Longer blocks are not parsed: a parser may take a hundred times their size in memory.
_PARSED_CHARS = 200_000
_JSON_CHARS = 10_000_000
_MOST_BLOCKS = 50
_DETAIL_CHARS = 300
# Checks of one answer together: one that stops all of them must not stop its worker.
_ALL_TIME_S = 30.0
_THRESHOLD = 0.8


class UnjudgedError(Exception):
    """The check could not be made; says why."""


@dataclass(frozen=True)
class _Answer:
    text: str
    tool_calls: Sequence[ToolCall]
    refused: bool
    tokens: int | None


CheckResult = tuple[bool, str]


def run_checks(
    checks: Sequence[Mapping[str, Any]],
    *,
    text: str,
    tool_calls: Sequence[ToolCall] = (),
    refused: bool = False,
    tokens: int | None = None,
) -> list[dict[str, Any]]:
    """`[{"type", "ok", "detail"}]` in the order of the checks. Never raises: a check that cannot be run has not
    passed, and its detail says why. `refused`: the provider itself marked the answer as a refusal. `tokens`: of the
    answer itself, as the provider counted them; None if it did not (`tokens.answer_tokens`)."""
    answer = _Answer(text, tool_calls, refused, tokens)
    results = []
    until = time.monotonic() + _ALL_TIME_S
    for check in checks:
        kind = str(check.get("type", ""))
        try:
            if time.monotonic() > until:
                raise UnjudgedError(f"the checks of this answer took longer than {_ALL_TIME_S:g} s together")
            ok, detail = _run_one(kind, check, answer)
        except (KeyError, TypeError, ValueError, UnjudgedError, SandboxError, RecursionError) as error:
            ok, detail = False, f"could not be checked: {error}"
        results.append({"type": kind, "ok": ok, "detail": detail[:_DETAIL_CHARS]})
    return results


def _run_one(kind: str, check: Mapping[str, Any], answer: _Answer) -> CheckResult:
    if kind == "tool_call":
        return _tool_call(check, answer.tool_calls)
    if kind == "not_refusal":
        return (False, "a refusal") if answer.refused or looks_like_refusal(answer.text) else (True, "")
    if kind == "max_tokens":
        return _max_tokens(check, answer)
    if kind not in _ON_TEXT:
        return False, f"there is no check called {kind}"
    return _ON_TEXT[kind](check, answer.text)


def _judged(question: Mapping[str, Any]) -> tuple[bool, str]:
    """The child's verdict. Raises UnjudgedError where it has none."""
    verdict, words = ask_child(question)
    if verdict is None:
        raise UnjudgedError(words)
    return bool(verdict), words


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
    matched = _matches(str(check["pattern"]), text, ignore_case=bool(check.get("ignore_case")))
    return (True, "") if matched else (False, f"does not match {check['pattern']}")


def _matches(pattern: str, text: str, *, ignore_case: bool) -> bool:
    question = {"do": "pattern", "pattern": pattern, "ignore_case": ignore_case, "text": text[:_PATTERN_CHARS]}
    return _judged(question)[0]


def _reference(check: Mapping[str, Any], text: str) -> CheckResult:
    accepted = [str(check["value"]), *map(str, check.get("accepted", ()))]
    if not text.strip():
        return False, "the answer has no text"
    if check.get("match") == "number":
        return _reference_number(accepted, float(check.get("tolerance", 0)), text)
    found = _accepted(check, accepted, text)
    verb = {"contains": "names", "regex": "matches"}.get(check.get("match", ""), "is")
    if found is not None:
        return True, f"{verb} “{_short(found)}”"
    negative = {"names": "does not name", "matches": "does not match"}.get(verb, "is not")
    return False, f"{negative} “{_short(accepted[0])}”{_and_others(accepted)}"


def _accepted(check: Mapping[str, Any], accepted: Sequence[str], text: str) -> str | None:
    """The first that the answer matches."""
    match, ignore_case = check.get("match", "exact"), bool(check.get("ignore_case", True))
    if match == "regex":
        return next((one for one in accepted if _matches(one, text, ignore_case=ignore_case)), None)
    text = text[:_PATTERN_CHARS]
    matches = {"exact": is_answer, "contains": names_answer}[match]
    return next((one for one in accepted if matches(text, one, ignore_case=ignore_case)), None)


def _reference_number(accepted: Sequence[str], tolerance: float, text: str) -> CheckResult:
    found = last_number(text)
    if not found:
        return False, "has no number"
    around = f" ± {tolerance:g}" if tolerance else ""
    for one in accepted:
        wanted = number_of(one)
        if wanted is None:
            raise UnjudgedError(f"“{_short(one)}” is not a number")
        if compare_number(found, wanted, tolerance):
            return True, f"ends with {found}, right is {one}{around}"
    return False, f"ends with {found}, right is {accepted[0]}{around}{_and_others(accepted)}"


def _and_others(accepted: Sequence[str]) -> str:
    others = len(accepted) - 1
    return f", nor {others} other accepted {'answer' if others == 1 else 'answers'}" if others else ""


def _short(text: str) -> str:
    text = " ".join(text[:100].split())
    return f"{text[:59]}…" if len(text) > 60 else text


def _json(check: Mapping[str, Any], text: str) -> CheckResult:
    return _judged({"do": "json", "text": _document(text)})


def _json_schema(check: Mapping[str, Any], text: str) -> CheckResult:
    return _judged({"do": "json_schema", "schema": check["schema"], "text": _document(text)})


def _document(text: str) -> str:
    if len(text) > _JSON_CHARS:
        raise UnjudgedError(f"the answer has {len(text):,} characters; JSON is read up to {_JSON_CHARS:,}")
    return unfenced(text)


def _similar(check: Mapping[str, Any], text: str) -> CheckResult:
    """White space at the ends aside, as with `equals`."""
    given, wanted = _cased(check, text.strip(), str(check["value"]).strip())
    if max(len(given), len(wanted)) > _SIMILAR_CHARS:
        raise UnjudgedError(f"the texts have {len(given):,} and {len(wanted):,} characters; {_SIMILAR_CHARS:,} at most")
    longer = max(len(given), len(wanted), 1)
    threshold, edits = check.get("threshold"), check.get("max_edits")
    if edits is None:
        threshold = _THRESHOLD if threshold is None else float(threshold)
        # Rounded so that 0.8 of 10 characters allows the two edits that it says.
        edits = math.floor(longer * (1 - threshold) + 1e-9)
    found, _ = ask_child({"do": "similar", "text": given, "value": wanted, "most": int(edits)})
    allowed = f"{edits:,} are allowed" + ("" if threshold is None else f" for a similarity of {threshold:g}")
    if found is None:
        return False, f"is too many edits away from the text wanted: {allowed}"
    away = "1 edit" if found == 1 else f"{found:,} edits"
    return True, f"is {away} away from the text wanted, a similarity of {1 - found / longer:.2f}: {allowed}"


def _max_chars(check: Mapping[str, Any], text: str) -> CheckResult:
    limit = int(check["value"])
    return (True, "") if len(text) <= limit else (False, f"has {len(text):,} characters; at most {limit:,} are allowed")


def _max_tokens(check: Mapping[str, Any], answer: _Answer) -> CheckResult:
    limit = int(check["value"])
    if answer.tokens is not None:
        return answer.tokens <= limit, f"has {answer.tokens:,} tokens as its provider counted; at most {limit:,}"
    if not answer.text:
        raise UnjudgedError("its provider counted no tokens, and there is no text to estimate them from")
    low, high = estimate_tokens(answer.text)
    words = f"has between {low:,} and {high:,} tokens by an estimate, since its provider did not count them"
    if low <= limit < high:
        raise UnjudgedError(f"{words}: that may be more or less than {limit:,}")
    return high <= limit, f"{words}; at most {limit:,}"


def _number(check: Mapping[str, Any], text: str) -> CheckResult:
    """The last number in the answer."""
    wanted, tolerance = float(check["value"]), float(check.get("tolerance", 0))
    found = last_number(text)
    if not found:
        return False, "has no number"
    if compare_number(found, wanted, tolerance):
        return True, ""
    return False, f"ends with {found}, expected {wanted:g}" + (f" ± {tolerance:g}" if tolerance else "")


def _language(check: Mapping[str, Any], text: str) -> CheckResult:
    wanted = str(check["value"])
    verdict, found = ask_child({"do": "language", "value": wanted, "text": text[:_PATTERN_CHARS]})
    if verdict is None:
        likely = f"; most likely it is {_language_name(found)}" if found else ""
        raise UnjudgedError(f"not sure whether it is {_language_name(wanted)}{likely}")
    if verdict:
        return True, f"is {_language_name(wanted)}"
    return False, f"is {_language_name(found)}, not {_language_name(wanted)}"


def _language_name(code: str) -> str:
    try:
        return "Chinese" if code == "zh" else str(get_language_info(code)["name"])
    except KeyError:
        return f"“{code}”"


# What models write behind the fence of a query.
_SQL_LABELS = frozenset({"sql", "postgresql", "postgres", "mysql", "sqlite", "tsql", "plsql", "pgsql", "bigquery"})


def _sql(check: Mapping[str, Any], text: str) -> CheckResult:
    dialect = str(check.get("dialect", ""))

    def question(block: str) -> dict[str, Any]:
        return {"do": "sql", "dialect": dialect, "text": block}

    return _all_parse(check, text, _SQL_LABELS, question, f"SQL of {dialect}" if dialect else "SQL")


def _code(check: Mapping[str, Any], text: str) -> CheckResult:
    named = str(check["language"])
    parser = CODE[named]

    def question(block: str) -> dict[str, Any]:
        grammar = {"module": parser.module, "function": _grammar(parser, block)}
        return {"do": "code", "language": named, "text": block, **grammar}

    return _all_parse(check, text, parser.labels, question, parser.name)


def _grammar(parser: Parser, block: str) -> str:
    """Where a file may be text with code in it, as in PHP, a block with the opening tag is such a file."""
    return parser.with_tags if parser.with_tags and "<?" in block else parser.function


def _all_parse(
    check: Mapping[str, Any],
    text: str,
    labels: Iterable[str],
    question: Callable[[str], Mapping[str, Any]],
    name: str,
) -> CheckResult:
    if len(text) > _JSON_CHARS:
        raise UnjudgedError(f"the answer has {len(text):,} characters; code is read up to {_JSON_CHARS:,}")
    blocks, reason = chosen_blocks(text, labels=frozenset(labels), which=str(check.get("block", "all")))
    if reason:
        return False, f"is not {name}: {reason}"
    if len(blocks) > _MOST_BLOCKS:
        raise UnjudgedError(f"the answer has {len(blocks):,} blocks; up to {_MOST_BLOCKS} are parsed")
    longest = max(map(len, blocks))
    if longest > _PARSED_CHARS:
        raise UnjudgedError(f"a block has {longest:,} characters; up to {_PARSED_CHARS:,} are parsed")
    for n, block in enumerate(blocks, start=1):
        ok, words = _judged(question(block))
        if not ok:
            where = f"block {n}, " if len(blocks) > 1 else ""
            return False, f"is not {name}: {where}{words}"
    return True, f"parses as {name}" + (f", all {len(blocks)} blocks" if len(blocks) > 1 else "")


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
    "reference": _reference,
    "json": _json,
    "json_schema": _json_schema,
    "similar": _similar,
    "max_chars": _max_chars,
    "number": _number,
    "language": _language,
    "sql": _sql,
    "code": _code,
}
