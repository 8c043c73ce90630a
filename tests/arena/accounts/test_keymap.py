"""The keys that people choose for voting: what is accepted, and what a stored map may do to a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.accounts.keymap import ACTS, InvalidKeyError, chosen, cleaned


def test_only_what_differs_from_the_usual_is_stored():
    assert cleaned({"left": "J", "tie": "t", "skip": ""}) == {"left": "j"}
    assert chosen({"left": "j"}) == {**ACTS, "left": "j"}


def test_two_acts_may_change_places():
    assert cleaned({"left": "b", "right": "a"}) == {"left": "b", "right": "a"}


@pytest.mark.parametrize(
    ("keys", "act", "code"),
    [
        ({"left": "ab"}, "left", "one"),
        ({"left": "\u200d"}, "left", "printable"),
        ({"left": "\u0301"}, "left", "printable"),
        ({"tie": "3"}, "tie", "digit"),
        ({"right": "a"}, "right", "taken"),
        ({"tie": "s"}, "skip", "taken"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_its_act(keys, act, code):
    with pytest.raises(InvalidKeyError) as refused:
        cleaned(keys)
    assert (refused.value.act, refused.value.code) == (act, code)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*ACTS, "other"]) | st.text(max_size=3), inner, max_size=9)
        ),
        max_leaves=12,
    )
)
def test_whatever_is_stored_every_act_has_one_key_of_its_own(stored):
    keys = chosen(stored)
    assert keys.keys() == ACTS.keys()
    assert all(len(key) == 1 and key.isprintable() and key not in "123456789" for key in keys.values())
    assert len(set(keys.values())) == len(keys)
