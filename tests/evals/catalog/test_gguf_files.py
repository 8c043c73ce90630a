"""Which model files a contender may name, and what providers of that kind are."""

from __future__ import annotations

import os

import pytest

from arena.errors import FieldError
from evals.catalog import gguf
from evals.catalog.queries.contenders import contender_card
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.providers import ProviderFields, check_provider, save_provider
from evals.models import Provider

LLAMA_CPP = {"name": "Files", "base_url": "", "kind": Provider.Kind.LLAMA_CPP, "locality": "local"}


@pytest.fixture
def folder(settings, tmp_path):
    folder = tmp_path / "models"
    (folder / "small").mkdir(parents=True)
    (folder / "small" / "model.gguf").write_bytes(b"GGUF and the rest")
    (folder / "other.gguf").write_bytes(b"not one")
    (folder / "notes.txt").write_bytes(b"GGUF")
    (tmp_path / "secret.gguf").write_bytes(b"GGUF and the rest")
    (folder / "out.gguf").symlink_to(tmp_path / "secret.gguf")
    (folder / "in.gguf").symlink_to(folder / "small" / "model.gguf")
    settings.ARENA_GGUF_DIRS = [tmp_path / "none", folder]
    return folder


def test_a_file_is_found_by_its_path_within_a_folder_or_its_whole_path(folder):
    for name in ("small/model.gguf", str(folder / "small" / "model.gguf"), "in.gguf"):
        assert gguf.find(name) == folder / "small" / "model.gguf"


@pytest.mark.parametrize(
    ("name", "words", "refused"),
    [
        ("../secret.gguf", "Leave .. out", True),
        ("small/../../secret.gguf", "Leave .. out", True),
        ("/etc/secret.gguf", "outside the folders", True),
        ("out.gguf", "outside the folders", True),
        ("notes.txt", "path of a .gguf file", False),
        ("a\0.gguf", "path of a .gguf file", False),
        ("none.gguf", "there is no file none.gguf in", False),
        ("small", "path of a .gguf file", False),
        ("other.gguf", "does not begin with GGUF", False),
        ("ü" * 200 + ".gguf", "cannot be read: File name too long", False),
    ],
)
def test_what_is_not_opened(folder, name, words, refused):
    with pytest.raises(gguf.GgufError, match=words) as caught:
        gguf.find(name)

    assert caught.value.refused == refused


def test_no_folder_is_allowed_unless_named(settings):
    settings.ARENA_GGUF_DIRS = []

    with pytest.raises(gguf.GgufError, match="name one in ARENA_GGUF_DIRS"):
        gguf.find("small/model.gguf")


def test_the_files_to_choose_from_are_those_inside_whose_names_can_be_shown(folder):
    for name in (b"\xff.gguf", b"two\nlines.gguf"):
        (folder / os.fsdecode(name)).write_bytes(b"GGUF and the rest")

    assert gguf.names() == ["in.gguf", "other.gguf", "small/model.gguf"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": "http://127.0.0.1:8080/v1"}, "base_url"),
        ({"locality": "hosted"}, "locality"),
        ({"api_key_env": "SOME_KEY"}, "api_key_env"),
    ],
)
def test_a_provider_of_files_has_no_address_and_no_key_and_is_local(change, field):
    with pytest.raises(FieldError) as caught:
        check_provider(slug="files", fields=ProviderFields(**LLAMA_CPP | change))

    assert caught.value.field == field


@pytest.mark.django_db
def test_a_contender_names_a_file_and_has_no_address_for_services():
    provider = save_provider(slug="files", fields=ProviderFields(**LLAMA_CPP))
    fields = {"provider": provider, "settings": {"n_ctx": 2048}}

    with pytest.raises(FieldError, match=r"path of a \.gguf file") as caught:
        save_contender(slug="local", fields=ContenderFields(model_name="llama3.2:3b", **fields))
    assert caught.value.field == "model_name"

    saved = save_contender(slug="local", fields=ContenderFields(model_name="small/model.gguf", **fields))
    assert contender_card(saved.contender).chat_base_url == ""


@pytest.mark.django_db
def test_a_provider_of_files_takes_no_typed_key():
    with pytest.raises(FieldError, match="needs no key"):
        save_provider(slug="files", fields=ProviderFields(**LLAMA_CPP), api_key="k-1")
