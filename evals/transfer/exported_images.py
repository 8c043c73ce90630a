"""Images of an export: files in a folder beside it, under names by their content, or data: URLs in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.catalog.images.encoding import JPEG, media_type_of
from evals.catalog.images.references import referred_to, replaced
from evals.catalog.images.storing import ImageMissingError, image_bytes
from evals.transfer.files.writing import ExportError, whole_file

__all__ = ["ImagesBeside", "ImagesInline"]


class ImagesBeside:
    """`tasks.jsonl` has its images in `tasks-images/`, which is made with the first of them."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self._folder = path.with_name(f"{path.stem}-images")
        self._names: dict[str, str] = {}

    def named_in(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The messages with each image named by its file, which is written."""
        return replaced(messages, lambda url: self.name_of(found) if (found := referred_to(url)) else url)

    def name_of(self, sha256: str) -> str:
        """The path below the export's folder. Raises ExportError for an image whose file is gone."""
        if sha256 not in self._names:
            self._names[sha256] = self._written(sha256)
        return self._names[sha256]

    def _written(self, sha256: str) -> str:
        try:
            stored = image_bytes(sha256)
        except ImageMissingError as error:
            raise ExportError(f"Not exported: {error}.") from None
        name = f"{sha256}{'.jpg' if media_type_of(stored) == JPEG else '.png'}"
        try:
            self._folder.mkdir(exist_ok=True)
            with whole_file(self._folder / name, "wb") as file:
                file.write(stored)
        except OSError as error:
            raise ExportError(f"{self._folder}: {error.strerror}.") from None
        return f"{self._folder.name}/{name}"


class ImagesInline:
    """Each image is a data: URL where it is named, for an export that is one file."""

    def named_in(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return replaced(messages, lambda url: _data_url(found) if (found := referred_to(url)) else url)


def _data_url(sha256: str) -> str:
    try:
        stored = image_bytes(sha256)
    except ImageMissingError as error:
        raise ExportError(f"Not exported: {error}.") from None
    return f"data:{media_type_of(stored)};base64,{base64.b64encode(stored).decode()}"
