"""The text that makes prompts long: the same for ever, whole sentences, and as long as was asked for."""

from __future__ import annotations

import hashlib

import pytest

from evals.catalog.filler import MOST_CHARS, VERSION, filler, filler_part, is_padded, with_filler


def test_a_version_and_a_seed_make_the_same_text_for_ever():
    text = filler(version=1, seed=2087563412, chars=20_000)
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "f29c9c56e0970000a6011888466f45cf6146dec5ad42d07b1f6113ec5b88f60c"
    )
    assert filler(version=1, seed=2087563412, chars=40_000).startswith(text)
    assert filler(version=1, seed=2087563413, chars=20_000)[:200] != text[:200]


@pytest.mark.parametrize("chars", [0, 10, 1000, 44_000])
def test_it_is_as_long_as_was_asked_for_and_ends_with_a_sentence(chars: int):
    text = filler(version=VERSION, seed=3, chars=chars)
    assert max(chars - 250, 0) <= len(text) <= chars
    assert text == text.strip()
    assert not text or text.endswith(".")


def test_hardly_a_sentence_comes_twice_in_it():
    sentences = filler(version=VERSION, seed=5, chars=500_000).replace("\n\n", " ").split(". ")
    assert len(set(sentences)) > 0.99 * len(sentences)


@pytest.mark.parametrize(("version", "chars"), [(VERSION + 1, 10), (VERSION, -1), (VERSION, MOST_CHARS + 1)])
def test_what_is_not_known_is_an_error(version: int, chars: int):
    with pytest.raises(ValueError, match="filler"):
        filler(version=version, seed=1, chars=chars)


def test_a_padded_message_is_sent_as_one_text():
    part = filler_part(seed=9, chars=600)
    parts = [{"type": "text", "text": "Before."}, part, {"type": "text", "text": "After."}]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    assert is_padded(messages)
    assert with_filler(messages) == [
        messages[0],
        {"role": "user", "content": f"Before.\n\n{filler(**part['filler'])}\n\nAfter."},
    ]
    assert not is_padded(messages[:1])
