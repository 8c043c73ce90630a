"""promptfoo's configuration, YAML or JSON: each test with each prompt is a task.

Variables are put into prompts and asserts, and lists of values are expanded into each combination, as promptfoo does.
Files that are named are read beside the configuration. Programs are not run, so prompts, tests and values that come
from one are refused. Asserts become checks where there is one that judges the same; each other one is a notice.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from arena.strict_text import Path, StrictTextError, read_json, read_located
from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source, size_in_words, text_lines
from evals.transfer.formats import delimited
from evals.transfer.formats.frame import Format, Head, Values
from evals.transfer.formats.promptfoo_asserts import checks_of, reference_of

__all__ = ["FORMAT"]

_LONGEST = 4 * 1024 * 1024
# Possessive: what may go back takes time that doubles with each blank line.
_YAML_START = re.compile(r"(?:[^\S\n]*+(?:#[^\n]*+|---[^\S\n]*+)?\n)*+[^\S\n]*+[A-Za-z$][\w-]*+:(?:\s|$)")
_YAML_KEYS = re.compile(r"^(?:prompts|tests|scenarios|defaultTest):", re.MULTILINE)
_JSON_KEYS = re.compile(r'"(?:prompts|tests|scenarios|defaultTest)"\s*:')
_VARIABLE = re.compile(r"{{-?\s*([A-Za-z_]\w*(?:\.\w+)*)\s*-?}}")
_TEMPLATE = re.compile(r"{{|{%|{#")
_PROGRAMS = (".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".sh")
_TEXTS = (".txt", ".md", ".j2", ".json", ".yaml", ".yml")
# Variables may name variables.
_ROUNDS = 3


def _recognises(head: Head) -> bool:
    if head.row:
        return "prompts" in head.row and ("tests" in head.row or "providers" in head.row)
    if head.first[1].lstrip().startswith("{"):
        return len(_JSON_KEYS.findall(head.text)) > 1
    return _YAML_START.match(head.text) is not None and _YAML_KEYS.search(head.text) is not None


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    text = "".join(piece for _, piece in text_lines(source, layout.limits))
    form = "json" if text.lstrip().startswith("{") else "yaml"
    try:
        config, lines = read_located(text, form, nesting=layout.limits.nesting, longest=_LONGEST)
    except StrictTextError as error:
        at = f"line {error.place.line}: " if error.place else ""
        raise UnreadableError(f"{at}{source.name} {error}") from None
    if not isinstance(config, dict):
        raise UnreadableError(f"{source.name} is not a promptfoo configuration: it has no prompts and no tests.")
    yield from _Configuration(config, lines, layout, problems).rows()


@dataclass(frozen=True)
class _Prompt:
    template: str
    label: str


@dataclass(frozen=True)
class _Test:
    """`at` is where its own values stand; those of one from another file have only its line."""

    line: int
    number: int
    given: Mapping[str, Any]
    at: Path | None = None


@dataclass
class _Configuration:
    config: dict[str, Any]
    lines: dict[Path, int]
    layout: Layout
    problems: Problems
    written: int = 0
    default: dict[str, Any] = field(default_factory=dict)

    def rows(self) -> Iterator[Values]:
        try:
            self.default = self._default()
            prompts = list(self._prompts())
        except BadValueError as error:
            raise UnreadableError(f"line {self._line(('prompts',))}: {error}") from None
        for test in self._tests():
            try:
                yield from self._tasks(test, prompts)
            except BadValueError as error:
                self.problems.add(test.line, str(error))

    def _line(self, path: Path | None) -> int:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path or (), 1)

    def _default(self) -> dict[str, Any]:
        given = self.config.get("defaultTest") or {}
        if isinstance(given, str):
            given = self._document(given)
        if not isinstance(given, dict):
            raise BadValueError("defaultTest is not an object.")
        return given

    # Prompts

    def _prompts(self) -> Iterator[_Prompt]:
        given = self.config.get("prompts", ["{{prompt}}"])
        listed = list(given) if isinstance(given, dict) else given if isinstance(given, list) else [given]
        for n, one in enumerate(listed, start=1):
            named = one if isinstance(one, dict) else {"raw": one}
            template = named.get("raw") or named.get("id")
            if not isinstance(template, str) or not template.strip():
                raise BadValueError(f"prompt {n} is not a text. Write it, or name its file (file://…).")
            try:
                written = self._written_prompts(n, template)
            except BadValueError as error:
                raise UnreadableError(f"line {self._line(('prompts', n - 1))}: {error}") from None
            for piece in written:
                yield _Prompt(piece, str(named.get("label") or named.get("id") or n))

    def _written_prompts(self, n: int, given: str) -> list[str]:
        path = given.removeprefix("file://")
        is_file = path != given or ("\n" not in given and " " not in given and given.endswith((*_TEXTS, *_PROGRAMS)))
        if given.startswith("exec:") or re.match(r"[a-z]+://", given.removeprefix("file://")):
            raise BadValueError(f"prompt {n} comes from {given[:80]}, which Arena does not ask. Write it out.")
        if not is_file:
            return [given]
        text = self._file(path)
        if path.endswith(".txt"):
            return [one.strip() for one in re.split(r"^---\s*$", text, flags=re.MULTILINE) if one.strip()]
        return [text]

    # Tests

    def _tests(self) -> Iterator[_Test]:
        given = self.config.get("tests")
        number = itertools.count(1)
        listed = given if isinstance(given, list) else [given] if given else []
        for n, one in enumerate(listed):
            at: Path = ("tests", n) if isinstance(given, list) else ("tests",)
            yield from self._tests_of(one, at, number)
        for n, scenario in enumerate(self.config.get("scenarios") or []):
            yield from self._scenario(scenario, ("scenarios", n), number)
        if next(number) == 1 and not self.problems.total:
            # Without tests, each prompt is asked as it is.
            yield _Test(self._line(("prompts",)), 1, {})

    def _scenario(self, scenario: Any, at: Path, number: Iterator[int]) -> Iterator[_Test]:
        line = self._line(at)
        if not isinstance(scenario, dict) or not isinstance(scenario.get("config"), list):
            self.problems.add(line, "is not a scenario: it needs config, a list of variables, and tests.")
            return
        tests = scenario.get("tests") or [{}]
        for data in scenario["config"]:
            for n, test in enumerate(tests if isinstance(tests, list) else [tests]):
                if not isinstance(data, dict) or not isinstance(test, dict):
                    self.problems.add(line, "has a test in another file, which is not read for scenarios.")
                    return
                yield _Test(line, next(number), _merged(data, test), (*at, "tests", n))

    def _tests_of(self, given: Any, at: Path, number: Iterator[int]) -> Iterator[_Test]:
        line = self._line(at)
        if isinstance(given, dict) and "path" not in given:
            yield _Test(line, next(number), given, at)
            return
        try:
            if not isinstance(given, str):
                raise BadValueError("is not a test. Write its vars and assert, or name a file (file://…).")
            for one in self._tests_in(given):
                if not isinstance(one, dict):
                    raise BadValueError(f"names {given[:80]}, in which a test is not an object.")
                yield _Test(line, next(number), one)
        except BadValueError as error:
            next(number)
            self.problems.add(line, str(error))

    def _tests_in(self, given: str) -> Iterator[Any]:
        path = given.removeprefix("file://")
        if path.endswith(".csv"):
            data = self._file(path).encode()
            problems = Problems()
            layout = Layout((), limits=self.layout.limits)
            for row in delimited.FORMAT.read(Source(BytesIO(data), path), layout, problems):
                yield _from_csv(row[1])
            if problems.total:
                raise BadValueError(f"names {path[:80]}, of which {problems.errors[0]}")
        elif path.endswith(".jsonl"):
            yield from (self._parsed(path, line, "json") for line in self._file(path).splitlines() if line.strip())
        else:
            found = self._document(given)
            yield from found if isinstance(found, list) else [found]

    # Tasks

    def _tasks(self, test: _Test, prompts: list[_Prompt]) -> Iterator[Values]:
        merged = _merged(self.default, test.given)
        for name in ("vars", "metadata", "options"):
            if not isinstance(merged.get(name) or {}, dict):
                raise BadValueError(f"has {name} that are not an object.")
        if not isinstance(merged.get("assert") or [], list):
            raise BadValueError("has an assert that is not a list.")
        variables = {name: self._value(value) for name, value in (merged.get("vars") or {}).items()}
        choices = {name: value for name, value in variables.items() if isinstance(value, list)}
        if (merged.get("options") or {}).get("disableVarExpansion"):
            choices = {}
        ways = math.prod(len(value) for value in choices.values())
        if ways * len(prompts) > self.layout.limits.rows:
            raise BadValueError(f"stands for {ways * len(prompts):,} tasks; the limit is {self.layout.limits.rows:,}.")
        if not ways:
            raise BadValueError("has a variable whose list of values is empty.")
        for way, chosen in enumerate(itertools.product(*choices.values()), start=1):
            values = self._resolved(variables | dict(zip(choices, chosen, strict=True)))
            checks, reference = self._checks(test, merged.get("assert") or [], values)
            for prompt_number, prompt in enumerate(prompts, start=1):
                parts = [test.number, *([prompt_number] if len(prompts) > 1 else []), *([way] if ways > 1 else [])]
                row = {"id": "-".join(map(str, parts)), **self._asked(prompt.template, values)}
                row |= {"reference": reference, "checks": checks, "metadata": _metadata(merged, prompt, values)}
                category = (merged.get("metadata") or {}).get("category")
                yield test.line, row | ({"category": category} if category else {})

    def _asked(self, template: str, values: Mapping[str, Any]) -> dict[str, Any]:
        chat = _chat(template)
        if chat is not None:
            return {"messages": self._filled(chat, values)}
        text = self._render(template, values)
        # A variable may hold the whole conversation.
        chat = _chat(text)
        return {"messages": chat} if chat is not None else {"prompt": text}

    def _checks(self, test: _Test, given: list[Any], values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        own = len(given) - len(test.given.get("assert") or [])
        checks: list[dict[str, Any]] = []
        reference = ""
        for n, one in enumerate(given):
            at: Path | None = ("defaultTest", "assert", n) if n < own else None
            if n >= own and test.at:
                at = (*test.at, "assert", n - own)
            line = self._line(at) if at else test.line
            for kind, value, threshold, why in self._asserted(one, values):
                made, reason = ([], why) if why else checks_of(kind, value, threshold)
                checks += made
                reference = reference or reference_of(kind, value)
                if reason:
                    self.problems.notice(line, f"The assert “{kind[:60]}” is left out: {reason}.")
        return checks, reference

    def _asserted(self, given: Any, values: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any, str]]:
        """Type, value and threshold; and why it cannot be taken, if that is already known."""
        if isinstance(given, dict) and isinstance(given.get("$ref"), str):
            name = given["$ref"].rpartition("/")[2]
            given = (self.config.get("assertionTemplates") or {}).get(name)
        if not isinstance(given, dict) or not isinstance(given.get("type"), str):
            raise BadValueError("has an assert without a type.")
        kind = given["type"]
        if kind == "assert-set":
            inside = given.get("assert")
            if given.get("threshold", 1) == 1 and isinstance(inside, list):
                for one in inside:
                    if isinstance(one, dict) and one.get("type") == "assert-set":
                        yield "assert-set", None, None, "it stands inside another one"
                    else:
                        yield from self._asserted(one, values)
            else:
                yield kind, None, None, "only some of its asserts have to pass"
            return
        if given.get("weight") == 0:
            yield kind, None, None, "its weight is 0, so it decides nothing"
        elif given.get("transform"):
            yield kind, None, None, "it reads the answer after a transformation"
        else:
            value = given.get("value")
            if isinstance(value, str) and value.startswith("file://") and value.endswith(_PROGRAMS):
                yield kind, None, None, "its value is a program"
                return
            yield kind, self._filled(self._value(value), values), given.get("threshold"), ""

    # Files and templates

    def _value(self, value: Any) -> Any:
        """A variable's or an assert's, read from the file that it names."""
        if not isinstance(value, str) or not value.startswith("file://"):
            return value
        if value.endswith((".json", ".yaml", ".yml")):
            return self._document(value)
        return self._file(value.removeprefix("file://"))

    def _document(self, given: str) -> Any:
        path = given.removeprefix("file://")
        if not path.endswith((".json", ".yaml", ".yml")):
            raise BadValueError(f"names {given[:80]}, which Arena does not read: it runs no programs.")
        return self._parsed(path, self._file(path), "json" if path.endswith(".json") else "yaml")

    def _parsed(self, path: str, text: str, form: str) -> Any:
        read = read_json if form == "json" else _core_yaml
        try:
            return read(text, nesting=self.layout.limits.nesting, longest=_LONGEST)
        except StrictTextError as error:
            raise BadValueError(f"names {path[:80]}, which {error}") from None

    def _file(self, path: str) -> str:
        name = path.removeprefix("./")
        if name.endswith(_PROGRAMS) or any(f"{ending}:" in name for ending in _PROGRAMS):
            raise BadValueError(f"names {name[:80]}: Arena runs no programs. Write out what it makes.")
        if "*" in name:
            raise BadValueError(f"names {name[:80]}: name each file by itself.")
        if self.layout.beside is None:
            raise BadValueError(f"names the file {name[:80]}, and no files came with this one.")
        try:
            data = self.layout.beside(name)
        except BadValueError as error:
            raise BadValueError(f"names {name[:80]}, which {error}") from None
        if len(data) > _LONGEST:
            raise BadValueError(f"names {name[:80]}, which has more than {size_in_words(_LONGEST)}.")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadValueError(f"names {name[:80]}, which is not text in UTF-8.") from None

    def _resolved(self, variables: dict[str, Any]) -> dict[str, Any]:
        for _ in range(_ROUNDS):
            if not any(_TEMPLATE.search(value) for value in variables.values() if isinstance(value, str)):
                break
            variables = {
                name: self._render(value, variables) if isinstance(value, str) and _VARIABLE.search(value) else value
                for name, value in variables.items()
            }
        return variables

    def _filled(self, value: Any, variables: Mapping[str, Any]) -> Any:
        if isinstance(value, str):
            return self._render(value, variables)
        if isinstance(value, list):
            return [self._filled(one, variables) for one in value]
        if isinstance(value, dict):
            return {name: self._filled(one, variables) for name, one in value.items()}
        return value

    def _render(self, template: str, variables: Mapping[str, Any]) -> str:
        """Raises BadValueError for what only promptfoo's template language could say, and for a text that is too
        long, before it is made."""
        if not _TEMPLATE.search(template):
            return self._counted(template, len(template))
        left = _VARIABLE.sub("", template)
        if _TEMPLATE.search(left):
            at = _TEMPLATE.search(left)
            shown = left[at.start() : at.start() + 40].replace("\n", " ") if at else ""
            raise BadValueError(f"uses a filter or a block of the template language: {shown} Write out what it makes.")
        values = {name: _shown(_found(name, variables)) for name in set(_VARIABLE.findall(template))}
        for name in values:
            if name.partition(".")[0] not in variables:
                self.problems.notice(0, f"The variable “{name[:60]}” has no value: nothing is put in its place.")
        size = len(template) + sum(len(values[name]) for name in _VARIABLE.findall(template))
        self._counted("", size)
        return _VARIABLE.sub(lambda found: values[found[1]], template)

    def _counted(self, text: str, size: int) -> str:
        limits = self.layout.limits
        if size > limits.field_chars:
            raise BadValueError(f"makes a text of {size:,} characters; the limit is {limits.field_chars:,}.")
        self.written += size
        if self.written > limits.file_bytes:
            raise UnreadableError(
                f"The configuration stands for more than {size_in_words(limits.file_bytes)} of text. Split it."
            )
        return text


def _core_yaml(text: str, *, nesting: int, longest: int) -> Any:
    return read_located(text, "yaml", nesting=nesting, longest=longest)[0]


def _merged(default: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A test over what holds for all: asserts of both, and of the same variable the test's."""
    merged = {**default, **given}
    for name in ("vars", "metadata", "options"):
        mine, theirs = given.get(name), default.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            merged[name] = theirs | mine
    mine, theirs = given.get("assert") or [], default.get("assert") or []
    if isinstance(mine, list) and isinstance(theirs, list):
        merged["assert"] = [*theirs, *mine]
    return merged


