"""Small pictures, and hostile ones, as bytes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

from evals.catalog.images.encoding import encode
from evals.catalog.images.storing import keep_file, keep_rows
from evals.models import Image as StoredImage

RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(form: str = "PNG", *, size: tuple[int, int] = (8, 6), color: Any = RED, mode: str = "RGB", **options: Any):
    """Bytes of an image of one colour."""
    return written(Image.new(mode, size, color), form, **options)


def written(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def read(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width: int, height: int) -> bytes:
    """A few hundred bytes whose header claims this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def store_image(data: bytes, *, only_png: bool = False) -> StoredImage:
    """As imports and calls keep an image: its file first, then its row."""
    encoded = encode(data, only_png=only_png)
    keep_file(encoded)
    keep_rows([encoded])
    return StoredImage.objects.get(sha256=encoded.sha256)
