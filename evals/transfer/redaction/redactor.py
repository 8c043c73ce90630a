"""Replaces what the rules find in a task, everywhere a model, a reviewer or an export could read it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evals.catalog.names import BadValueError
from evals.catalog.services.task_sets import TaskRow
from evals.transfer.redaction.names import NameList
from evals.transfer.redaction.rules import KINDS, RULES

__all__ = ["MISSED", "Example", "Redactor", "Replaced", "Replacements"]

# What no rule finds; told wherever replacements are shown.
MISSED = (
    "names that are not on your list, and names in small letters",
    "whom a text describes without a name: a post, an illness, a place and a date together",
    "numbers spelt out in words, or parted in unusual ways",
    "streets without a house number, and villages without a postcode",
    "passwords in prose that names them by no usual word, and short or pronounceable keys",
    "anything in images",
)
_EXAMPLES_EACH = 5
_MOST_KEPT, _LONGEST_KEPT = 2_000, 20_000
# Of tracing: random, though it may hold a run of digits.
_TRACE_ID = re.compile(r"(?=.*[a-f])[0-9a-f-]{16,80}")
_DIGIT = re.compile(r"\d")
_CONTEXT = 40
# Of a message and of a call: which message they belong to, and what they are.
_LEFT_ALONE = {"role", "type", "id", "tool_call_id", "detail"}


@dataclass(frozen=True)
class Example:
    """`masked` is what was replaced, most of it hidden; `before` and `after` are the text around, as it is kept.
    `line` is the row's place in the file, counted in `place`."""

    line: int
    place: str
    where: str
    placeholder: str
    masked: str
    before: str
    after: str


@dataclass(frozen=True)
class Replaced:
    """Of one kind: what it stands for, how many values were replaced in how many places, and some of them."""

    kind: str
    title: str
    places: int
    values: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Replacements:
    tasks: int
    tasks_changed: int
    kinds: tuple[Replaced, ...]
    missed: tuple[str, ...] = MISSED

    @property
    def places(self) -> int:
        return sum(kind.places for kind in self.kinds)


@dataclass
class _Found:
    places: int = 0
    values: int = 0
    examples: list[Example] = field(default_factory=list)


