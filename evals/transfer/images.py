"""Images that a file to be imported names: beside it, uploaded with it, inline, or at an address.

Each is read and decoded once, and kept in a folder of the import's own until its rows are written, so that a refused
file and a dry run leave nothing behind.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

from arena.net.rules import OutboundRefused
from evals.catalog.images.encoding import LIMITS, EncodedImage, ImageRefusedError, encode
from evals.catalog.images.references import reference_to, referred_to, replaced, urls_in
from evals.catalog.images.storing import keep_file, keep_rows, known_image, remember_sources
from evals.catalog.names import BadValueError
from evals.models import Image
from evals.transfer.files.errors import UnreadableError

if TYPE_CHECKING:
    import httpx

__all__ = [
    "MOST_IMAGES",
    "UPLOADED",
    "FilesBeside",
    "ImageFiles",
    "ImportLimits",
    "ImportedImages",
    "NoFiles",
    "UploadedFiles",
]

# Of one task, and of one answer.
MOST_IMAGES = 16
_FETCH_S = 20.0
_SHOWN = 80


@dataclass(frozen=True)
class ImportLimits:
    """Of one import: new images, their bytes in all, and addresses that are fetched."""

    images: int = 20_000
    total_bytes: int = 2 << 30
    fetches: int = 5_000


# Somebody waits for a page or a request; larger imports are for the command.
UPLOADED = ImportLimits(images=2_000, total_bytes=200 << 20, fetches=50)


class ImageFiles(Protocol):
    """Where an import finds the files that it names."""

    def read(self, name: str) -> bytes:
        """At most one byte more than an image may have. Raises BadValueError."""
        ...


class NoFiles:
    """For imports that are not from a file."""

    def read(self, name: str) -> bytes:
        raise BadValueError("is neither a data: URL nor an http(s) address; files cannot be sent here.")


class FilesBeside:
    """Files in the folder of the import's own file, or below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def read(self, name: str) -> bytes:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name:
            raise BadValueError("leaves the folder of the import file. Name files by their path below it.")
        try:
            found = (self._folder / path).resolve(strict=True)
        except (OSError, RuntimeError):
            raise BadValueError("is not there, beside the import file.") from None
        if not found.is_relative_to(self._folder):
            raise BadValueError("is a link that leaves the folder of the import file. Copy the file there.")
        if not found.is_file():
            raise BadValueError("is not a file.")
        try:
            with found.open("rb") as stream:
                return stream.read(LIMITS.bytes + 1)
        except OSError as error:
            raise BadValueError(f"cannot be read: {error.strerror}.") from None


_DIRECTORY_BYTES = 4 << 20
_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
# Before that one in archives of the extended form, whose numbers are then the ones that count.
_EXTENDED, _EXTENDED_BYTES = b"PK\x06\x07", 20
# Those of which zipfile unpacks as much as it is asked for, and no more.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class UploadedFiles:
    """Files that were uploaded together: images by their names, and what ZIP archives hold by its path in them."""

    def __init__(self, files: Iterable[tuple[str, BinaryIO]] = ()) -> None:
        """Raises UnreadableError for an archive that cannot be read."""
        self._files: dict[str, BinaryIO] = {}
        self._packed: dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]] = {}
        for name, stream in files:
            if stream.read(4).startswith((b"PK\x03\x04", b"PK\x05\x06")):
                self._open(name, stream)
            elif self._files.setdefault(name, stream) is not stream:
                raise UnreadableError(f"Two images are called {name}. Rename one, or put them into a ZIP archive.")

    def _open(self, name: str, stream: BinaryIO) -> None:
        _check_directory(name, stream)
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise UnreadableError(f"{name} is not a ZIP archive that can be read: {error}.") from None
        for entry in archive.infolist():
            path = entry.filename.removeprefix("./")
            if not entry.is_dir() and path in self._packed:
                raise UnreadableError(f"{name}: {path[:_SHOWN]} is packed twice. Keep one.")
            self._packed[path] = (archive, entry)

    def read(self, name: str) -> bytes:
        path = name.removeprefix("./")
        if path in self._packed:
            return _unpacked(*self._packed[path])
        # Browsers tell no folders.
        stream = self._files.get(path) or self._files.get(PurePosixPath(path).name)
        if stream is None:
            raise BadValueError(
                "was not uploaded. Choose it under “Files it names”, or a ZIP archive that has it at this path."
            )
        stream.seek(0)
        return stream.read(LIMITS.bytes + 1)


