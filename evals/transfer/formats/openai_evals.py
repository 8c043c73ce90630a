"""OpenAI evals: a file of the registry, in YAML, with the samples that its evals name.

    capitals:
      id: capitals.dev.v0
    capitals.dev.v0:
      class: …elsuite.basic.match:Match
      args:
        samples_jsonl: capitals/samples.jsonl

Each sample is a task. How the basic classes judge becomes a check; an eval of another class is read without checks, and
named. Samples are found by their path below the file's folder or below `data` there, or by their name alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from arena.strict_text import Path, StrictTextError, read_located
from evals.catalog.names import BadValueError
from evals.collection.checks.rules import read_checks
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source, parse_json, size_in_words, text_lines
from evals.transfer.formats.frame import Format, Head, Values

__all__ = ["FORMAT"]

_LONGEST = 1024 * 1024
_LONGEST_SAMPLES = 8 * 1024 * 1024
_CLASS = re.compile(r"^[ \t]++class:[ \t]*+['\"]?[\w.]++:\w", re.MULTILINE)
_SAMPLES = re.compile(r"^[ \t]++samples_jsonl:", re.MULTILINE)
_POINTER = b"version https://git-lfs"

Checks = list[dict[str, Any]]


def _recognises(head: Head) -> bool:
    return _CLASS.search(head.text) is not None and _SAMPLES.search(head.text) is not None


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    text = "".join(piece for _, piece in text_lines(source, layout.limits))
    try:
        registry, lines = read_located(text, "yaml", nesting=layout.limits.nesting, longest=_LONGEST)
    except StrictTextError as error:
        at = f"line {error.place.line}: " if error.place else ""
        raise UnreadableError(f"{at}{source.name} {error}") from None
    if not isinstance(registry, dict):
        raise UnreadableError(f"{source.name} is not a file of OpenAI evals: it names no evals.")
    evals = [
        (name, given) for name, given in registry.items() if not (isinstance(given, dict) and "class" not in given)
    ]
    unpacked = 0
    for name, given in evals:
        line = lines.get((name,), 1)
        try:
            chosen = _eval(name, given, lines)
            line = chosen.line
            data = _file(chosen.samples, layout)
            # Any number of evals may name one file.
            unpacked += len(data)
            if unpacked > layout.limits.unpacked_bytes:
                limit = size_in_words(layout.limits.unpacked_bytes)
                raise UnreadableError(f"line {line}: the evals name more than {limit} of samples. Split the file.")
            for n, sample in _samples(chosen, data, layout):
                yield line, _row(chosen, n, sample, named=len(evals) > 1, problems=problems)
        except BadValueError as error:
            problems.add(line, str(error))


@dataclass(frozen=True)
class _Eval:
    """`line` is where its samples are named."""

    name: str
    judge: str
    samples: str
    args: Mapping[str, Any]
    line: int


def _eval(name: str, given: Any, lines: Mapping[Path, int]) -> _Eval:
    args = given.get("args") if isinstance(given, dict) else None
    if not isinstance(args, dict) or not isinstance(given["class"], str):
        raise BadValueError(f"the eval “{name[:60]}” is not an object with class and args.")
    samples = args.get("samples_jsonl")
    if not isinstance(samples, str) or not samples:
        raise BadValueError(f"the eval “{name[:60]}” names no samples_jsonl.")
    return _Eval(name, given["class"].rpartition(":")[2], samples, args, lines.get((name, "args", "samples_jsonl"), 1))


def _samples(chosen: _Eval, data: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    """With their lines. Raises BadValueError for the first that is not right: the rest would be of no use."""
    shown = chosen.samples[:80]
    if len(data) > _LONGEST_SAMPLES:
        raise BadValueError(f"names {shown}, which has more than {size_in_words(_LONGEST_SAMPLES)}. Import it alone.")
    if data.startswith(_POINTER):
        raise BadValueError(f"names {shown}, which is a pointer of Git LFS. Fetch the file itself (git lfs pull).")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadValueError(f"names {shown}, which is not text in UTF-8.") from None
    for n, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            sample = parse_json(line, layout.limits)
        except BadValueError as error:
            raise BadValueError(f"names {shown}, whose line {n} {error}") from None
        if not isinstance(sample, dict) or "input" not in sample:
            raise BadValueError(f"names {shown}, whose line {n} is not a sample: it has no input.")
        yield n, sample


def _file(name: str, layout: Layout) -> bytes:
    if layout.beside is None:
        raise BadValueError(f"names the samples {name[:80]}, and no files came with this one.")
    path = name.removeprefix("./")
    reason = ""
    for tried in dict.fromkeys((path, f"data/{path}", PurePosixPath(path).name)):
        try:
            return layout.beside(tried)
        except BadValueError as error:
            reason = reason or str(error)
    raise BadValueError(f"names the samples {name[:80]}: the file {reason}")


def _row(chosen: _Eval, n: int, sample: dict[str, Any], *, named: bool, problems: Problems) -> dict[str, Any]:
    checks: Checks = []
    if chosen.judge not in _MADE:
        reason = f"is judged by {chosen.judge[:60]}, which no check of Arena does: its samples are read without checks."
        problems.notice(chosen.line, f"The eval “{chosen.name[:60]}” {reason}")
    else:
        try:
            ideals = [] if chosen.judge == "JsonValidator" else _ideals(sample)
            checks = read_checks(_MADE[chosen.judge](ideals, chosen.args))
        except BadValueError as error:
            problems.notice(chosen.line, f"A sample of “{chosen.name[:60]}” is read without a check: {error}")
    if chosen.judge == "FuzzyMatch":
        problems.notice(
            chosen.line,
            f"“{chosen.name[:60]}”: an answer that is only a part of the right one does not pass the check.",
        )
    if chosen.args.get("num_few_shot"):
        problems.notice(chosen.line, f"“{chosen.name[:60]}” is asked without its examples (num_few_shot).")
    kept = {name: value for name, value in sample.items() if name not in ("input", "ideal")}
    return {
        "id": f"{chosen.name}-{n}" if named else str(n),
        "input": sample["input"],
        "ideal": sample.get("ideal"),
        "checks": checks,
        "metadata": {**kept, "eval": chosen.name},
    }


def _ideals(sample: Mapping[str, Any]) -> list[str]:
    ideal = sample.get("ideal")
    listed = ideal if isinstance(ideal, list) else [ideal]
    texts = [one for one in listed if isinstance(one, str) and one]
    if not texts or len(texts) < len(listed):
        raise BadValueError("its ideal is not a text, nor a list of texts.")
    return texts


def _any_of(texts: list[str]) -> str:
    return "(?:" + "|".join(map(re.escape, texts)) + ")"


def _includes(ideals: list[str], args: Mapping[str, Any]) -> Checks:
    ignore_case = {"ignore_case": True} if args.get("ignore_case") is True else {}
    if len(ideals) == 1:
        return [{"type": "contains", "value": ideals[0], **ignore_case}]
    return [{"type": "regex", "pattern": _any_of(ideals), **ignore_case}]


def _fuzzy(ideals: list[str], args: Mapping[str, Any]) -> Checks:
    accepted = {"accepted": ideals[1:]} if len(ideals) > 1 else {}
    return [{"type": "reference", "match": "contains", "value": ideals[0], **accepted}]


def _json_match(ideals: list[str], args: Mapping[str, Any]) -> Checks:
    try:
        values = [json.loads(one) for one in ideals]
    except (ValueError, RecursionError):
        raise BadValueError("its ideal is not JSON.") from None
    return [{"type": "json_schema", "schema": {"const": values[0]} if len(values) == 1 else {"enum": values}}]


_MADE: Mapping[str, Callable[[list[str], Mapping[str, Any]], Checks]] = {
    # Right if it begins with one of them.
    "Match": lambda ideals, _: [{"type": "regex", "pattern": r"\A" + _any_of(ideals)}],
    "Includes": _includes,
    "FuzzyMatch": _fuzzy,
    "JsonMatch": _json_match,
    "JsonValidator": lambda _, __: [{"type": "json"}],
}

FORMAT = Format("openai-evals", "OpenAI evals registry", _recognises, _read, endings=(".yaml", ".yml"), tasks=True)
