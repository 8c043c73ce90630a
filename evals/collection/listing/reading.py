"""What lists of models have in common: their limits, and values that are only taken if they make sense."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, DecimalException
from typing import Any

from evals.catalog.found import NAME_LENGTH, FoundModel
from evals.catalog.names import is_readable
from evals.collection.providers.errors import InvalidReply
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.wire import Endpoint, Limits

__all__ = [
    "LIMITS",
    "MOST_MODELS",
    "MOST_PAGES",
    "Listing",
    "answers_in_text",
    "document",
    "gathered",
    "members",
    "parsed",
    "positive",
    "price",
    "title_of",
    "usable_name",
]

# The longest list known, with hundreds of models and a description of each, has less than 2 MB.
LIMITS = replace(Limits(), body_bytes=16 << 20)
MOST_MODELS = 10_000
MOST_PAGES = 50
_TITLE_CHARS = 120
_DEAREST = Decimal(1_000_000)
# OpenAI's list has no types, and others follow it: what these names stand for does not answer in text.
_NO_TEXT = re.compile(
    r"embed|rerank|moderation|whisper|transcribe|(?:^|[-/_])tts(?:[-_]|$)|dall-e|gpt-image|(?:^|[/])sora|realtime|"
    r"stable-diffusion|(?:^|[/])flux",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Listing:
    """`no_text` are listed models that do not answer in text, `unusable` those without a name that can be asked for,
    and `cut` says that the list goes on beyond what is read."""

    models: tuple[FoundModel, ...] = ()
    no_text: int = 0
    unusable: int = 0
    cut: bool = False


async def document(exchange: Exchange, endpoint: Endpoint, url: str, *, headers: dict[str, str] | None = None) -> Any:
    """The JSON at `url`, which is on the endpoint's own host: the key goes there. Raises ProviderError."""
    if headers is None:
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    text = await exchange.text(Outgoing(url, {"Accept": "application/json", **headers}, method="GET"))
    return parsed(text)


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidReply(f"not a list of models: {text[:120]}", status_code=200) from None


def gathered(found: Iterable[FoundModel | None]) -> Listing:
    """`None` stands for a listed model that does not answer in text; an empty name for one that cannot be asked for.
    The first of each name counts."""
    models: dict[str, FoundModel] = {}
    no_text = unusable = 0
    for model in found:
        if model is None:
            no_text += 1
        elif not model.model_name:
            unusable += 1
        elif len(models) >= MOST_MODELS:
            return Listing(tuple(models.values()), no_text, unusable, cut=True)
        else:
            models.setdefault(model.model_name, model)
    return Listing(tuple(models.values()), no_text, unusable)


def members(document: Any, *names: str) -> Iterator[dict[str, Any]]:
    """The objects of a list, which is the document itself or under one of these names. A server without models says
    null. Raises InvalidReply where there is no list."""
    found: Any = document
    if isinstance(document, dict):
        known = [document[name] for name in names if name in document]
        if not known:
            raise InvalidReply(f"no list of models: {str(document)[:120]}", status_code=200)
        found = known[0] if known[0] is not None else []
    if not isinstance(found, list):
        raise InvalidReply(f"no list of models: {str(found)[:120]}", status_code=200)
    return (one for one in found if isinstance(one, dict))


def usable_name(value: Any) -> str:
    """Empty for a name that cannot be asked for or shown as it is: too long, or with characters that do not print."""
    if not isinstance(value, str) or not 0 < len(value) <= NAME_LENGTH or value != value.strip():
        return ""
    return value if is_readable(value) else ""


def title_of(value: Any) -> str:
    """A name to show; empty where it says nothing."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text[:_TITLE_CHARS] if is_readable(text) else ""


def answers_in_text(name: str) -> bool:
    return not _NO_TEXT.search(name)


def positive(*values: Any) -> int | None:
    """The first that is a count of tokens."""
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
            return value
    return None


def price(value: Any, *, per_tokens: int) -> Decimal | None:
    """Dollars per million tokens; None where it is unknown, which some lists write as -1."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value)[:40]) * (1_000_000 // per_tokens)
    except DecimalException:
        return None
    return round(found, 6) if found.is_finite() and 0 <= found < _DEAREST else None