def _metadata(merged: Mapping[str, Any], prompt: _Prompt, values: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in (merged.get("metadata") or {}).items() if name != "category"}
    if merged.get("description"):
        kept["description"] = merged["description"]
    return kept | {"prompt_label": prompt.label} | ({"vars": dict(values)} if values else {})


def _chat(text: str) -> list[Any] | None:
    """The messages, if the text is a conversation in JSON or YAML."""
    begins = text.lstrip()[:40]
    if begins.startswith("["):
        form = "json"
    elif re.match(r"-\s+role:", begins):
        form = "yaml"
    else:
        return None
    try:
        value, _ = read_located(text, form, nesting=16, longest=_LONGEST)
    except StrictTextError:
        return None
    return (
        value if isinstance(value, list) and value and all(isinstance(m, dict) and "role" in m for m in value) else None
    )


def _found(name: str, variables: Mapping[str, Any]) -> Any:
    value: Any = variables
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _shown(value: Any) -> str:
    """As JavaScript writes it into a text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


_EXPECTED = re.compile(r"(?s)\s*((?:not-)?[a-z][a-z-]*)(?:\(([\d.]+)\))?:(.*)")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_KNOWN = re.compile(
    r"(?:not-)?(?:i?contains(?:-all|-any)?|contains-(?:json|sql|xml|html)|is-(?:json|sql|xml|html|refusal)|equals|regex|"
    r"starts-with|word-count|javascript|python|"
    r"llm-rubric|factuality|similar|latency|cost|levenshtein|model-graded-closedqa|answer-relevance|webhook|rouge-n)"
)


def _from_csv(cells: Mapping[str, str]) -> dict[str, Any]:
    """A row of a CSV file of tests: columns are variables, but for those that begin with two underscores."""
    test: dict[str, Any] = {"vars": {}, "assert": [], "metadata": {}}
    for name, cell in cells.items():
        if re.fullmatch(r"__expected\d*", name):
            if cell.strip():
                test["assert"].append(_expected(cell))
        elif name == "__description":
            test["description"] = cell
        elif name.startswith("__metadata:"):
            test["metadata"][name.removeprefix("__metadata:").removesuffix("[]")] = cell
        elif not name.startswith("__"):
            test["vars"][name] = cell
    return test


def _expected(cell: str) -> dict[str, Any]:
    """`contains: Paris`; a text without a type has to be equal."""
    found = _EXPECTED.fullmatch(cell)
    if not found or not _KNOWN.fullmatch(found[1]):
        return {"type": "equals", "value": cell}
    threshold = {"threshold": float(found[2])} if found[2] and _NUMBER.fullmatch(found[2]) else {}
    return {"type": found[1], "value": found[3].strip(), **threshold}


FORMAT = Format(
    "promptfoo", "promptfoo configuration", _recognises, _read, endings=(".yaml", ".yml", ".json"), tasks=True
)
