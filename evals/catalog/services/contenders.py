"""Writes of contenders. A contender in use is never edited; it gets a new revision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.db import transaction
from django.db.models import Max, Q, Subquery
from django.utils import timezone

from arena.errors import FieldError
from evals.catalog import gguf
from evals.catalog.names import is_clean, is_readable, is_reserved
from evals.catalog.price_list import PRICES
from evals.models import Contender, Provider
from evals.signals import contender_retired

__all__ = [
    "ContenderFields",
    "SavedContender",
    "freeze",
    "imported_contender",
    "newest_revision",
    "retire",
    "save_contender",
    "unretire",
]

FAMILY_LENGTH = Contender._meta.get_field("family").max_length or 0
_NAME_LENGTH = Contender._meta.get_field("model_name").max_length or 0
_CAPABILITIES = 40
_SOURCE_LENGTH = Contender._meta.get_field("price_source").max_length or 0
# Settings go into published tables and onto pages, so they must not contain secrets.
_SECRET_WORDS = ("api_key", "apikey", "authorization", "password", "secret", "token")
_NOT_SECRET = {"max_tokens", "max_completion_tokens", "max_output_tokens", "stop_token_ids", "min_tokens"}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Set by Arena in each request.
_OURS = {"messages", "model", "stream", "stream_options"}


@dataclass(frozen=True, kw_only=True)
class ContenderFields:
    """The fields an editor sets. The first three are frozen by the first use, the rest may change at any time."""

    provider: Provider
    model_name: str
    settings: dict[str, Any]
    tier: int = 1
    capabilities: tuple[str, ...] = ()
    context_tokens: int | None = None
    usd_per_mtok_input: Decimal | None = None
    usd_per_mtok_output: Decimal | None = None
    usd_per_mtok_cached_input: Decimal | None = None
    usd_per_mtok_cache_write: Decimal | None = None
    usd_per_mtok_reasoning: Decimal | None = None
    price_source: str = ""
    # Left out, or left as it was: the day on which a price last changed.
    priced_at: date | None = None

    FREE = ("tier", "capabilities", "context_tokens", *PRICES, "price_source", "priced_at")


@dataclass(frozen=True)
class SavedContender:
    contender: Contender
    how: Literal["created", "changed", "revised", "unchanged"]


@transaction.atomic
def save_contender(*, slug: str, fields: ContenderFields, contender: Contender | None = None) -> SavedContender:
    """Create `slug`, or edit `contender`.

    Editing one that is in use makes the next revision of its family if a frozen setting differs, and keeps the
    old one; fields that are not frozen change in place. Without `contender`, a slug that exists is an error.
    """
    _check_fields(fields)
    _check_prices(fields)
    if contender is None:
        _check_new_slug(slug)
        return SavedContender(_create(family=slug, revision=1, fields=_dated(fields, None)), "created")
    # Locked: a run may be freezing it at this moment.
    current = Contender.objects.select_for_update(of=("self",)).select_related("provider").get(pk=contender.pk)
    if current.provider.kind == Provider.Kind.IMPORTED:
        raise FieldError("slug", "Its outputs were collected elsewhere, so there are no settings to edit.")
    fields = _dated(fields, current)
    if _frozen_differs(current, fields) and current.used_at is not None:
        top = Contender.objects.filter(family=current.family).aggregate(top=Max("revision"))["top"]
        return SavedContender(_create(family=current.family, revision=top + 1, fields=fields), "revised")
    if not _frozen_differs(current, fields) and not _free_differs(current, fields):
        return SavedContender(current, "unchanged")
    current.provider, current.model_name, current.settings = fields.provider, fields.model_name, fields.settings
    _set_free(current, fields)
    current.save()
    return SavedContender(current, "changed")


def newest_revision(slug: str) -> Contender | None:
    """The revision that `slug` means in a file: itself if it names one (`gpt-x@2`), else the family's newest."""
    of_family = Contender.objects.select_related("provider").filter(family=slug).order_by("-revision").first()
    return of_family or Contender.objects.select_related("provider").filter(slug=slug).first()


def freeze(contender: Contender) -> None:
    """Mark the first use, and keep the provider's kind and address as they are now. Idempotent."""
    provider = Provider.objects.filter(pk=contender.provider_id)
    Contender.objects.filter(pk=contender.pk, used_at=None).update(
        used_at=timezone.now(),
        kind=Subquery(provider.values("kind")),
        base_url=Subquery(provider.values("base_url")),
    )
    contender.refresh_from_db(fields=["used_at", "kind", "base_url"])