def _check_directory(name: str, stream: BinaryIO) -> None:
    """Before it is read: the directory of an archive may list millions of entries."""
    size = stream.seek(0, 2)
    tail_bytes = min(size, _END_OF_DIRECTORY.size + (1 << 16))
    stream.seek(size - tail_bytes)
    tail = stream.read(tail_bytes)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_OF_DIRECTORY.size:
        raise UnreadableError(f"{name} is a ZIP archive that is cut off. Pack it again.")
    *_, entries, directory, _, _ = _END_OF_DIRECTORY.unpack_from(tail, at)
    extended = size - tail_bytes + at - _EXTENDED_BYTES
    stream.seek(max(extended, 0))
    is_extended = extended >= 0 and stream.read(len(_EXTENDED)) == _EXTENDED
    if entries == 0xFFFF or directory > _DIRECTORY_BYTES or is_extended:
        raise UnreadableError(f"{name} holds too many files; the limit is some 30,000. Split it.")
    stream.seek(0)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """However small it was packed: no more than one byte beyond the limit is unpacked."""
    if entry.compress_type not in _METHODS:
        raise BadValueError("is packed by a method that is not read. Pack the archive with deflate, the usual one.")
    try:
        with archive.open(entry) as stream:
            return stream.read(LIMITS.bytes + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise BadValueError(f"cannot be unpacked: {error}.") from None


class ImportedImages:
    """The images of one import. A context: what was not kept is gone at its end.

    with ImportedImages(FilesBeside(folder)) as images:
        messages = images.named_by_content(messages)
        images.keep_files()
        with transaction.atomic():
            images.keep_rows()
    """

    def __init__(
        self, files: ImageFiles | None = None, *, limits: ImportLimits | None = None, only_png: bool = False
    ) -> None:
        self._files = files or NoFiles()
        self._limits = limits or ImportLimits()
        self._only_png = only_png
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._http: httpx.Client | None = None
        self._by_source: dict[str, str | BadValueError] = {}
        # What came, to what is stored of it; and what is new of that, whose bytes are in the folder.
        self._stored_of: dict[str, str] = {}
        self._new: dict[str, EncodedImage] = {}
        self._bytes = self._fetches = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def named_by_content(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The messages of a task with each image named by its content. Raises BadValueError."""
        sources = urls_in(messages)
        if not sources:
            return [dict(message) for message in messages]
        named = dict(zip(sources, self.named(sources), strict=True))
        return replaced(messages, lambda source: reference_to(named[source]))

    def named(self, sources: Sequence[str]) -> list[str]:
        """The SHA-256 of the stored form of each. Raises BadValueError."""
        if len(sources) > MOST_IMAGES:
            raise BadValueError(f"has {len(sources)} images; the limit is {MOST_IMAGES}. Leave some out.")
        return [self._sha256_of(source, n) for n, source in enumerate(sources, start=1)]

    def keep_files(self) -> None:
        """Outside of any transaction: it takes its time."""
        for sha256, image in self._new.items():
            try:
                keep_file(replace(image, data=self._draft(sha256).read_bytes()))
            except ImageRefusedError as error:
                raise UnreadableError(f"An image {error}") from None

    def keep_rows(self) -> None:
        """In the transaction of what refers to them."""
        keep_rows(self._new.values())
        remember_sources(self._stored_of, png=self._only_png)

    def _sha256_of(self, source: str, n: int) -> str:
        """Each source is read once, however many tasks name it."""
        key = source if len(source) < 1000 else hashlib.sha256(source.encode()).hexdigest()
        if key not in self._by_source:
            try:
                self._by_source[key] = self._read(source)
            except (BadValueError, ImageRefusedError) as error:
                self._by_source[key] = BadValueError(str(error))
        found = self._by_source[key]
        if isinstance(found, BadValueError):
            shown = source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"
            raise BadValueError(f"image {n} (“{shown}”) {found}")
        return found

    def _read(self, source: str) -> str:
        referred = referred_to(source)
        if referred is not None:
            if not Image.objects.filter(sha256=referred).exists():
                raise BadValueError("is not stored here. Send the image itself.")
            return referred
        data = self._data_of(source)
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._stored_of:
            self._stored_of[digest] = known_image(digest, png=self._only_png) or self._decode(data)
        return self._stored_of[digest]

    def _data_of(self, source: str) -> bytes:
        if not source.strip():
            raise BadValueError("has no address. Name a file, a data: URL or an http(s) address.")
        if source.startswith("data:"):
            return _inline(source)
        if source.startswith(("http://", "https://")):
            return self._fetched(source)
        return self._files.read(source)

    def _decode(self, data: bytes) -> str:
        image = encode(data, only_png=self._only_png)
        if image.sha256 not in self._new:
            self._bytes += len(image.data)
            if len(self._new) >= self._limits.images:
                raise BadValueError(f"is one too many; the limit of an import is {self._limits.images:,}. Split it.")
            if self._bytes > (most := self._limits.total_bytes):
                raise BadValueError(f"makes the import exceed its limit of {most >> 20:,} MiB of images. Split it.")
            self._draft(image.sha256).write_bytes(image.data)
            self._new[image.sha256] = replace(image, data=b"")
        return image.sha256

    def _draft(self, sha256: str) -> Path:
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="arena-images-")))
        return self._folder / sha256

    def _fetched(self, url: str) -> bytes:
        # With the first address: it brings httpx along, which most imports do not need.
        import httpx  # noqa: PLC0415

        from arena.net.client import open_client  # noqa: PLC0415
        from arena.net.deadlines import Deadline  # noqa: PLC0415

        self._fetches += 1
        if self._fetches > self._limits.fetches:
            raise BadValueError(f"is one too many to fetch; the limit is {self._limits.fetches:,}. Send the files.")
        if self._http is None:
            self._http = self._stack.enter_context(open_client())
        body = bytearray()
        try:
            with Deadline(total_s=_FETCH_S).applied(), self._http.stream("GET", url) as response:
                if response.status_code != 200:
                    raise BadValueError(f"cannot be fetched: {response.status_code}, where 200 was expected.")
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > LIMITS.bytes:
                        break
        except OutboundRefused as error:
            raise BadValueError(f"cannot be fetched: {error.detail}") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise BadValueError(f"cannot be fetched: {str(error) or type(error).__name__}.") from None
        return bytes(body)


def _inline(url: str) -> bytes:
    head, _, text = url.partition(",")
    if not head.endswith(";base64"):
        raise BadValueError("is not base64. Write data:image/png;base64,… and the image.")
    if len(text) > LIMITS.bytes * 4 / 3 + 4:
        raise BadValueError(f"has more than {LIMITS.bytes:,} bytes, the limit on one image. Make it smaller.")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadValueError("is not base64. Write data:image/png;base64,… and the image.") from None