class Redactor:
    """One for each import. The same value has the same placeholder inside a task, such as [EMAIL_1], and starts anew in
    the next one, so that placeholders do not tie tasks to each other."""

    def __init__(self, names: Iterable[str] = (), *, place: str = "line") -> None:
        self._names = NameList(names)
        self._place = place
        self._found: dict[str, _Found] = {kind: _Found() for kind in KINDS}
        self._numbers: dict[tuple[str, str], int] = {}
        self._used: Counter[str] = Counter()
        self._line = self._tasks = self._changed = 0
        # Texts without anything to replace: a system text and tools come with every request of a service.
        self._clean: set[str] = set()

    @property
    def replacements(self) -> Replacements:
        kinds = tuple(
            Replaced(kind, KINDS[kind], found.places, found.values, tuple(found.examples))
            for kind, found in self._found.items()
            if found.places
        )
        return Replacements(self._tasks, self._changed, kinds)

    def task(self, row: TaskRow) -> TaskRow:
        """Raises BadValueError where a replacement would change what something means: a category, or a check."""
        self._numbers, self._used, self._line = {}, Counter(), row.line
        if self.text(row.category, "category") != row.category:
            raise BadValueError(
                "has a category that holds what is replaced, such as a name. Map another column to it (category=…)."
            )
        redacted = replace(
            row,
            messages=[self._message(one) for one in row.messages],
            tools=[self._tool(one) for one in row.tools],
            reference=self.text(row.reference, "reference"),
            checks=[self._check(one) for one in row.checks],
            metadata=self._value(row.metadata, "metadata", keys=True),
        )
        if not _TRACE_ID.fullmatch(row.external_id) and self.text(row.external_id, "id") != row.external_id:
            redacted = replace(redacted, external_id=f"row-{row.line}")
        self._tasks += 1
        self._changed += bool(self._used)
        return redacted

    def text(self, text: str, where: str, *, escaped: bool = False, bare: bool = False) -> str:
        """`escaped`: in a regular expression; `bare`: in a name, which takes no brackets."""
        if len(text) < 2 or text in self._clean:
            return text
        spans = self._spans(text)
        if not spans:
            if len(text) < _LONGEST_KEPT and len(self._clean) < _MOST_KEPT:
                self._clean.add(text)
            return text
        pieces, at, marks = [], 0, []
        for start, end, kind in spans:
            placeholder = self._placeholder(kind, text[start:end])
            pieces += [text[at:start], re.escape(placeholder) if escaped else placeholder.strip("[]" if bare else "")]
            marks.append((len(pieces) - 1, kind, placeholder, text[start:end]))
            at = end
        pieces.append(text[at:])
        for n, kind, placeholder, value in marks:
            self._keep_example(kind, placeholder, value, where, pieces, n)
        return "".join(pieces)

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """What is replaced, in order and without overlaps: an earlier rule wins, and of one rule the longer span."""
        taken: list[tuple[int, int, str]] = []
        has_digits = _DIGIT.search(text) is not None
        found = [(rule.kind, rule.find) for rule in RULES if has_digits or not rule.digits]
        if self._names:
            found.insert(3, ("NAME", self._names.find))
        for kind, find in found:
            new = sorted(((start, end) for start, end in find(text) if end > start), key=lambda one: (one[0], -one[1]))
            if new:
                taken = _merged(taken, new, kind)
        return taken

    def _placeholder(self, kind: str, value: str) -> str:
        key = (kind, "".join(value.split()).casefold())
        if key not in self._numbers:
            self._used[kind] += 1
            self._numbers[key] = self._used[kind]
            self._found[kind].values += 1
        self._found[kind].places += 1
        return f"[{kind}_{self._numbers[key]}]"

    def _keep_example(self, kind: str, placeholder: str, value: str, where: str, pieces: list[str], n: int) -> None:
        examples = self._found[kind].examples
        if len(examples) >= _EXAMPLES_EACH or any(
            one.line == self._line and one.placeholder == placeholder for one in examples
        ):
            return
        before = "".join(piece[-_CONTEXT:] for piece in pieces[max(0, n - 4) : n])[-_CONTEXT:]
        after = "".join(piece[:_CONTEXT] for piece in pieces[n + 1 : n + 6])[:_CONTEXT]
        masked = _masked(value, kind)
        examples.append(Example(self._line, self._place, where, placeholder, masked, _line(before), _line(after)))

    def _message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        where = f"{message.get('role')} message"
        changed = dict(message)
        content = message.get("content")
        if isinstance(content, str):
            changed["content"] = self.text(content, where)
        elif isinstance(content, list):
            changed["content"] = [
                part | {"text": self.text(part["text"], where)} if isinstance(part.get("text"), str) else part
                for part in content
            ]
        if isinstance(message.get("name"), str):
            changed["name"] = self.text(message["name"], "a message's name", bare=True)
        if "tool_calls" in message:
            changed["tool_calls"] = [self._call(call) for call in message["tool_calls"]]
        return changed

    def _call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call["function"]
        arguments = function["arguments"]
        try:
            parsed = json.loads(arguments)
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            redacted = self._value(parsed, "a tool call")
            # Unchanged, it stays as it was written.
            if redacted != parsed:
                arguments = json.dumps(redacted, ensure_ascii=False)
        else:
            arguments = self.text(arguments, "a tool call")
        return dict(call) | {"function": dict(function) | {"arguments": arguments}}

    def _tool(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        function = dict(tool["function"])
        for name in ("description", "parameters"):
            if name in function:
                function[name] = self._value(function[name], "a tool")
        return dict(tool) | {"function": function}

    def _check(self, check: Mapping[str, Any]) -> dict[str, Any]:
        redacted = self._value(dict(check), "a check")
        for name, value in check.items():
            if isinstance(value, int | float) and redacted[name] != value:
                raise BadValueError(f"has a check whose {name} is a number that is replaced. Leave the check out.")
        return dict(redacted)

    def _value(self, value: Any, where: str, *, keys: bool = False, escaped: bool = False) -> Any:
        if isinstance(value, str):
            return self.text(value, where, escaped=escaped)
        if isinstance(value, list):
            return [self._value(one, where, keys=keys) for one in value]
        if isinstance(value, dict):
            return {
                self.text(key, where) if keys else key: one
                if key in _LEFT_ALONE and isinstance(one, str)
                else self._value(one, where, keys=keys, escaped=key == "pattern")
                for key, one in value.items()
            }
        if isinstance(value, int) and not isinstance(value, bool):
            text = str(value)
            changed = self.text(text, where)
            return value if changed == text else changed
        return value


def _merged(taken: list[tuple[int, int, str]], new: list[tuple[int, int]], kind: str) -> list[tuple[int, int, str]]:
    """Both are in order; of `new`, what overlaps something taken or an earlier one is left out."""
    merged: list[tuple[int, int, str]] = []
    at, last = 0, 0
    for start, end in new:
        while at < len(taken) and taken[at][1] <= start:
            merged.append(taken[at])
            last = max(last, taken[at][1])
            at += 1
        if start >= last and (at == len(taken) or taken[at][0] >= end):
            merged.append((start, end, kind))
            last = end
    return merged + taken[at:]


def _masked(value: str, kind: str) -> str:
    shown = 3 if kind == "SECRET" and len(value) >= 12 else 1
    hidden = re.sub(r"\w", "•", value[shown : shown + 24])
    return _line(value[:shown] + hidden + ("…" if len(value) > shown + 24 else ""))


def _line(text: str) -> str:
    return " ".join(text.split())