@transaction.atomic
def imported_contender(*, slug: str, model_name: str = "") -> Contender:
    """The contender called `slug`, or a new one whose outputs or votes were collected elsewhere.

    Any printable name is kept as it is, so that exports contain the file's own names. `gpt-x@2` is revision 2 of
    `gpt-x`. It counts as used from the start, since it has nothing to edit.
    """
    known = Contender.objects.filter(slug=slug).first()
    if known is not None:
        return known
    _check_imported_slug(slug)
    provider, _ = Provider.objects.get_or_create(
        slug="imported",
        defaults={"name": "Collected elsewhere", "kind": Provider.Kind.IMPORTED, "base_url": ""},
    )
    family, revision = _split(slug)
    made, _ = Contender.objects.get_or_create(
        slug=slug,
        defaults={
            "family": family,
            "revision": revision,
            "provider": provider,
            "model_name": model_name or slug,
            "kind": Provider.Kind.IMPORTED,
            "used_at": timezone.now(),
        },
    )
    return made


@transaction.atomic
def retire(*, contender: Contender) -> bool:
    """It is no longer asked or drawn; its votes stay. False if it was retired already."""
    return _set_retired(contender, retired=True)


@transaction.atomic
def unretire(*, contender: Contender) -> bool:
    return _set_retired(contender, retired=False)


def _set_retired(contender: Contender, *, retired: bool) -> bool:
    at = timezone.now() if retired else None
    changed = Contender.objects.filter(pk=contender.pk, retired_at__isnull=retired).update(retired_at=at)
    contender.refresh_from_db(fields=["retired_at"])
    if not changed:
        return False
    contender_retired.send(sender=Contender, contender=contender)
    return True


def _create(*, family: str, revision: int, fields: ContenderFields) -> Contender:
    made = Contender(
        slug=family if revision == 1 else f"{family}@{revision}",
        family=family,
        revision=revision,
        provider=fields.provider,
        model_name=fields.model_name,
        settings=fields.settings,
    )
    _set_free(made, fields)
    made.save()
    return made


def _set_free(contender: Contender, fields: ContenderFields) -> None:
    for name in ContenderFields.FREE:
        value = getattr(fields, name)
        setattr(contender, name, list(value) if name == "capabilities" else value)


def _frozen_differs(current: Contender, fields: ContenderFields) -> bool:
    """True also if the provider has moved since: a frozen contender keeps the address it was measured at."""
    moved = current.used_at is not None and (current.kind, current.base_url) != (
        fields.provider.kind,
        fields.provider.base_url,
    )
    return moved or (current.provider_id, current.model_name, current.settings) != (
        fields.provider.pk,
        fields.model_name,
        fields.settings,
    )


def _free_differs(current: Contender, fields: ContenderFields) -> bool:
    given = [getattr(fields, name) for name in ContenderFields.FREE]
    return given != [
        tuple(getattr(current, name)) if name == "capabilities" else getattr(current, name)
        for name in ContenderFields.FREE
    ]


def _check_fields(fields: ContenderFields) -> None:
    if fields.provider.kind == Provider.Kind.IMPORTED:
        raise FieldError("provider", f"{fields.provider.slug} cannot be asked. Choose another provider.")
    _check_names(fields)
    for name in fields.settings:
        if name in _OURS:
            raise FieldError("settings", f"{name} is set by Arena for each request. Leave it out.")
    for name in _secrets(fields.settings):
        raise FieldError("settings", f"{name} looks like a secret. Keys belong to the provider.")
    for text in (fields.model_name, fields.price_source, *fields.capabilities, *_texts(fields.settings)):
        if _UNSTORABLE.search(text):
            raise FieldError("settings", f"{text[:40]!r} contains a character that no database stores. Leave it out.")


