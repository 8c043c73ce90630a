"""Images are kept by their content, whole or not at all, and where the setting says."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages

from arena import env
from arena.media import FolderStorage
from evals.catalog.images.encoding import ImageRefusedError, encode
from evals.catalog.images.references import reference_to
from evals.catalog.images.storing import (
    ImageMissingError,
    data_url,
    image_bytes,
    keep_file,
    keep_rows,
    known_image,
    with_images,
)
from evals.models import Image

from .pictures import BLUE, picture, store_image


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_an_image_is_kept_once_by_its_content(media):
    image = store_image(picture("JPEG"))

    assert store_image(picture("JPEG")) == image
    assert files(media) == [media / "images" / image.sha256[:2] / image.sha256]
    assert (image.media_type, image.width, image.height, image.size) == ("image/jpeg", 8, 6, image.file.size)
    assert image_bytes(image.sha256) == image.file.read()
    assert Image.objects.count() == 1


@pytest.mark.django_db
def test_what_is_stored_is_known_again_without_being_written_anew():
    """A JPEG would lose a little each time it is exported and imported."""
    image = store_image(picture("JPEG"))

    assert known_image(image.sha256, png=False) == image.sha256
    assert known_image(image.sha256, png=True) is None
    assert known_image("0" * 64, png=False) is None


def test_messages_get_their_images_as_data_urls():
    image = encode(picture(color=BLUE))
    keep_file(image)
    part = {"type": "image_url", "image_url": {"url": reference_to(image.sha256), "detail": "low"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}]

    [sent] = with_images(messages)

    url = sent["content"][1]["image_url"]["url"]
    assert url == data_url(image.sha256)
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == image.data
    assert sent["content"][1]["image_url"]["detail"] == "low"
    assert messages[0]["content"][1] == part  # the task's own stay as they are


def test_a_missing_file_is_named():
    with pytest.raises(ImageMissingError, match=r"image 0{12} is not at images/00/0+ under ARENA_MEDIA: bring it back"):
        image_bytes("0" * 64)


def test_half_a_file_is_never_under_its_name(media):
    class Breaks(ContentFile):
        def chunks(self, chunk_size=None):
            yield b"half"
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        default_storage.save("images/ab/abc", Breaks(b"half of it"))

    assert files(media) == []


def test_a_draft_that_a_killed_process_left_is_in_nobodys_way(media):
    image = encode(picture())
    place = media / "images" / image.sha256[:2]
    place.mkdir(parents=True)
    (place / ".draft-killed").write_bytes(b"half")

    keep_file(image)
    keep_file(image)

    assert image_bytes(image.sha256) == image.data
    assert sorted(path.name for path in files(media)) == [".draft-killed", image.sha256]


@pytest.mark.on_both(because="two race for the same rows")
@pytest.mark.django_db
def test_two_at_once_keep_one():
    image = encode(picture())

    keep_rows([image, image])
    keep_rows([image])

    assert Image.objects.count() == 1


def test_production_without_a_place_refuses_images_and_names_the_variable(settings):
    settings.STORAGES = {**settings.STORAGES, "default": env.media("ARENA_NOWHERE", default=None)}

    with pytest.raises(ImageRefusedError, match=r"ARENA_NOWHERE is not set.*Set it to a folder"):
        keep_file(encode(picture()))
    with pytest.raises(ImageMissingError, match="ARENA_NOWHERE is not set"):
        image_bytes("0" * 64)


@pytest.mark.parametrize(
    ("value", "backend", "options"),
    [
        ("/srv/media", "arena.media.FolderStorage", {"location": "/srv/media"}),
        (
            "s3://arena-media/images/prod/",
            "storages.backends.s3.S3Storage",
            {"bucket_name": "arena-media", "location": "images/prod", "file_overwrite": True, "default_acl": None},
        ),
    ],
)
def test_the_setting(monkeypatch, value, backend, options):
    monkeypatch.setenv("ARENA_MEDIA", value)

    assert env.media("ARENA_MEDIA", default=None) == {"BACKEND": backend, "OPTIONS": options}


@pytest.mark.parametrize("value", ["media", "./media", "gs://bucket", "s3://", "s3://-bad/x", "https://x.example/y"])
def test_a_wrong_setting_stops_the_start(monkeypatch, value):
    monkeypatch.setenv("ARENA_MEDIA", value)

    with pytest.raises(ImproperlyConfigured, match=r"ARENA_MEDIA: .* Set ARENA_MEDIA=/path/to/folder"):
        env.media("ARENA_MEDIA", default=None)


def test_files_are_not_for_everybody_on_the_machine(media):
    keep_file(encode(picture()))

    [file] = files(media)
    assert file.stat().st_mode & 0o007 == 0
    assert isinstance(storages["default"], FolderStorage)
