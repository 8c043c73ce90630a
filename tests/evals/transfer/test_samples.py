"""Which sample an answer becomes. No database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals.transfer.samples import Samples

answers = st.lists(st.tuples(st.sampled_from([b"x", b"y", b"z"]), st.none() | st.integers(1, 4)), max_size=12)


def place(samples, given):
    return [samples.place(key, wanted) for key, wanted in given]


def stored(samples):
    again = Samples()
    for number, key in sorted((number, key) for key, numbers in samples._by_key.items() for number in numbers):
        again.store(number, key)
    return again


def test_a_further_different_answer_is_the_next_sample():
    assert place(Samples(), [(b"x", None), (b"y", None), (b"x", None)]) == [1, 2, None]


def test_an_answer_gets_the_number_it_asks_for():
    assert place(Samples(), [(b"x", 3), (b"y", 1), (b"z", None)]) == [3, 1, 4]


def test_a_taken_number_gives_way_to_the_next_free_one():
    assert place(Samples(), [(b"x", 1), (b"y", 1), (b"y", 2)]) == [1, 2, None]


def test_equal_answers_with_numbers_of_their_own_are_samples_of_their_own():
    assert place(Samples(), [(b"x", 1), (b"x", 2)]) == [1, 2]


def test_a_number_that_is_still_being_collected_is_taken():
    samples = Samples()
    samples.store(1, None)
    assert samples.place(b"x", 1) == 2


@given(answers)
def test_the_same_file_twice_adds_nothing(given):
    first = Samples()
    place(first, given)
    assert set(place(stored(first), given)) <= {None}


@given(answers)
def test_no_number_is_given_twice(given):
    numbers = [number for number in place(Samples(), given) if number is not None]
    assert len(numbers) == len(set(numbers))


@given(answers)
def test_every_answer_of_the_file_is_there_in_the_end(given):
    samples = Samples()
    place(samples, given)
    assert set(samples._by_key) == {key for key, _ in given}
