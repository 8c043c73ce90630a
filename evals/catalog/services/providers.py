"""Writes of providers. A key is stored encrypted and is sent only to the address it was typed for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db import transaction

from arena.errors import FieldError
from arena.net.rules import OutboundRefused, allowed_addresses
from arena.sealing import SealError, seal, unseal
from evals.catalog.names import is_clean, is_reserved
from evals.models import Provider

__all__ = [
    "KeyUnreadableError",
    "ProviderFields",
    "api_key",
    "check_base_url",
    "check_provider",
    "origin",
    "save_provider",
    "store_provider",
]

_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]*_(?:KEY|TOKEN)")
# Arena's own secrets, and variables whose names say that they are not keys of a model provider.
_ENV_REFUSED = re.compile(r"SECRET_KEY|ARENA_.*|.*SECRET.*|.*PRIVATE.*|.*SIGNING.*|.*ENCRYPTION.*")
_LENGTHS = {"name": 120, "base_url": 500, "api_key_env": 120}


@dataclass(frozen=True, kw_only=True)
class ProviderFields:
    """Limits per minute are None where there is none."""

    name: str
    base_url: str
    locality: str = Provider.Locality.HOSTED
    kind: str = Provider.Kind.OPENAI
    api_key_env: str = ""
    max_concurrency: int = 4
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    first_token_timeout_s: float = 60
    total_timeout_s: float = 300


def save_provider(
    *, slug: str, fields: ProviderFields, api_key: str | None = None, provider: Provider | None = None
) -> Provider:
    """Create `slug`, or edit `provider` (whose slug stays).

    `api_key` None keeps the stored key, empty deletes it. A stored key is not sent to another host: for a new address
    it must be typed again. Contenders in use keep the address they were measured at.
    """
    check_provider(slug=slug, fields=fields, provider=provider)
    return store_provider(slug=slug, fields=fields, api_key=api_key, provider=provider)


def check_provider(*, slug: str, fields: ProviderFields, provider: Provider | None = None) -> None:
    """The part of `save_provider` that belongs outside a transaction: resolving the host's name may take seconds, and
    SQLite has one writer."""
    if provider is None:
        _check_slug(slug)
    _check(fields)
    if fields.base_url and (provider is None or provider.base_url != fields.base_url):
        _check_allowed(fields.base_url)


@transaction.atomic
def store_provider(
    *, slug: str, fields: ProviderFields, api_key: str | None = None, provider: Provider | None = None
) -> Provider:
    """The rest of `save_provider`, for fields that `check_provider` accepted."""
    if provider is None:
        if Provider.objects.filter(slug=slug).exists():
            raise FieldError("slug", f"{slug} already exists. Edit it, or choose another name.")
        provider = Provider(slug=slug)
    else:
        provider = Provider.objects.select_for_update().get(pk=provider.pk)
        moved = origin(provider.base_url) != origin(fields.base_url)
        if moved and provider.api_key_encrypted and api_key is None:
            raise FieldError(
                "api_key",
                f"The stored key was typed for {origin(provider.base_url)} and is not sent elsewhere. "
                "Type the key for the new address, or delete the stored one.",
            )
    if fields.kind == Provider.Kind.LLAMA_CPP and (provider.api_key_encrypted if api_key is None else api_key):
        raise FieldError("api_key", "A model file needs no key. Leave it empty, or delete the stored one.")
    for name in ProviderFields.__dataclass_fields__:
        setattr(provider, name, getattr(fields, name))
    if api_key is not None:
        provider.api_key_encrypted = seal(api_key) if api_key else ""
    provider.save()
    return provider


def origin(url: str) -> str:
    """Scheme, host and port: what a key may be sent to."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def check_base_url(url: str) -> None:
    """Raises FieldError unless `url` can be the base URL of a provider."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        problem = f"{url!r} is not an address. Write one such as https://api.openai.com/v1."
        raise FieldError("base_url", problem) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise FieldError("base_url", f"{url!r}: write an http or https address such as https://api.openai.com/v1.")
    if parts.hostname.startswith("your-"):
        placeholder = parts.hostname.partition(".")[0]
        raise FieldError("base_url", f"Replace {placeholder} in the address with the name of your own.")
    if parts.username or parts.password:
        raise FieldError("base_url", "Leave name and password out of the address; the key has its own field.")
    if parts.query or parts.fragment:
        raise FieldError("base_url", f"{url!r}: leave out everything from ? or # on.")


def _check(fields: ProviderFields) -> None:
    if not fields.name.strip():
        raise FieldError("name", "Give it a name.")
    for name, longest in _LENGTHS.items():
        if len(getattr(fields, name)) > longest:
            # The value is not repeated: it may be a key.
            raise FieldError(name, f"At most {longest} characters are kept. Write a shorter one.")
    if fields.kind == Provider.Kind.IMPORTED:
        raise FieldError("kind", "Only imports create providers of this kind. Choose a provider that can be asked.")
    if fields.kind not in Provider.Kind.values:
        askable = ", ".join(kind for kind in Provider.Kind.values if kind != Provider.Kind.IMPORTED)
        raise FieldError("kind", f"{fields.kind!r} is not known. Use one of: {askable}.")
    if fields.locality not in Provider.Locality.values:
        raise FieldError("locality", f"{fields.locality!r} is not known. Use local or hosted.")
    if fields.kind == Provider.Kind.LLAMA_CPP:
        _check_file_provider(fields)
    else:
        check_base_url(fields.base_url)
    _check_key_variable(fields.api_key_env)
    _check_limits(fields)


def _check_key_variable(variable: str) -> None:
    if variable and (not _ENV_NAME.fullmatch(variable) or _ENV_REFUSED.fullmatch(variable)):
        raise FieldError(
            "api_key_env",
            # The value is not repeated: it may be the key itself.
            "Write the name of a variable that ends in _KEY or _TOKEN and is not one of Arena's own secrets.",
        )


def _check_limits(fields: ProviderFields) -> None:
    if fields.max_concurrency < 1:
        raise FieldError("max_concurrency", "Allow at least 1 request at a time.")
    for name in ("requests_per_minute", "tokens_per_minute"):
        limit = getattr(fields, name)
        if limit is not None and not 1 <= limit < 2**31:
            raise FieldError(name, "Allow at least 1 a minute, or leave it empty for no limit.")
    if not 0 < fields.first_token_timeout_s <= fields.total_timeout_s:
        raise FieldError("first_token_timeout_s", "This must be more than 0 and at most the total time.")


def _check_file_provider(fields: ProviderFields) -> None:
    if fields.base_url:
        raise FieldError("base_url", "Leave it empty: Arena starts llama.cpp itself, and contenders name the file.")
    if fields.locality != Provider.Locality.LOCAL:
        raise FieldError("locality", "A model file on this machine is local. Choose local.")
    if fields.api_key_env:
        raise FieldError("api_key_env", "A model file needs no key. Leave it empty.")


def _check_allowed(base_url: str) -> None:
    """A host name that cannot be resolved now is accepted: the machine may be offline. Each call checks again."""
    parts = urlsplit(base_url)
    tls = parts.scheme == "https"
    try:
        allowed_addresses(str(parts.hostname), parts.port or (443 if tls else 80), tls=tls)
    except OutboundRefused as error:
        raise FieldError("base_url", f"{error.detail}.") from error
    except UnicodeError:
        raise FieldError("base_url", f"{parts.hostname!r} is not a host name.") from None
    except OSError:
        return


def _check_slug(slug: str) -> None:
    if is_reserved(slug):
        raise FieldError("slug", f"{slug} is reserved for Arena's own addresses. Choose another name.")
    if not is_clean(slug) or "." in slug or len(slug) > 80:
        raise FieldError("slug", f"{slug!r}: use up to 80 letters, digits, dashes and underscores.")


class KeyUnreadableError(Exception):
    """A stored key was encrypted with another ARENA_ENCRYPTION_KEY."""


def api_key(provider: Provider) -> str | None:
    """The key to send: the one typed, or the environment's; None if the provider has neither."""
    if not provider.api_key_encrypted:
        return os.environ.get(provider.api_key_env) or None if provider.api_key_env else None
    try:
        return unseal(provider.api_key_encrypted)
    except SealError as error:
        raise KeyUnreadableError(f"The key of {provider.slug} was {error}. Restore it or type a new one.") from None
