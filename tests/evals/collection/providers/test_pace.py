"""The pace of an answer: the time between the chunks that brought some of it, and no figure where they do not tell."""

from __future__ import annotations

import time

import pytest

from evals.collection.providers.pace import MOST_CHARS_A_CHUNK, Pace
from evals.collection.providers.wire import Gaps, Reply
from evals.collection.turns import whole
from tests.servers import DONE, OK, chunk, returns, says, usage

EVERY_S = 0.03


def test_gaps_are_what_the_server_left_between_its_chunks(serve, ask):
    sent: list[float] = []

    def streams(talk):
        talk.send(OK)
        for n in range(12):
            # Thinking first: its tokens have a pace, too.
            talk.send(chunk(reasoning_content=f"hm {n}") if n < 4 else chunk(f"word{n} "))
            sent.append(time.monotonic())
            talk.pause(EVERY_S)
        talk.send(chunk(finish="stop") + usage(12, 12) + DONE)

    gaps = ask(serve(streams).base_url).gaps

    # A machine that is busy may read two chunks as one, and then counts one longer gap.
    assert gaps.chunks is not None
    assert 2 <= gaps.chunks <= 12
    assert gaps.p50 is not None
    assert gaps.p95 is not None
    assert gaps.p50 <= gaps.p95
    ratio = gaps.p50 * (gaps.chunks - 1) / (1000 * (sent[-1] - sent[0]))
    assert 0.5 < ratio < 2


def test_an_answer_in_one_piece_has_no_pace(serve, ask):
    document = {"choices": [{"message": {"content": "All of it."}, "finish_reason": "stop"}]}
    assert ask(serve(returns(document)).base_url).gaps == Gaps(chunks=1)
    at_once = chunk("Many ") + chunk("tokens ") + chunk("at once.") + chunk(finish="stop") + DONE
    assert ask(serve(says(OK + at_once, head=b"")).base_url).gaps == Gaps(chunks=1)


def paced(*chunks: tuple[float, int]) -> Gaps:
    """Of chunks that come at so many milliseconds and bring so many characters."""
    pace, chars = Pace(), 0
    for at_ms, more in chunks:
        chars += more
        pace.chunk(chars, at_ms / 1000)
    return pace.gaps()


def test_signs_of_life_and_counts_are_no_chunks():
    gaps = paced((0, 0), (100, 4), (110, 4), (115, 0), (130, 4), (900, 0))
    assert (gaps.p50, gaps.p95, gaps.chunks) == (pytest.approx(10), pytest.approx(20), 3)


def test_half_of_the_gaps_and_nineteen_of_twenty():
    times = [0.0]
    for n in range(20):
        times.append(times[-1] + (500 if n == 7 else 80 if n == 12 else 10))
    gaps = paced(*((at, 5) for at in times))
    assert (gaps.p50, gaps.p95, gaps.chunks) == (pytest.approx(10), pytest.approx(80), 21)


@pytest.mark.parametrize(("more", "told"), [(0, True), (1, False)])
def test_many_tokens_a_chunk_say_nothing_of_the_time_between_tokens(more: int, told: bool):
    gaps = paced((0, MOST_CHARS_A_CHUNK), (10, MOST_CHARS_A_CHUNK), (20, MOST_CHARS_A_CHUNK + more))
    assert (gaps.p50 is not None, gaps.chunks) == (told, 3)


def test_nothing_that_came_has_no_chunks():
    assert paced((0, 0)) == Gaps()


def test_a_conversation_has_the_pace_of_the_answer_with_the_most_chunks():
    short, long, at_once = (Reply("x", "stop", 1, gaps=gaps) for gaps in (
        Gaps(5, 6, 3), Gaps(20, 90, 40), Gaps(None, None, 90)))  # fmt: skip
    assert whole([short, long, at_once]).gaps == Gaps(20, 90, 40)
    assert whole([at_once, at_once]).gaps == Gaps(None, None, 90)
