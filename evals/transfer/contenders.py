"""Contenders and their providers from a file, YAML, JSON, JSONL or CSV: all of it, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from django.db import transaction

from arena.errors import FieldError
from arena.strict_text import StrictTextError, read_items
from evals.catalog.names import BadValueError
from evals.catalog.presets import preset
from evals.catalog.price_list import PRICES
from evals.catalog.services.contenders import ContenderFields, newest_revision, save_contender
from evals.catalog.services.providers import ProviderFields, check_provider, store_provider
from evals.models import Contender, Provider
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.rows import Layout, read_rows
from evals.transfer.files.text import (
    BadLineError,
    Limits,
    Source,
    check_encoding,
    check_size,
    check_texts,
    parse_json,
    text_lines,
)

__all__ = ["FIELDS", "ContenderRow", "ContendersImported", "ImportedLine", "import_contenders", "read_contenders"]

FIELDS = (
    "slug",
    "provider",
    "provider_name",
    "kind",
    "base_url",
    "api_key_env",
    "model_name",
    "settings",
    "system",
    "temperature",
    "max_tokens",
    "locality",
    "max_concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "first_token_timeout_s",
    "total_timeout_s",
    "tier",
    "capabilities",
    "context_tokens",
    *PRICES,
    "price_source",
    "priced_at",
)
REQUIRED = ("slug", "provider", "model_name")
LIMITS = replace(Limits(), file_bytes=4 * 1024 * 1024, rows=10_000, field_chars=100_000)

_KEY_FIELDS = re.compile(r"(?i)(?!api_key_env$).*(api[_-]?key|^key$|secret|token$|password|authorization)")
_INTEGERS = {
    "tier": (0, 99),
    "context_tokens": (1, 2**31 - 1),
    "max_tokens": (1, 10_000_000),
    "max_concurrency": (1, 1000),
    "requests_per_minute": (1, 2**31 - 1),
    "tokens_per_minute": (1, 2**31 - 1),
}
_PER_MINUTE = ("requests_per_minute", "tokens_per_minute")
# As on the provider's page, in seconds.
_SECONDS = {"first_token_timeout_s": 3600, "total_timeout_s": 7200}
_SHORTEST_S = 0.1
# Settings that have a field of their own, here as on the page.
_NAMED = ("system", "temperature", "max_tokens")
_SYSTEM_CHARS = 20_000
_HOTTEST = 5


@dataclass(frozen=True)
class ContenderRow:
    """`given` holds the fields in the file, in their own types; fields that are left out stay unchanged. A limit per
    minute is None where the file says `none`."""

    line: int
    slug: str
    given: dict[str, Any]


def read_contenders(source: Source, problems: Problems) -> list[ContenderRow]:
    """Errors in a row go to `problems`. Raises UnreadableError for the file as a whole."""
    check_size(source, LIMITS)
    check_encoding(source)
    rows = []
    for line, values in _values(source, problems):
        try:
            rows.append(_row(line, values))
        except BadValueError as error:
            problems.add(line, str(error))
    if not rows and not problems.total:
        raise UnreadableError(f"{source.name} contains no contenders.")
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
            f"{source.name}: end the file's name in .yaml, .json, .jsonl or .csv, which decides how it is read."
        )
    try:
        text = "".join(piece for _, piece in text_lines(source, LIMITS))
        form = "json" if suffix == "json" else "yaml"
        yield from read_items(text, form, key="contenders", nesting=LIMITS.nesting)
    except BadLineError as error:
        raise UnreadableError(f"line {error.line}: {source.name} {error}") from error
    except StrictTextError as error:
        raise UnreadableError(f"{source.name} {error}") from error


def _row(line: int, values: Any) -> ContenderRow:
    if not isinstance(values, dict):
        raise BadValueError("is not a contender. Write its fields, such as slug, provider and model_name.")
    for name in values:
        if name not in FIELDS:
            raise BadValueError(_unknown(str(name)))
    given = {name: _typed(name, value) for name, value in values.items() if value is not None}
    for name in REQUIRED:
        if not given.get(name):
            raise BadValueError(f"has no {name}.")
    for name in _NAMED:
        if name in given and name in given.get("settings", {}):
            raise BadValueError(f"has {name} twice: as a field, and in settings. Keep one.")
    return ContenderRow(line, given["slug"], given)


def _unknown(name: str) -> str:
    if _KEY_FIELDS.match(name):
        return (
            f"contains {name}. Keys are not read from files: name a variable in api_key_env, "
            "or type the key on the provider's page."
        )
    return f"has an unknown field “{name[:80]}”. Fields: {', '.join(FIELDS)}."


def _typed(name: str, value: Any) -> Any:
    if name == "settings":
        return _settings(value)
    if name == "capabilities":
        return _capabilities(value)
    if name in _PER_MINUTE and isinstance(value, str) and value.strip().lower() == "none":
        return None
    if name in _INTEGERS:
        return _integer(name, value)
    if name in PRICES:
        return _price(name, value)
    if name == "priced_at":
        return _day(name, value)
    if name in _SECONDS:
        return _seconds(name, value)
    if name == "temperature":
        return _temperature(value)
    if not isinstance(value, str):
        raise BadValueError(f"has a {name} that is not text: {value!r}. Put it in quotes.")
    check_texts(value, name, LIMITS)
    if name != "system":
        return value.strip()
    if len(value) > _SYSTEM_CHARS:
        raise BadValueError(f"has a system prompt of {len(value):,} characters. At most {_SYSTEM_CHARS:,} are taken.")
    return value


def _temperature(value: Any) -> float:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,2}(\.\d{1,6})?", text, re.ASCII) or float(text) > _HOTTEST:
        raise BadValueError(f"has temperature {value!r}. Write a number from 0 to {_HOTTEST}, as 0.7.")
    return float(text)


def _settings(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = parse_json(value, LIMITS)
    if not isinstance(value, dict):
        raise BadValueError('has settings that are not an object. Write one such as {"temperature": 0.2}.')
    check_texts(value, "settings", LIMITS)
    return dict(value)


def _capabilities(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = parse_json(value, LIMITS) if value.strip().startswith("[") else re.split(r"[,;|\s]+", value)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise BadValueError("has capabilities that are not a list of words. Write [tools, json].")
    check_texts(value, "capabilities", LIMITS)
    return tuple(dict.fromkeys(word.strip().lower() for word in value if word.strip()))


def _integer(name: str, value: Any) -> int:
    low, high = _INTEGERS[name]
    text = str(value).strip().replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not low <= int(text) <= high:
        or_none = ", or none for no limit" if name in _PER_MINUTE else ""
        raise BadValueError(f"has {name} {value!r}. Write a whole number from {low} to {high}{or_none}.")
    return int(text)


def _seconds(name: str, value: Any) -> float:
    text, longest = str(value).strip(), _SECONDS[name]
    fits = not isinstance(value, bool) and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text, re.ASCII)
    if not fits or not _SHORTEST_S <= float(text) <= longest:
        raise BadValueError(f"has {name} {value!r}. Write seconds, as 60 or 2.5, from {_SHORTEST_S} to {longest}.")
    return float(text)


def _price(name: str, value: Any) -> Decimal:
    try:
        price = Decimal(str(value).strip().removeprefix("$"))
    except InvalidOperation:
        price = Decimal("NaN")
    if isinstance(value, bool) or not price.is_finite() or not 0 <= price < 1_000_000:
        raise BadValueError(
            f"has {name} {value!r}. Write dollars per million tokens, such as 2.50; leave it out if unknown."
        )
    if price != round(price, 6):
        raise BadValueError(f"has {name} {value!r}. Six decimals are kept; write it with at most six.")
    return price


def _day(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise BadValueError(f"has {name} {str(value)[:40]!r}. Write a day, as 2026-11-30.") from None


# Fields of a row that describe its provider.
_OF_PROVIDER = (
    "provider_name",
    "kind",
    "base_url",
    "api_key_env",
    "locality",
    "max_concurrency",
    *_PER_MINUTE,
    *_SECONDS,
)


@dataclass(frozen=True)
class ImportedLine:
    """What was done with one provider or contender. `was` is the revision kept unchanged where a new one was
    created."""

    what: Literal["provider", "contender"]
    slug: str
    how: Literal["created", "changed", "revised", "unchanged"]
    was: str = ""


@dataclass(frozen=True)
class ContendersImported:
    lines: tuple[ImportedLine, ...]

    def count(self, how: str) -> int:
        return sum(line.how == how for line in self.lines)


def import_contenders(*, source: Source) -> ContendersImported:
    """All of the file or, with a RefusedError that names the lines, nothing. Importing a file twice changes nothing."""
    problems = Problems()
    rows = read_contenders(source, problems)
    _check_families(rows, problems)
    providers = _providers(rows, problems)
    problems.raise_if_any()
    with transaction.atomic():
        stored, lines = _store_providers(providers, problems)
        for row in rows:
            if row.given["provider"] in stored:
                lines += _store_contender(row, stored[row.given["provider"]], problems)
        problems.raise_if_any()
    return ContendersImported(tuple(lines))


@dataclass(frozen=True)
class _ProviderRow:
    """A provider as the file describes it. `line` is the first that names it."""

    line: int
    slug: str
    fields: ProviderFields
    known: Provider | None


def _check_families(rows: Iterable[ContenderRow], problems: Problems) -> None:
    """Two rows of one family would revise each other at every import."""
    first: dict[str, int] = {}
    for row in rows:
        family = row.slug.partition("@")[0]
        if family in first:
            problems.add(row.line, f"names {row.slug}, a family already named on line {first[family]}. Keep one.")
        first.setdefault(family, row.line)


def _providers(rows: Iterable[ContenderRow], problems: Problems) -> list[_ProviderRow]:
    """Providers, merged from the rows that name them; contradictions and invalid values go to `problems`."""
    by_slug: dict[str, dict[str, tuple[int, Any]]] = {}
    for row in rows:
        of_provider = by_slug.setdefault(row.given["provider"], {"line": (row.line, row.line)})
        for name in _OF_PROVIDER:
            if name not in row.given:
                continue
            value = row.given[name]
            line, other = of_provider.setdefault(name, (row.line, value))
            if other != value:
                problems.add(row.line, f"has {name} {value!r} for {row.given['provider']}; line {line} says {other!r}.")
    known = {one.slug: one for one in Provider.objects.filter(slug__in=by_slug)}
    wanted = []
    for slug, values in by_slug.items():
        line = values.pop("line")[0]
        fields = _merged(slug, {name: value for name, (_, value) in values.items()}, known.get(slug))
        try:
            check_provider(slug=slug, fields=fields, provider=known.get(slug))
        except FieldError as error:
            problems.add(values.get(error.field, (line,))[0], f"{error.field}: {error}")
            continue
        wanted.append(_ProviderRow(line, slug, fields, known.get(slug)))
    return wanted


def _merged(slug: str, given: dict[str, Any], known: Provider | None) -> ProviderFields:
    """The stored provider, or the preset of that name, updated with the fields in the file."""
    if "provider_name" in given:
        given["name"] = given.pop("provider_name")
    base: dict[str, Any] = {"name": slug, "base_url": ""}
    if known is not None:
        base = {name: getattr(known, name) for name in ProviderFields.__dataclass_fields__}
        return ProviderFields(**(base | given))
    by_name = preset(slug)
    if by_name is not None:
        base |= {
            "name": by_name.name,
            "kind": by_name.kind,
            "base_url": by_name.base_url,
            "locality": by_name.locality,
            "api_key_env": by_name.key_env,
            "max_concurrency": by_name.max_concurrency,
        }
    return ProviderFields(**(base | given))


def _store_providers(wanted: list[_ProviderRow], problems: Problems) -> tuple[dict[str, Provider], list[ImportedLine]]:
    stored: dict[str, Provider] = {}
    lines: list[ImportedLine] = []
    for one in wanted:
        if one.known is not None and one.fields == _fields_of(one.known):
            stored[one.slug] = one.known
            lines.append(ImportedLine("provider", one.slug, "unchanged"))
            continue
        try:
            stored[one.slug] = store_provider(slug=one.slug, fields=one.fields, provider=one.known)
        except FieldError as error:
            problems.add(one.line, f"{one.slug}: {error}")
        else:
            lines.append(ImportedLine("provider", one.slug, "changed" if one.known else "created"))
    return stored, lines


def _store_contender(row: ContenderRow, provider: Provider, problems: Problems) -> list[ImportedLine]:
    known = newest_revision(row.slug)
    fields = _contender_fields(row, provider, known)
    try:
        saved = save_contender(slug=row.slug, fields=fields, contender=known)
    except FieldError as error:
        problems.add(row.line, f"{error.field}: {error}")
        return []
    was = known.slug if known is not None and saved.how == "revised" else ""
    return [ImportedLine("contender", saved.contender.slug, saved.how, was)]


def _contender_fields(row: ContenderRow, provider: Provider, known: Contender | None) -> ContenderFields:
    """The fields of the newest revision updated with the file's: fields that are left out stay unchanged."""
    base: dict[str, Any] = {"settings": {}}
    if known is not None:
        base = {name: getattr(known, name) for name in ("settings", *ContenderFields.FREE)}
        base["capabilities"] = tuple(base["capabilities"])
    names = ("model_name", "settings", *ContenderFields.FREE)
    fields = base | {name: row.given[name] for name in names if name in row.given}
    fields["settings"] = fields["settings"] | {name: row.given[name] for name in _NAMED if name in row.given}
    return ContenderFields(provider=provider, **fields)


def _fields_of(provider: Provider) -> ProviderFields:
    return ProviderFields(**{name: getattr(provider, name) for name in ProviderFields.__dataclass_fields__})
