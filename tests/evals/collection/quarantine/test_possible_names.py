"""Which names are looked for in a text: none that it holds may be left out."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from evals.collection.quarantine.detector import _KINDS, _pattern, _possible

NAMES = [name for name, _ in _KINDS]
PIECES = [
    piece
    for name in NAMES
    for piece in (name, name.replace(" ", ""), name.replace(" ", "-"), name[1:], name[:-1], f"{name}4")
]
between = st.sampled_from(["", " ", "\n", "-", "_", ".", "x", "7", "“", "的", "s "])
texts = st.lists(st.tuples(between, st.sampled_from(PIECES)), min_size=1, max_size=12).map(
    lambda parts: "".join(one for part in parts for one in part)
)


@given(texts)
@example("\n".join(NAMES))
@example("\n".join(name.replace(" ", "") for name in NAMES))
def test_no_name_in_a_text_is_left_out(text):
    possible = set(_possible(text))
    held = {at for at, name in enumerate(NAMES) if name.partition(" ")[0] in text and _pattern(name).search(text)}
    assert held <= possible


def test_most_names_are_left_out_of_a_text_without_any():
    assert len(_possible("the order was sent on monday and the refund is due.")) < 10
