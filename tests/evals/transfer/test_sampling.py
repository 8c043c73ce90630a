"""Samples of a log: even over categories and lengths, without near-duplicates, the same for the same seed. No
database."""

from __future__ import annotations

import random

import numpy as np
import pytest

from evals.transfer.sampling.drawing import By, Sampler, length_class, length_name
from evals.transfer.sampling.minhash import ENTRIES, jaccard, shingles, sketch


@pytest.fixture(scope="module")
def sampler():
    """Two thousand rows: two categories of 90 and 10 percent, one of three rows, half of all nearly the same."""
    rng = random.Random(1)
    words = [f"word{n}" for n in range(2_000)]
    noted = Sampler()
    for n in range(2_000):
        text = " ".join(rng.choices(words, k=rng.choice((5, 30, 120))))
        if n % 2:
            text = "Please summarise the following ticket in one friendly sentence of ten words: " + words[n]
        noted.add(
            category="rare" if n < 6 and n % 2 == 0 else rng.choices(("big", "small"), (9, 1))[0],
            text=text,
            content=text,
        )
    return noted


def test_even_takes_as_many_of_each_as_there_are(sampler):
    drawn = sampler.draw(60)
    taken = {name: some for name, (_, some) in drawn.categories.items()}
    assert taken["rare"] == 3
    assert abs(taken["big"] - taken["small"]) <= 1
    assert sum(taken.values()) == len(drawn.rows) == 60
    lengths = [some for _, some in drawn.lengths.values()]
    assert max(lengths) - min(lengths) <= 2


def test_share_takes_as_often_as_the_rows_have_them(sampler):
    drawn = sampler.draw(100, by=By.SHARE)
    for counts in (drawn.categories, drawn.lengths):
        for every, some in counts.values():
            assert abs(some / 100 - every / drawn.seen) <= 0.1


def test_nearly_the_same_is_taken_once(sampler):
    drawn = sampler.draw(1_999)
    assert drawn.alike > 900
    # Half of the rows are alike: one of them is enough, unless they differ in category and are still alike.
    assert len([row for row in drawn.rows if row % 2]) <= 5


def test_a_seed_decides(sampler):
    assert sampler.draw(50, seed=4).rows == sampler.draw(50, seed=4).rows
    assert sampler.draw(50, seed=4).rows != sampler.draw(50, seed=5).rows


def test_equal_requests_are_one_with_their_count():
    noted = Sampler()
    for text in ("a b c d", "x y z w", "a b c d", "a b c d"):
        noted.add(category="c", text=text, content=text)
    drawn = noted.draw(10)
    assert (drawn.rows, drawn.seen, drawn.distinct) == ({0: 3, 1: 1}, 4, 2)


def test_sketches_estimate_the_similarity():
    rng = random.Random(2)
    words = [f"word{n}" for n in range(500)]
    errors = []
    for kept in (50, 100, 150, 190) * 5:
        one = rng.choices(words, k=200)
        other = one[:kept] + rng.choices(words, k=200 - kept)
        texts = " ".join(one), " ".join(other)
        errors.append(float(np.mean(sketch(texts[0]) == sketch(texts[1]))) - jaccard(*texts))
    assert abs(float(np.mean(errors))) < 0.04
    assert max(map(abs, errors)) < 4 / ENTRIES**0.5 / 2


def test_words_are_found_in_scripts_without_spaces_and_numbers_are_alike():
    assert len(shingles("请帮我重置密码谢谢")) == 7
    assert shingles("Ticket 12 is open") == shingles("ticket 97, is OPEN")
    assert len(shingles("")) == len(shingles("Hi")) == 1
    assert shingles("!!") != shingles("??")


def test_lengths_have_classes_with_names():
    assert [length_class(n) for n in (0, 63, 64, 255, 256, 65_535, 65_536)] == [0, 0, 1, 1, 2, 5, 6]
    assert [length_name(n) for n in (0, 1, 6)] == ["under 64", "64 to 255", "65,536 and more"]
