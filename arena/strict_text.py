"""Reads JSON and YAML strictly: what a lenient reader would silently drop, overwrite or approximate is an error that
says where. Pure.

Refused are a name twice in one object, aliases, tags, NaN and infinities, numbers with too many digits, nesting beyond
a limit, and anything in YAML that JSON cannot hold. Comments in YAML are skipped and not kept.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import yaml

__all__ = ["StrictTextError", "check_storable", "check_strings", "read_items", "read_json", "read_located", "read_yaml"]

# Possessive: what it may go back to takes a hundred bytes for each character of a string.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:]|-?(?:NaN|Infinity)|-?\d[\d.eE+-]*', re.DOTALL)
_PIECE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_BEFORE_ITEM = re.compile(r"[\s,]*")
# No database stores a NUL, and half a surrogate pair is not a character.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_NAME = 80
_DIGITS = "Write the number in digits, or null."


class Place(NamedTuple):
    """Counted from 1."""

    line: int
    column: int
    only_line: bool = False

    def __str__(self) -> str:
        return f"column {self.column}" if self.only_line else f"line {self.line}, column {self.column}"


class StrictTextError(ValueError):
    """The text cannot be read. The message completes a sentence that the caller begins: "The policy" + "is not JSON: …
    (line 3, column 5)." `place` is None where the text as a whole is refused."""

    def __init__(self, problem: str, *, place: Place | None = None, fix: str = "") -> None:
        self.place = place
        super().__init__(f"{problem}{f' ({place})' if place else ''}.{fix and ' '}{fix}")


def read_json(text: str, *, nesting: int, longest: int | None = None) -> Any:
    """The value; raises StrictTextError. `longest` limits the text's characters."""
    _check_length(text, longest)
    # The parser recurses, so the depth is measured before it starts. The number of brackets bounds it from above.
    if text.count("[") + text.count("{") > nesting:
        _check_depth(text, nesting)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise StrictTextError(f"is not JSON: {error.msg}", place=_place(text, error.pos)) from None
    except _RefusedError as refused:
        at = _offset(text, refused)
        raise StrictTextError(refused.problem, place=_place(text, at), fix=refused.fix) from None
    except ValueError:
        raise StrictTextError("holds a number with too many digits") from None


def read_yaml(text: str, *, nesting: int, longest: int | None = None) -> Any:
    """The value; raises StrictTextError. Holds only what JSON can hold."""
    _check_length(text, longest)
    loader = _loader(text, nesting)
    try:
        with _yaml_errors():
            node = loader.get_single_node()
            return None if node is None else _construct(loader, node)
    finally:
        loader.dispose()


def read_items(text: str, form: str, *, key: str, nesting: int, longest: int | None = None) -> list[tuple[int, Any]]:
    """The items of a list, or of the list that stands alone under `key`, each with the line on which it begins.

    `form` is "json" or "yaml". Raises StrictTextError.
    """
    _check_length(text, longest)
    return list(_json_items(text, key, nesting) if form == "json" else _yaml_items(text, key, nesting))


Path = tuple[str | int, ...]


def read_located(text: str, form: str, *, nesting: int, longest: int | None = None) -> tuple[Any, dict[Path, int]]:
    """The value, and the line on which each value inside begins, by its path of names and places in lists.

    `form` is "json" or "yaml". Here YAML is read as its version 1.2 has it, as JavaScript's readers do: yes, no, on,
    off and 12:30 are text. Raises StrictTextError.
    """
    _check_length(text, longest)
    if form == "json":
        return read_json(text, nesting=nesting), dict(_json_lines(text))
    loader = _loader(text, nesting, _CoreLoader)
    try:
        with _yaml_errors():
            node = loader.get_single_node()
            return (None, {}) if node is None else (_construct(loader, node), dict(_yaml_lines(node)))
    finally:
        loader.dispose()


