"""How messages name images: by their content, so that a task's digest follows the picture. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

__all__ = ["images_in", "reference_to", "referred_to", "replaced", "urls_in"]

_REFERENCE = re.compile(r"image:sha256:([0-9a-f]{64})")


def reference_to(sha256: str) -> str:
    """What stands in a message where an image is meant: `image:sha256:…`."""
    return f"image:sha256:{sha256}"


def referred_to(url: str) -> str | None:
    """The SHA-256 that such a reference names; None for anything else."""
    found = _REFERENCE.fullmatch(url)
    return found[1] if found else None


def images_in(messages: Iterable[Any]) -> list[str]:
    """The images that messages refer to, in their order, each as often as it stands there."""
    return [sha256 for url in urls_in(messages) if (sha256 := referred_to(url)) is not None]


def urls_in(messages: Iterable[Any]) -> list[str]:
    """Of every image in the messages, whatever it is; empty where a part has none."""
    return [_url_of(part) for part in _parts(messages)]


def _url_of(part: Mapping[str, Any]) -> str:
    """Of an `image_url` part: OpenAI's object, or the address alone."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return url if isinstance(url, str) else ""


def replaced(messages: Iterable[Mapping[str, Any]], change: Callable[[str], str]) -> list[dict[str, Any]]:
    """The messages, with each image's address changed. The given ones stay as they are."""
    return [_changed(message, change) for message in messages]


def _changed(message: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return dict(message)
    parts = [_with_url(part, change(_url_of(part))) if _is_image(part) else part for part in content]
    return {**message, "content": parts}


def _with_url(part: Mapping[str, Any], url: str) -> dict[str, Any]:
    image = part.get("image_url")
    return {**part, "image_url": {**image, "url": url} if isinstance(image, Mapping) else {"url": url}}


def _parts(messages: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, list):
            yield from (part for part in content if _is_image(part))


def _is_image(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "image_url"
