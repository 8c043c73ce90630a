"""Images in responses: to those who may see them, which the views decide."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse

from evals.catalog.images.encoding import media_type_of
from evals.catalog.images.storing import ImageMissingError, image_bytes

__all__ = ["image_addresses", "image_response", "nth"]

log = logging.getLogger(__name__)


def nth(images: Sequence[str] | None, n: int) -> str | None:
    """Counted from 1; None if there is none."""
    return images[n - 1] if images and 1 <= n <= len(images) else None


def image_addresses(request: Any, name: str, pk: int, images: Sequence[str]) -> list[str]:
    """Where the images of a row are served: `name` takes its key and the image's number."""
    return [request.build_absolute_uri(reverse(name, args=[pk, n])) for n in range(1, len(images) + 1)]


def image_response(sha256: str | None) -> HttpResponse:
    """The stored bytes. Nothing keeps them, and no header tells a name, a date or a digest. A 404 for None."""
    if sha256 is None:
        raise Http404
    try:
        stored = image_bytes(sha256)
    except ImageMissingError as error:
        log.error("An image cannot be shown: %s.", error)
        return HttpResponse(status=HTTPStatus.NOT_FOUND, headers={"Cache-Control": "private, no-store"})
    return HttpResponse(
        stored,
        content_type=media_type_of(stored),
        headers={
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": "inline",
        },
    )
