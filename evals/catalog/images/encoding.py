"""Hostile bytes in, a plain image out: decoded under limits and written anew, so that nothing but the pixels stays.

The bytes decide what it is, never a label or a name. Metadata, profiles, comments, further frames and whatever is
appended are gone; the orientation that a camera noted has been applied.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image as Pillow

__all__ = ["JPEG", "LIMITS", "PNG", "EncodedImage", "ImageLimits", "ImageRefusedError", "encode", "media_type_of"]

PNG, JPEG = "image/png", "image/jpeg"
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_READ = "PNG, JPEG, WebP and GIF images are read."
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG}
_JPEG_QUALITY = 95
# Profiles of cameras and screens have a few kilobytes.
_PROFILE_BYTES = 1 << 20
# A progressive JPEG is decoded once a scan; encoders write about ten. Two bytes alone are no sign of one: the film that
# phones append to a photo has hundreds of them.
_START_OF_SCAN = re.compile(rb"\xff\xda\x00(?:\x06\x00|\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MOST_SCANS = 100


class ImageRefusedError(ValueError):
    """These bytes do not become an image of Arena's. The message reads on after the image's name: "is not …"."""


@dataclass(frozen=True)
class ImageLimits:
    """Of one image: its bytes, and what it would become in memory (4 bytes a pixel)."""

    bytes: int = 20 * 1024 * 1024
    pixels: int = 25_000_000
    side: int = 16_384


LIMITS = ImageLimits()


@dataclass(frozen=True)
class EncodedImage:
    """`data` is what is stored, `sha256` its digest and `size` its length."""

    data: bytes
    size: int
    media_type: str
    width: int
    height: int
    sha256: str


def encode(data: bytes, *, limits: ImageLimits = LIMITS, only_png: bool = False) -> EncodedImage:
    """The image in a form of Arena's own: PNG, or JPEG if it came as one. Raises ImageRefusedError.

    `only_png`: for answers, whose form must not tell which model made them. Of an animation the first frame counts.
    Takes up to a second of processor time, and some 200 MB.
    """
    _check_bytes(data, limits)
    image, is_jpeg = _decoded(data, limits)
    jpeg = is_jpeg and not only_png
    written = io.BytesIO()
    if jpeg:
        image.save(written, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        image.save(written, "PNG", compress_level=6)
    stored = written.getvalue()
    width, height = image.size
    return EncodedImage(stored, len(stored), JPEG if jpeg else PNG, width, height, hashlib.sha256(stored).hexdigest())


def media_type_of(stored: bytes) -> str:
    """Of bytes that `encode` wrote."""
    return next((kind for signature, kind in _SIGNATURES.items() if stored.startswith(signature)), PNG)


def _check_bytes(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise ImageRefusedError("is empty.")
    if len(data) > limits.bytes:
        raise ImageRefusedError(f"has more than {limits.bytes:,} bytes, the limit on one image. Make it smaller.")
    if data.startswith(b"\xff\xd8\xff") and len(_START_OF_SCAN.findall(data)) > _MOST_SCANS:
        raise ImageRefusedError(f"is a JPEG of more than {_MOST_SCANS} scans. Save it anew.")


def _decoded(data: bytes, limits: ImageLimits) -> tuple[Pillow.Image, bool]:
    """RGB, or RGBA if any of it is transparent; and whether it came as a JPEG."""
    # Loaded here: it takes a tenth of a second, which the start of every process is spared.
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            # Of the header alone: nothing has been decoded yet.
            _check_size(opened.size, limits)
            opened.load()
            is_jpeg = opened.format in ("JPEG", "MPO")
            _check_size(opened.size, limits)
            try:
                upright = ImageOps.exif_transpose(opened)
            except Exception:
                upright = opened  # what the camera noted is broken, the picture is not
            return _plain(upright), is_jpeg
    except ImageRefusedError:
        raise
    except UnidentifiedImageError:
        raise ImageRefusedError(f"is not an image that can be read. {_READ}") from None
    except Image.DecompressionBombError:
        raise ImageRefusedError(_too_many_pixels(limits)) from None
    except Exception as error:
        # Pillow's readers raise whatever they stumble over: OSError, SyntaxError, ValueError, struct.error, IndexError.
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageRefusedError(f"is broken or incomplete ({words}). Save it anew.") from None


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageRefusedError("has no pixels.")
    if width * height > limits.pixels:
        raise ImageRefusedError(f"has {width:,} × {height:,} pixels: {_too_many_pixels(limits)}")
    if max(size) > limits.side:
        raise ImageRefusedError(
            f"has {width:,} × {height:,} pixels; the limit on one side is {limits.side:,}. Make it smaller."
        )


def _too_many_pixels(limits: ImageLimits) -> str:
    return f"the limit is {limits.pixels:,} in all. Make it smaller."


def _plain(image: Pillow.Image) -> Pillow.Image:
    """A new image of the same pixels, without what Pillow keeps beside them and would write again."""
    deep = image.mode.startswith("I")
    if deep:
        # 16 bits a pixel; Pillow's own conversion would cut off at 255 what it should divide.
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        image.info.pop("transparency", None)
    image = _in_srgb(image)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
    else:
        image = image.convert("RGB")
    bare = image.copy()
    bare.info = {}
    return bare


def _in_srgb(image: Pillow.Image) -> Pillow.Image:
    """Colours as the image's profile means them, since the profile does not stay. A profile that is broken, or not for
    this kind of image, is ignored, as browsers do."""
    profile: Any = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _PROFILE_BYTES:
        return image
    if image.mode not in ("RGB", "CMYK"):
        return image
    from PIL import ImageCms  # noqa: PLC0415

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if made is None else made