def _json_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Of a text that has been read, so it is JSON."""
    path: list[str | int] = []
    line, counted = 1, 0
    # Whether the next string is a name.
    naming = False
    for token in _PIECE.finditer(text):
        line += text.count("\n", counted, token.start())
        counted = token.start()
        piece = token[0]
        if piece == ",":
            naming = isinstance(path[-1], str)
            if not naming:
                path[-1] = int(path[-1]) + 1
        elif piece == ":":
            naming = False
        elif piece in "}]":
            path.pop()
            naming = False
        elif naming and piece[0] == '"':
            path[-1] = json.loads(piece)
        else:
            yield tuple(path), line
            naming = piece == "{"
            if piece in "{[":
                path.append("" if naming else 0)


def _yaml_lines(root: yaml.Node) -> Iterator[tuple[Path, int]]:
    waiting: list[tuple[Path, yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        yield path, node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            waiting += [((*path, name.value), value) for name, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*path, n), value) for n, value in enumerate(node.value)]


def check_strings(value: Any, name: str, *, longest: int, longest_image: int = 0) -> None:
    """Every string inside, names too, must be storable and within the limit; raises StrictTextError. `longest_image`,
    if that is more, is the limit on one that is an image as a data: URL."""
    if isinstance(value, str):
        if len(value) > longest and not (value.startswith("data:image/") and len(value) <= longest_image):
            shown = name[:_LONGEST_NAME]
            raise StrictTextError(f"“{shown}” has {len(value):,} characters; the limit on one field is {longest:,}")
        check_storable(value, name)
    elif isinstance(value, list):
        for one in value:
            check_strings(one, name, longest=longest, longest_image=longest_image)
    elif isinstance(value, dict):
        for key, one in value.items():
            check_strings(key, name, longest=longest)
            check_strings(one, name, longest=longest, longest_image=longest_image)


def check_storable(text: str, name: str) -> None:
    # Most texts: the search takes as long as reading the text anew.
    if text.isascii() and "\x00" not in text:
        return
    found = _UNSTORABLE.search(text)
    if found:
        what = "a NUL character" if found[0] == "\x00" else "half a surrogate pair (a broken \\u escape)"
        raise StrictTextError(f"“{name[:_LONGEST_NAME]}” holds {what}")


class _RefusedError(ValueError):
    """Found by a hook of the JSON parser, which does not say where: `written` is looked for again."""

    def __init__(self, kind: str, written: str, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.kind, self.written, self.problem, self.fix = kind, written, problem, fix


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _RefusedError("name", name, _twice(name), _KEEP_ONE)
            seen.add(name)
    return made


_KEEP_ONE = "Keep one of them."


def _twice(name: str) -> str:
    return f"names “{name[:_LONGEST_NAME]}” twice in one object"


def _no_constant(name: str) -> Any:
    raise _RefusedError("token", name, f"holds {name}, which is not a number in JSON", _DIGITS)


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise _RefusedError("token", written, f"holds {written[:40]}, a number too large to store", "")
    return number


def _offset(text: str, refused: _RefusedError) -> int:
    """Where it stands. Reads the text once more: only a text that is refused pays for it."""
    tokens = list(_TOKEN.finditer(text))
    if refused.kind == "token":
        return next((one.start() for one in tokens if one[0] == refused.written), 0)
    objects: list[set[str]] = []
    for at, token in enumerate(tokens):
        if token[0] in ("{", "["):
            objects.append(set())
        elif token[0] in ("}", "]"):
            objects.pop()
        elif token[0][0] == '"' and at + 1 < len(tokens) and tokens[at + 1][0] == ":":
            name = json.loads(token[0])
            if name == refused.written and name in objects[-1]:
                return token.start()
            objects[-1].add(name)
    return 0


def _place(text: str, offset: int) -> Place:
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return Place(line, column, only_line="\n" not in text.rstrip())


def _check_length(text: str, longest: int | None) -> None:
    if longest is not None and len(text) > longest:
        raise StrictTextError(f"has {len(text):,} characters; the limit is {longest:,}")


def _too_deep(nesting: int, place: Place) -> StrictTextError:
    return StrictTextError(f"is nested deeper than {nesting} levels, the limit on nesting", place=place)


def _check_depth(text: str, nesting: int) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("{", "["):
            depth += 1
            if depth > nesting:
                raise _too_deep(nesting, _place(text, token.start()))
        elif token[0] in ("}", "]"):
            depth -= 1


def _json_items(text: str, key: str, nesting: int) -> Iterator[tuple[int, Any]]:
    items = read_json(text, nesting=nesting)
    if isinstance(items, dict) and set(items) == {key}:
        items = items[key]
    if not isinstance(items, list):
        raise _not_a_list(key)
    start = text.index("[") + 1
    decoder = json.JSONDecoder()
    for item in items:
        start = _BEFORE_ITEM.match(text, start).end()  # type: ignore[union-attr]  # it matches the empty string
        yield text.count("\n", 0, start) + 1, item
        start = decoder.raw_decode(text, start)[1]


def _yaml_items(text: str, key: str, nesting: int) -> Iterator[tuple[int, Any]]:
    loader = _loader(text, nesting)
    try:
        with _yaml_errors():
            root = loader.get_single_node()
            if isinstance(root, yaml.MappingNode):
                named = [value for name, value in root.value if name.value == key]
                root = named[0] if len(root.value) == len(named) == 1 else root
            if not isinstance(root, yaml.SequenceNode):
                raise _not_a_list(key)
            for node in root.value:
                yield node.start_mark.line + 1, _construct(loader, node)
    finally:
        loader.dispose()


def _not_a_list(key: str) -> StrictTextError:
    return StrictTextError(f"is not a list of {key}", fix=f"Write a list, or `{key}:` and a list under it.")


_YAML = "tag:yaml.org,2002:"
# What YAML makes of 2026-10-01, of a lone = and of a lone <<.
_SURPRISING_TAGS = frozenset(_YAML + name for name in ("timestamp", "value", "merge"))
_LONGEST_TAG = 80


class _Loader(yaml.SafeLoader):
    nesting = 0
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            place = _mark(self.peek_event().start_mark)  # type: ignore[no-untyped-call]  # yaml's own
            raise StrictTextError("uses an alias", place=place, fix="Write out what it stands for.")
        self._check_tag(self.peek_event())  # type: ignore[no-untyped-call]
        self._depth += 1
        # The composer recurses, so the limit is checked on the way down.
        if self._depth > self.nesting and self.check_event(yaml.CollectionStartEvent):
            raise _too_deep(self.nesting, _mark(self.peek_event().start_mark))  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _check_tag(self, event: Any) -> None:
        """Only a tag that is written out is refused. The constructors would fail on some of them in ways of their own:
        `!!map x` with a ValueError once the value is complete, `!!bool x` with a KeyError."""
        if event.tag is not None:
            written = event.tag.replace(_YAML, "!!", 1) if event.tag.startswith(_YAML) else event.tag
            fix = f"YAML tags are not read: leave out {written[:_LONGEST_TAG]}."
            raise StrictTextError("uses a tag", place=_mark(event.start_mark), fix=fix)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            place = _mark(key.start_mark)
            if key.tag == f"{_YAML}merge":
                raise StrictTextError("merges objects (<<)", place=place, fix="Write out their fields.")
            if key.tag != f"{_YAML}str":
                shown = key.value if isinstance(key.value, str) else "of an object"
                raise StrictTextError(f"has a name {shown} that is not text", place=place, fix="Put it in quotes.")
            if key.value in seen:
                raise StrictTextError(_twice(key.value), place=place, fix=_KEEP_ONE)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        place = _mark(node.start_mark)
        if node.tag in _SURPRISING_TAGS:
            raise StrictTextError(_neither(node.value), place=place, fix="Put it in quotes, or write digits.")
        try:
            value = super().construct_object(node, deep=deep)
        except ValueError as error:
            if isinstance(error, StrictTextError):
                raise
            raise StrictTextError(_neither(node.value), place=place, fix=_DIGITS) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise StrictTextError(_neither(node.value), place=place, fix=_DIGITS)
        return value


class _CoreLoader(_Loader):
    """The core schema of YAML 1.2: a plain scalar is null, true, false, a decimal number, or text."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _CoreLoader.add_implicit_resolver(f"{_YAML}{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def _neither(shown: str) -> str:
    return f"holds “{shown[:40]}”, which is neither text nor a number here"


def _mark(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _loader(text: str, nesting: int, kind: type[_Loader] = _Loader) -> _Loader:
    with _yaml_errors():
        loader = kind(text)
    loader.nesting = nesting
    return loader


def _construct(loader: _Loader, node: yaml.Node) -> Any:
    return loader.construct_document(node)


@contextmanager
def _yaml_errors() -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"is not YAML: {error.problem or error.context}"
        raise StrictTextError(problem, place=_mark(mark) if mark else None) from None
    except yaml.YAMLError as error:
        raise StrictTextError(f"is not YAML: {' '.join(str(error).split())}") from None
