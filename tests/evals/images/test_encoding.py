"""What becomes of an image: nothing but its pixels stays, and what is hostile is refused with the fix."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image, ImageCms

from evals.catalog.images.encoding import ImageLimits, ImageRefusedError, encode

from .pictures import BLUE, RED, picture, png_chunk, png_that_claims, read, written


@pytest.mark.parametrize(
    ("form", "stored"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/png"), ("GIF", "image/png")]
)
def test_png_stays_png_and_jpeg_stays_jpeg(form, stored):
    image = encode(picture(form))

    assert (image.media_type, image.width, image.height, image.size) == (stored, 8, 6, len(image.data))
    assert all(abs(a - b) < 8 for a, b in zip(read(image.data).getpixel((3, 3)), RED, strict=True))


def test_answers_are_all_of_one_form():
    """Also if one has an alpha channel that nothing needs, or no colours."""
    images = [picture("JPEG"), picture("WEBP"), picture(mode="RGBA", color=(*RED, 255)), picture(mode="L", color=9)]

    made = [encode(image, only_png=True) for image in images]

    assert {(one.media_type, read(one.data).mode) for one in made} == {("image/png", "RGB")}


def test_the_same_bytes_become_the_same_image():
    assert encode(picture()).sha256 == encode(picture()).sha256
    assert encode(encode(picture()).data).sha256 == encode(picture()).sha256


def with_metadata(form):
    exif = Image.Exif()
    exif[0x010E], exif[0x0131] = "where I live", "FLUX 1.1"
    options = {"exif": exif, "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    if form == "PNG":
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("parameters", "prompt: a cat, model: sd-xl")
    if form == "JPEG":
        options |= {"comment": b"made by dall-e", "dpi": (72, 72)}
    return picture(form, **options) + b"appended: zip, html, anything"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("only_png", [False, True])
def test_metadata_is_gone(form, only_png):
    stored = encode(with_metadata(form), only_png=only_png).data

    words = (b"where I live", b"FLUX", b"sd-xl", b"dall-e", b"appended", b"Exif", b"ICC", b"iCCP", b"tEXt", b"pHYs")
    assert [word for word in words if word in stored] == []
    assert set(read(stored).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_orientation_is_applied_before_it_is_lost():
    image = Image.new("RGB", (8, 4), BLUE)
    image.paste(RED, (0, 0, 2, 4))  # a red edge, left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is left here is meant to be on top

    stored = read(encode(written(image, "PNG", exif=exif)).data)

    assert stored.size == (4, 8)
    assert (stored.getpixel((2, 0)), stored.getpixel((2, 7))) == (RED, BLUE)


def test_sixteen_bits_are_divided_and_not_cut_off():
    image = Image.new("I;16", (4, 4), 0x8000)

    assert read(encode(written(image, "PNG")).data).getpixel((1, 1)) == (127, 127, 127)


def test_cmyk_becomes_rgb():
    stored = read(encode(picture("JPEG", mode="CMYK", color=(0, 255, 255, 0), quality=95)).data)

    red, green, blue = stored.getpixel((3, 3))
    assert stored.mode == "RGB"
    assert red > 200 > 60 > max(green, blue)


def test_a_palette_keeps_its_transparency():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (0, 0, 2, 4))

    stored = read(encode(written(image, "PNG", transparency=0)).data)

    assert (stored.mode, stored.getpixel((0, 0)), stored.getpixel((3, 0))[3]) == ("RGBA", (*BLUE, 255), 0)


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (4, 4), (n % 256, n // 256, 0)) for n in range(3000)]
    for form in ("GIF", "PNG"):
        data = written(frames[0], form, save_all=True, append_images=frames[1:] if form == "GIF" else frames[1:20])
        stored = read(encode(data).data)
        assert (getattr(stored, "n_frames", 1), stored.getpixel((0, 0))) == (1, (0, 0, 0))


def test_a_wide_gamut_is_brought_into_the_usual_one():
    """A profile that swaps nothing, but is not sRGB: its colours are converted, not only relabelled."""
    lab = ImageCms.createProfile("XYZ")
    profile = ImageCms.ImageCmsProfile(lab).tobytes()

    assert encode(picture(icc_profile=profile)).media_type == "image/png"
    assert encode(picture(icc_profile=b"x" * 500)).sha256 == encode(picture()).sha256  # broken: ignored


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (SVG, "is not an image that can be read"),
        (b"<!doctype html><script>alert(1)</script>", "is not an image that can be read"),
        (b"\x89PNG\r\n\x1a\n" + SVG, "is not an image that can be read|is broken"),
        (picture("BMP"), "PNG, JPEG, WebP and GIF"),
        (picture("TIFF"), "PNG, JPEG, WebP and GIF"),
        (picture(size=(300, 300), mode="RGB")[:-40], "is broken or incomplete"),
        (picture("JPEG", size=(300, 300))[:700], "is broken or incomplete"),
        (picture("WEBP", size=(300, 300))[:60], "is broken or incomplete|not an image"),
        (png_that_claims(60_000, 60_000), "the limit is 25,000,000 in all|pixels"),
        (png_that_claims(9_000, 9_000), "has 9,000 × 9,000 pixels: the limit is 25,000,000 in all"),
        (png_that_claims(20_000, 10), "the limit on one side is 16,384"),
        (png_that_claims(0, 10), "pixels|broken|not an image"),
        (b"\xff\xd8\xff" + b"\xff\xda\x00\x08\x01" * 200, "more than 100 scans"),
    ],
)
def test_hostile_bytes_are_refused(data, words):
    with pytest.raises(ImageRefusedError, match=words):
        encode(data)


def test_a_photo_with_a_film_after_it_is_read_as_the_photo():
    photo = picture("JPEG")
    film = b"\x00\x00\x00\x18ftypmp42" + b"\xff\xda and pixels" * 500

    assert encode(photo + film).sha256 == encode(photo).sha256


def test_a_bomb_of_text_is_not_unpacked():
    bomb = png_chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(80 << 20), 9))
    data = picture()
    at = data.index(b"IDAT") - 4

    with pytest.raises(ImageRefusedError, match="broken"):
        encode(data[:at] + bomb + data[at:])


def test_limits_are_of_the_header_and_not_of_what_was_decoded():
    with pytest.raises(ImageRefusedError, match="has more than 20 bytes, the limit on one image"):
        encode(picture(), limits=ImageLimits(bytes=20))
    with pytest.raises(ImageRefusedError, match="has 8 × 6 pixels: the limit is 40 in all"):
        encode(picture()[:45] + b"nothing to decode", limits=ImageLimits(pixels=40))


def test_html_appended_to_an_image_does_not_stay():
    stored = encode(picture("GIF") + b"<script>alert(1)</script>").data

    assert stored.startswith(b"\x89PNG")
    assert b"script" not in stored
    assert Image.open(io.BytesIO(stored)).format == "PNG"
