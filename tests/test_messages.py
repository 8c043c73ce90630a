"""The translated sentences: everything that code asks for, in every language, compiled."""

from __future__ import annotations

import re
from gettext import GNUTranslations

import pytest

from tests import messages

LANGUAGES = messages.languages()


@pytest.fixture(scope="module")
def asked() -> set[object]:
    return {message.id for message in messages.asked_for() if message.id}


def test_there_is_something_to_translate_and_a_language_to_translate_it_to(asked: set[object]) -> None:
    assert "A is better" in asked
    assert LANGUAGES == ["de"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_sentence_translated_and_no_other(asked: set[object], language: str) -> None:
    """After a change of sentences: `.venv/bin/python -m tests.messages`, then translate what it lists."""
    written = {message.id: message for message in messages.written(language) if message.id}
    assert written.keys() == asked
    assert [one for one, message in written.items() if message.fuzzy or not all(messages.strings(message.string))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_and_tags_of_its_sentence(language: str) -> None:
    parts = re.compile(r"%\(\w+\)[sd]|%[sd]|<[^>]*>")
    wrong = []
    for message in messages.written(language):
        for one, other in zip(messages.strings(message.id), messages.strings(message.string), strict=False):
            if one and sorted(parts.findall(one)) != sorted(parts.findall(other)):
                wrong.append((one, other))
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    with messages.po_of(language).with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for message in messages.written(language):
        if isinstance(message.id, str) and message.id:
            assert compiled.gettext(message.id) == message.string
        elif message.id:
            assert [compiled.ngettext(message.id[0], message.id[1], n) for n in (1, 2)] == list(message.string)
