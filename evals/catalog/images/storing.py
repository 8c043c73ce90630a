"""Keeps images under Django's storage, by their content. The file is written before the row that names it: a process
killed in between leaves a file that the next storing of the same image takes up."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from evals.catalog.images.encoding import PNG, EncodedImage, ImageRefusedError, media_type_of
from evals.catalog.images.references import images_in, referred_to, replaced
from evals.models import Image, ImageSource

__all__ = [
    "ImageMissingError",
    "data_url",
    "image_bytes",
    "keep_file",
    "keep_rows",
    "known_image",
    "remember_sources",
    "with_images",
]


class ImageMissingError(Exception):
    """An image's file is not where it was stored; the message says which, and what to do."""


def keep_file(image: EncodedImage) -> None:
    """Write the file, whole or not at all. Needs no database. Raises ImageRefusedError where there is no place for it,
    OSError where the place fails."""
    name = _name(image.sha256)
    if default_storage.exists(name):
        return
    try:
        default_storage.save(name, ContentFile(image.data))
    except ImproperlyConfigured as error:
        raise ImageRefusedError(f"cannot be kept: {error}") from None


def keep_rows(images: Iterable[EncodedImage]) -> None:
    """Of images whose files are kept. For a transaction of the caller's; images that have rows are left alone. In one
    order, so that two workers never deadlock."""
    Image.objects.bulk_create(
        [
            Image(
                sha256=one.sha256,
                media_type=one.media_type,
                width=one.width,
                height=one.height,
                size=one.size,
                file=_name(one.sha256),
            )
            for _, one in sorted({image.sha256: image for image in images}.items())
        ],
        ignore_conflicts=True,
    )


def known_image(source_sha256: str, *, png: bool) -> str | None:
    """The stored image that these bytes became when they were imported before, or are themselves."""
    found = ImageSource.objects.filter(sha256=source_sha256, png=png).values_list("image__sha256", flat=True).first()
    if found is not None:
        return found
    stored = Image.objects.filter(sha256=source_sha256)
    stored = stored.filter(media_type=PNG) if png else stored
    return stored.values_list("sha256", flat=True).first()


def remember_sources(sources: Mapping[str, str], *, png: bool) -> None:
    """`sources`: the SHA-256 of what was imported, to that of the stored image, whose row exists."""
    ids = dict(Image.objects.filter(sha256__in=set(sources.values())).values_list("sha256", "pk"))
    ImageSource.objects.bulk_create(
        [ImageSource(sha256=source, png=png, image_id=ids[sha256]) for source, sha256 in sources.items()],
        ignore_conflicts=True,
    )


def image_bytes(sha256: str) -> bytes:
    """Raises ImageMissingError. Needs no database."""
    try:
        with default_storage.open(_name(sha256), "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise ImageMissingError(
            f"the file of image {sha256[:12]} is not at {_name(sha256)} under ARENA_MEDIA: bring it back from a "
            "backup, or import the task set again"
        ) from None
    except ImproperlyConfigured as error:
        raise ImageMissingError(str(error)) from None


def data_url(sha256: str) -> str:
    """The stored image itself, as an address. Raises ImageMissingError."""
    stored = image_bytes(sha256)
    return f"data:{media_type_of(stored)};base64,{base64.b64encode(stored).decode()}"


def with_images(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages with their images in them, as providers take them. Raises ImageMissingError; needs no database."""
    messages = [dict(message) for message in messages]
    urls = {sha256: data_url(sha256) for sha256 in set(images_in(messages))}
    return replaced(messages, lambda url: urls.get(referred_to(url) or "", url))


def _name(sha256: str) -> str:
    return f"images/{sha256[:2]}/{sha256}"
