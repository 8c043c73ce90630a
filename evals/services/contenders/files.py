"""Files of contenders: YAML, JSON, JSONL or CSV, read into rows that know their line. Nothing is written here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from evals.services.importing.errors import BadValueError, Problems, UnreadableError
from evals.services.importing.json_text import check_texts, parse_json
from evals.services.importing.limits import Limits
from evals.services.importing.lines import BadLineError, Source, check_size, text_lines
from evals.services.importing.reading import Layout, read_rows

__all__ = ["FIELDS", "ContenderRow", "read_contenders"]

FIELDS = (
    "slug",
    "provider",
    "kind",
    "base_url",
    "api_key_env",
    "model_name",
    "settings",
    "locality",
    "tier",
    "capabilities",
    "context_tokens",
    "usd_per_mtok_input",
    "usd_per_mtok_output",
)
REQUIRED = ("slug", "provider", "model_name")
LIMITS = replace(Limits(), file_bytes=4 * 1024 * 1024, rows=10_000, field_chars=100_000)

_KEY_FIELDS = re.compile(r"(?i)(?!api_key_env$).*(api[_-]?key|^key$|secret|token$|password|authorization)")
_INTEGERS = {"tier": (0, 99), "context_tokens": (1, 2**31 - 1)}
_NO_LIST = "is no list of contenders. Write a list, or `contenders:` and a list under it."
_PRICES = ("usd_per_mtok_input", "usd_per_mtok_output")


@dataclass(frozen=True)
class ContenderRow:
    """`given` holds the fields the file names, in their own types; what it leaves out stays as it is."""

    line: int
    slug: str
    given: dict[str, Any]


def read_contenders(source: Source, problems: Problems) -> list[ContenderRow]:
    """What is wrong with a row goes to `problems`. Raises UnreadableError for the file as a whole."""
    check_size(source, LIMITS)
    rows = []
    for line, values in _values(source, problems):
        try:
            rows.append(_row(line, values))
        except BadValueError as error:
            problems.add(line, str(error))
    if not rows and not problems.total:
        raise UnreadableError(f"{source.name} names no contender.")
    return rows


def _values(source: Source, problems: Problems) -> Iterator[tuple[int, Any]]:
    suffix = source.name.rpartition(".")[2].lower()
    if suffix in ("csv", "tsv", "jsonl"):
        layout = Layout(FIELDS, format="jsonl" if suffix == "jsonl" else "csv", limits=LIMITS)
        for row in read_rows(source, layout, problems):
            yield row.line, {name: value for name, value in (row.fields | row.extra).items() if value != ""}
        return
    if suffix not in ("yaml", "yml", "json"):
        raise UnreadableError(
            f"{source.name}: the name ends in .yaml, .json, .jsonl or .csv, so that we know how to read it."
        )
    try:
        text = "".join(piece for _, piece in text_lines(source, LIMITS))
        yield from _json_items(text) if suffix == "json" else _yaml_items(text)
    except BadLineError as error:
        raise UnreadableError(f"line {error.line}: {source.name} {error}") from error
    except BadValueError as error:
        raise UnreadableError(f"{source.name} {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableError(f"{source.name} is not YAML: {' '.join(str(error).split())}") from error


def _json_items(text: str) -> Iterator[tuple[int, Any]]:
    """The list's items with the lines on which they begin."""
    items = _listed(parse_json(text, LIMITS))
    start = text.index("[") + 1
    decoder = json.JSONDecoder()
    for item in items:
        start = re.compile(r"[\s,]*").match(text, start).end()  # type: ignore[union-attr]  # matches emptiness
        yield text.count("\n", 0, start) + 1, item
        start = decoder.raw_decode(text, start)[1]


class _Loader(yaml.SafeLoader):
    """Refuses what would otherwise be lost or doubled in silence."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise BadValueError(f"uses an alias in line {line}. Write it out.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise BadValueError(f"names “{name}” twice in line {node.start_mark.line + 1} and after.")
        return super().construct_mapping(node, deep=deep)


def _yaml_items(text: str) -> Iterator[tuple[int, Any]]:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            named = [value for key, value in root.value if key.value == "contenders"]
            root = named[0] if len(root.value) == len(named) == 1 else root
        if not isinstance(root, yaml.SequenceNode):
            raise BadValueError(_NO_LIST)
        for node in root.value:
            yield node.start_mark.line + 1, loader.construct_document(node)
    finally:
        loader.dispose()


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict) and set(value) == {"contenders"}:
        value = value["contenders"]
    if not isinstance(value, list):
        raise BadValueError(_NO_LIST)
    return value


def _row(line: int, values: Any) -> ContenderRow:
    if not isinstance(values, dict):
        raise BadValueError("is no contender. Write its fields, such as slug, provider and model_name.")
    for name in values:
        if name not in FIELDS:
            raise BadValueError(_unknown(str(name)))
    given = {name: _typed(name, value) for name, value in values.items() if value is not None}
    for name in REQUIRED:
        if not given.get(name):
            raise BadValueError(f"has no {name}.")
    return ContenderRow(line, given["slug"], given)


def _unknown(name: str) -> str:
    if _KEY_FIELDS.match(name):
        return (
            f"holds {name}. Keys are not read from files: name a variable in api_key_env, "
            "or type the key on the provider's page."
        )
    return f"has a field “{name[:80]}” that is not known. Fields: {', '.join(FIELDS)}."


def _typed(name: str, value: Any) -> Any:
    if name == "settings":
        return _settings(value)
    if name == "capabilities":
        return _capabilities(value)
    if name in _INTEGERS:
        return _integer(name, value)
    if name in _PRICES:
        return _price(name, value)
    if not isinstance(value, str):
        raise BadValueError(f"has a {name} that is no text: {value!r}. Put it in quotes.")
    check_texts(value, name, LIMITS)
    return value.strip()


def _settings(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = parse_json(value, LIMITS)
    if not isinstance(value, dict):
        raise BadValueError('has settings that are no object. Write one such as {"temperature": 0.2}.')
    try:
        # What JSON cannot hold (YAML's dates, sets, NaN) a request cannot carry either.
        value = parse_json(json.dumps(value, allow_nan=False), LIMITS)
    except (TypeError, ValueError) as error:
        raise BadValueError(f"has settings that are no JSON: {error}.") from error
    check_texts(value, "settings", LIMITS)
    return dict(value)


def _capabilities(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = parse_json(value, LIMITS) if value.strip().startswith("[") else re.split(r"[,;|\s]+", value)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise BadValueError("has capabilities that are no list of words. Write [tools, json].")
    check_texts(value, "capabilities", LIMITS)
    return tuple(dict.fromkeys(word.strip().lower() for word in value if word.strip()))


def _integer(name: str, value: Any) -> int:
    low, high = _INTEGERS[name]
    text = str(value).strip().replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not low <= int(text) <= high:
        raise BadValueError(f"has {name} {value!r}. Write a whole number from {low} to {high}.")
    return int(text)


def _price(name: str, value: Any) -> Decimal:
    try:
        price = Decimal(str(value).strip().removeprefix("$"))
    except InvalidOperation:
        price = Decimal("NaN")
    if isinstance(value, bool) or not price.is_finite() or not 0 <= price < 1_000_000:
        raise BadValueError(
            f"has {name} {value!r}. Write dollars per million tokens, as 2.50; leave it out if unknown."
        )
    if price != round(price, 6):
        raise BadValueError(f"has {name} {value!r}. Six decimals are kept; write it with at most six.")
    return price
