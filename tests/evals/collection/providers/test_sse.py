"""However a stream is cut into chunks, it says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.collection.providers.errors import TooLarge
from evals.collection.providers.sse import Decoder, Event


def decode(*chunks: bytes, line_bytes: int = 10_000) -> list[Event]:
    decoder = Decoder(line_bytes=line_bytes)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + list(decoder.close())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_standard_s_own_example(end):
    stream = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"

    assert [event.data for event in decode(stream.replace("\n", end).encode())] == [
        "first event",
        "second event",
        " third event",
    ]


def test_several_data_lines_are_one_event_and_an_event_without_data_is_none():
    assert decode(b"data: a\ndata\ndata: b\n\nevent: ping\n\nevent: add\ndata: 1\n\n") == [
        Event("", "a\n\nb"),
        Event("add", "1"),
    ]


def test_a_byte_order_mark_is_skipped():
    assert decode(b"\xef\xbb\xbfdata: a\n\n") == [Event("", "a")]


def test_what_is_still_open_at_the_end_counts():
    assert decode(b"data: a\n\ndata: b") == [Event("", "a"), Event("", "b")]


LINES = st.lists(
    st.one_of(
        st.just(""),
        st.builds("data: {}".format, st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))),
        st.sampled_from([": comment", "event: ping", "id: 7", "retry: 10", "data", "nonsense"]),
    ),
    max_size=20,
)


@given(lines=LINES, ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=20, max_size=20), data=st.data())
def test_any_cut_gives_the_same_events(lines, ends, data):
    stream = "".join(line + end for line, end in zip(lines, ends, strict=False)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert decode(*chunks) == decode(stream)


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_a_line_over_many_chunks_is_bounded(chunks):
    body = [b"data: ", *[chunk.replace(b"\n", b"x").replace(b"\r", b"x") for chunk in chunks], b"y" * 101]
    with pytest.raises(TooLarge):
        decode(*body, line_bytes=100)