def _check_prices(fields: ContenderFields) -> None:
    for name in PRICES:
        price = getattr(fields, name)
        if price is not None and price < 0:
            raise FieldError(name, "A price is 0 or more. Leave it empty if it is not known.")
    for name, base, side in (
        ("usd_per_mtok_cached_input", fields.usd_per_mtok_input, "in"),
        ("usd_per_mtok_cache_write", fields.usd_per_mtok_input, "in"),
        ("usd_per_mtok_reasoning", fields.usd_per_mtok_output, "out"),
    ):
        if getattr(fields, name) is not None and base is None:
            raise FieldError(name, f"Give the price of tokens {side} as well: this one is for some of them.")
    if len(fields.price_source) > _SOURCE_LENGTH:
        raise FieldError("price_source", f"Use up to {_SOURCE_LENGTH} characters.")
    # A day more, for those whose calendar is ahead of UTC.
    if fields.priced_at is not None and fields.priced_at > datetime.now(UTC).date() + timedelta(days=1):
        raise FieldError("priced_at", f"{fields.priced_at} has not come yet. Write the day the prices were checked.")


def _dated(fields: ContenderFields, current: Contender | None) -> ContenderFields:
    """With the day its prices were typed, if they are new and no day was given. Without any price, neither a day nor a
    source is kept."""
    prices = [getattr(fields, name) for name in PRICES]
    if not any(price is not None for price in prices):
        return replace(fields, priced_at=None, price_source="")
    before = [] if current is None else [getattr(current, name) for name in PRICES]
    kept = None if current is None else current.priced_at
    if fields.priced_at not in (None, kept):
        return fields
    return replace(fields, priced_at=kept if prices == before else datetime.now(UTC).date())


def _check_names(fields: ContenderFields) -> None:
    if not fields.model_name.strip():
        raise FieldError("model_name", "Give the provider's own id of the model, such as gpt-6-luna.")
    if len(fields.model_name) > _NAME_LENGTH:
        raise FieldError("model_name", f"{fields.model_name[:40]}… is longer than {_NAME_LENGTH} characters.")
    if len(fields.capabilities) > _CAPABILITIES or any(len(word) > _CAPABILITIES for word in fields.capabilities):
        raise FieldError("capabilities", f"Give up to {_CAPABILITIES} words of up to {_CAPABILITIES} letters.")
    if fields.provider.kind == Provider.Kind.LLAMA_CPP:
        try:
            gguf.check_name(fields.model_name)
        except gguf.GgufError as error:
            raise FieldError("model_name", str(error)) from error


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _secrets(value: Any, *, inside: bool = False) -> Iterator[str]:
    """Names of fields that look like secrets. Nested ones count only if they hold a string: the schema of a tool may
    have a property called password."""
    if isinstance(value, dict):
        for name, one in value.items():
            if _names_secret(name) and (not inside or isinstance(one, str)):
                yield name
            yield from _secrets(one, inside=True)
    elif isinstance(value, list):
        for one in value:
            yield from _secrets(one, inside=True)


def _names_secret(name: str) -> bool:
    plain = name.lower().replace("-", "_")
    return plain not in _NOT_SECRET and any(word in plain for word in _SECRET_WORDS)


def _check_new_slug(slug: str) -> None:
    if is_reserved(slug):
        raise FieldError("slug", f"{slug} is reserved for Arena's own addresses. Choose another name.")
    if "@" in slug:
        raise FieldError("slug", f"{slug}: Arena numbers the revisions itself. Leave out the @.")
    if not is_clean(slug) or len(slug) > FAMILY_LENGTH:
        raise FieldError("slug", f"{slug!r}: use up to {FAMILY_LENGTH} letters, digits, dots, dashes and underscores.")
    if Contender.objects.filter(Q(slug=slug) | Q(family=slug)).exists():
        raise FieldError("slug", f"{slug} already exists. Edit it, or choose another name.")


def _check_imported_slug(slug: str) -> None:
    if not slug or slug != slug.strip() or not is_readable(slug):
        raise FieldError("slug", f"{slug!r} is not a name for a contender: use printable characters.")
    if len(slug) > FAMILY_LENGTH:
        raise FieldError("slug", f"{slug[:40]}… is longer than {FAMILY_LENGTH} characters.")
    if is_reserved(slug):
        raise FieldError("slug", f"{slug} is reserved for Arena's own addresses. Map it to another name.")


def _split(slug: str) -> tuple[str, int]:
    """Family and revision; a family of its own where that revision is taken under another slug."""
    family, _, number = slug.rpartition("@")
    if family and number.isascii() and number.isdigit() and 2 <= int(number) <= 9999 and number == str(int(number)):
        taken = Contender.objects.filter(family=family, revision=int(number)).exists()
        if not taken:
            return family, int(number)
    return slug, 1
