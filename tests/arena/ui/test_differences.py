"""Two texts, word by word: nothing lost, nothing that favours a side, and an end in time."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.ui.differences import MOST_COMPARED, difference

WORDS = st.lists(
    st.sampled_from(["a", "b", "word", " ", "\n", "  ", "1", ".", "\u200b", "می‌خواهم", "<b>", "&amp;"]), max_size=30
)


def text_of(side):
    return html.unescape(re.sub(r"<summary>.*?</summary>|<[^>]+>", "", side))


def differing(side):
    return [text_of(one) for one in re.findall(r'<mark class="differs[^>]*>(.*?)</mark>', side, re.DOTALL)]


@given(WORDS, WORDS)
def test_each_side_is_its_text_and_the_sides_may_be_swapped(one, other):
    left, right = "".join(one), "".join(other)
    found, turned = difference(left, right), difference(right, left)
    assert (found.left, found.right, found.words) == (turned.right, turned.left, turned.words)
    assert (text_of(found.left), text_of(found.right)) == (left, right)
    assert found.same == (left == right)


@given(WORDS, WORDS)
def test_what_is_not_marked_is_equal(one, other):
    found = difference("".join(one), "".join(other))

    def unmarked(side):
        return text_of(re.sub(r'<mark class="differs.*?</mark>', "", side, flags=re.DOTALL))

    if found.shown:
        assert unmarked(found.left) == unmarked(found.right)


def test_the_words_that_differ_are_marked_on_both_sides():
    found = difference("The cat sat on the mat.", "The dog sat on a mat.")
    assert (differing(found.left), differing(found.right)) == (["cat", "the"], ["dog", "a"])
    assert found.words == "They differ in 2 places; the rest is equal."


@pytest.mark.parametrize(
    ("left", "right"),
    [("total: 1 648", "total: 1648"), ("a b", "a\u00a0b"), ("a\n\nb", "a\nb"), ("x ", "x"), ("a\tb", "a b")],
)
def test_space_that_differs_is_made_visible(left, right):
    found = difference(left, right)
    assert "only in space" in found.words
    assert "data-sign" in found.left or "data-code" in found.left


def test_an_unseen_character_that_differs_is_marked_and_equal_spelling_is_not():
    found = difference("می‌خواهم x", "می‌خواهم y")
    assert "unseen" not in found.left
    assert 'data-code="200C"' in difference("می‌خواهم x y z", "میخواهم x y z").left


def test_a_side_that_has_nothing_shows_a_gap():
    assert "differs--gap" in difference("one two", "one").right


def test_long_equal_text_is_folded_with_its_length_told():
    same = "equal words, many of them. " * 100
    found = difference(f"{same}left{same}", f"{same}right{same}")
    assert found.left.count("<details") == 2
    assert "equal characters</summary>" in found.left
    assert text_of(found.left) == f"{same}left{same}"


def test_texts_with_little_in_common_are_shown_without_marks():
    found = difference("alpha beta gamma " * 60, "eins zwei drei " * 60)
    assert not found.shown
    assert found.words == "Too different to compare word by word."
    assert "<mark" not in found.left


def test_equal_texts_and_texts_too_long_say_so():
    assert difference("a\r\nb", "a\nb").words == "Both are equal, character for character."
    assert "Too long to compare" in difference("x" * (MOST_COMPARED + 1), "y").words


@pytest.mark.parametrize(
    ("one", "other"), [("a ", "b "), ("a b ", "b a "), ("a\n", "b a\n"), ("ab ", "a b"), ("\u200b", "\u200ba")]
)
def test_texts_made_to_be_slow_are_compared(one, other):
    """A comparison of each word with each other would keep the test from ending."""
    assert difference(one * (MOST_COMPARED // len(one)), other * (MOST_COMPARED // len(other))).words
