"""Contenders and their providers from a file: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction

from evals.models import Contender, Provider
from evals.services.contenders.files import ContenderRow, read_contenders
from evals.services.contenders.presets import preset
from evals.services.contenders.providers import ProviderFields, check_provider, store_provider
from evals.services.contenders.saving import ContenderFields, newest_revision, save_contender
from evals.services.fields import FieldError
from evals.services.importing.errors import Problems
from evals.services.importing.lines import Source

__all__ = ["ContendersImported", "Line", "import_contenders"]

# Fields of a row that speak of its provider.
_OF_PROVIDER = ("kind", "base_url", "api_key_env", "locality")


@dataclass(frozen=True)
class Line:
    """What became of one thing. `was` names the revision that stays as it is, where a new one was made."""

    what: Literal["provider", "contender"]
    slug: str
    how: Literal["created", "changed", "revised", "unchanged"]
    was: str = ""


@dataclass(frozen=True)
class ContendersImported:
    lines: tuple[Line, ...]

    def count(self, how: str) -> int:
        return sum(line.how == how for line in self.lines)


def import_contenders(*, source: Source) -> ContendersImported:
    """Raises RefusedError, with the reasons by line, and writes nothing then. A file twice changes nothing."""
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
class _Wanted:
    """A provider as the file wants it. `line` is the first that names it."""

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
            problems.add(row.line, f"names {row.slug}, a family that line {first[family]} names already. Keep one.")
        first.setdefault(family, row.line)


def _providers(rows: Iterable[ContenderRow], problems: Problems) -> list[_Wanted]:
    """What rows say of a provider, put together; a contradiction, or what cannot be, goes to `problems`."""
    said: dict[str, dict[str, tuple[int, Any]]] = {}
    for row in rows:
        of_provider = said.setdefault(row.given["provider"], {"line": (row.line, row.line)})
        for name in _OF_PROVIDER:
            value = row.given.get(name)
            if value is None:
                continue
            line, other = of_provider.setdefault(name, (row.line, value))
            if other != value:
                problems.add(row.line, f"has {name} {value!r} for {row.given['provider']}; line {line} says {other!r}.")
    known = {one.slug: one for one in Provider.objects.filter(slug__in=said)}
    wanted = []
    for slug, values in said.items():
        line = values.pop("line")[0]
        fields = _merged(slug, {name: value for name, (_, value) in values.items()}, known.get(slug))
        try:
            check_provider(slug=slug, fields=fields, provider=known.get(slug))
        except FieldError as error:
            problems.add(values.get(error.field, (line,))[0], f"{error.field}: {error}")
            continue
        wanted.append(_Wanted(line, slug, fields, known.get(slug)))
    return wanted


def _merged(slug: str, given: dict[str, Any], known: Provider | None) -> ProviderFields:
    """What is stored, or else our preset of that name, with what the file gives over it."""
    if known is not None:
        base = {name: getattr(known, name) for name in ProviderFields.__dataclass_fields__}
        return ProviderFields(**(base | given))
    base = {"name": slug, "base_url": ""}
    by_name = preset(slug)
    if by_name is not None:
        base |= {
            "name": by_name.name,
            "base_url": by_name.base_url,
            "locality": by_name.locality,
            "api_key_env": by_name.key_env,
            "max_concurrency": by_name.max_concurrency,
        }
    return ProviderFields(**(base | given))


def _store_providers(wanted: list[_Wanted], problems: Problems) -> tuple[dict[str, Provider], list[Line]]:
    stored: dict[str, Provider] = {}
    lines: list[Line] = []
    for one in wanted:
        if one.known is not None and one.fields == _fields_of(one.known):
            stored[one.slug] = one.known
            lines.append(Line("provider", one.slug, "unchanged"))
            continue
        try:
            stored[one.slug] = store_provider(slug=one.slug, fields=one.fields, provider=one.known)
        except FieldError as error:
            problems.add(one.line, f"{one.slug}: {error}")
        else:
            lines.append(Line("provider", one.slug, "changed" if one.known else "created"))
    return stored, lines


def _store_contender(row: ContenderRow, provider: Provider, problems: Problems) -> list[Line]:
    known = newest_revision(row.slug)
    fields = _contender_fields(row, provider, known)
    try:
        saved = save_contender(slug=row.slug, fields=fields, contender=known)
    except FieldError as error:
        problems.add(row.line, f"{error.field}: {error}")
        return []
    was = known.slug if known is not None and saved.how == "revised" else ""
    return [Line("contender", saved.contender.slug, saved.how, was)]


def _contender_fields(row: ContenderRow, provider: Provider, known: Contender | None) -> ContenderFields:
    """The file's fields over those of the newest revision: what a file leaves out stays as it is."""
    base: dict[str, Any] = {"settings": {}}
    if known is not None:
        base = {name: getattr(known, name) for name in ("settings", *ContenderFields.FREE)}
        base["capabilities"] = tuple(base["capabilities"])
    names = ("model_name", "settings", *ContenderFields.FREE)
    return ContenderFields(provider=provider, **(base | {name: row.given[name] for name in names if name in row.given}))


def _fields_of(provider: Provider) -> ProviderFields:
    return ProviderFields(**{name: getattr(provider, name) for name in ProviderFields.__dataclass_fields__})
