"""Where files are kept that are not in the database: a folder, unless `ARENA_MEDIA` names a bucket."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

__all__ = ["FolderStorage", "NoStorage"]


class FolderStorage(FileSystemStorage):
    """A file appears under its name once all of it is on the disk, and replaces one of the same name: names follow from
    the content."""

    def __init__(self, *, location: str) -> None:
        super().__init__(location=location, base_url="", allow_overwrite=True)

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).chmod(0o640)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return name


class NoStorage(Storage):
    """For a production start that names no place: what it would lose is refused."""

    def __init__(self, *, variable: str) -> None:
        self._variable = variable

    def _refuse(self) -> NoReturn:
        raise ImproperlyConfigured(
            f"{self._variable} is not set, so there is no place to keep images. Set it to a folder that web and "
            "workers share, or to s3://bucket/prefix."
        )

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        self._refuse()

    def _save(self, name: str, content: File[Any]) -> str:
        self._refuse()

    def exists(self, name: str) -> bool:
        return False
