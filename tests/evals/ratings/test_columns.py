import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from evals.ratings import Tallies, count_columns, count_pairs
from evals.ratings.columns import _BLOCK
from tests.evals.ratings.votes import vote_lists

LABELS = ("model_a", "model_b", "tie", "tie (bothbad)")


def columns_of(votes):
    _, _, first, second, outcome = zip(*votes, strict=True)
    return first, second, outcome


def drawn(n, contenders, seed=1):
    rng = np.random.default_rng(seed)
    first = rng.integers(contenders, size=n)
    second = (first + 1 + rng.integers(contenders - 1, size=n)) % contenders
    return first, second, rng.integers(4, size=n)


@given(vote_lists())
def test_columns_count_what_tallies_count(votes):
    counted, tallies = count_columns(*columns_of(votes)), Tallies.from_votes(votes)
    assert counted.contenders == tallies.contenders
    assert (counted.wins == tallies.wins).all()
    assert (counted.ties == tallies.ties).all()


def same_objects(names, places):
    return names[places]


def own_objects(names, places):
    return np.array([bytes(name, "ascii").decode() for name in names[places]], object)


def new_objects_half_way(names, places):
    half = len(places) // 2
    return np.concatenate([names[places[:half]], own_objects(names, np.arange(len(names)))[places[half:]]])


@pytest.mark.parametrize("column", [same_objects, own_objects, new_objects_half_way])
@pytest.mark.parametrize("contenders", [3, 1_000])
def test_whether_equal_names_are_one_object_changes_nothing(column, contenders):
    """So many names that some evict each other from the cache, over more than one block."""
    names = np.array([f"contender-{place:05}" for place in range(contenders)], object)
    n = 2 * _BLOCK + 7
    first, second, outcome = drawn(n, contenders)
    order = np.unique(np.concatenate([first, second]))
    wins, ties = count_pairs(*(np.searchsorted(order, places) for places in (first, second)), outcome, len(order))
    counted = count_columns(
        column(names, first), column(names, second), column(np.array(LABELS, object), outcome), LABELS
    )
    assert counted.contenders == tuple(names[order])
    assert (counted.wins == wins).all()
    assert (counted.ties == ties).all()


def test_a_file_read_by_pandas_is_counted_as_it_is(tmp_path):
    file = tmp_path / "votes.csv"
    first, second, outcome = drawn(500, 4)
    pd.DataFrame({"a": first, "b": second, "winner": np.array(LABELS)[outcome]}).to_csv(file)
    read = pd.read_csv(file, dtype={"a": str, "b": str})
    counted = count_columns(read["a"], read["b"], read["winner"], LABELS)
    wins, ties = count_pairs(first, second, outcome, 4)
    assert counted.contenders == ("0", "1", "2", "3")
    assert (counted.wins == wins).all()
    assert (counted.ties == ties).all()


def test_an_unknown_outcome_is_an_error_never_a_tie():
    with pytest.raises(ValueError, match="'draw' is none of lo, hi, tie, both_bad"):
        count_columns(["a"], ["b"], ["draw"])


def test_a_missing_name_is_an_error():
    with pytest.raises(ValueError, match="nan names no contender"):
        count_columns(pd.Series(["a", None]), ["b", "a"], ["lo", "hi"])


def test_a_contender_is_not_compared_with_itself():
    with pytest.raises(ValueError, match="compared with itself"):
        count_columns(["a"], ["a"], ["both_bad"])


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="three columns of one length"):
        count_columns(["a", "a"], ["b"], ["lo"])


def test_no_votes_have_no_contenders():
    assert count_columns([], [], []).contenders == ()


@pytest.mark.parametrize("width", [np.uint8, np.int8, np.uint16, np.int32, np.int64])
def test_integers_of_any_width_count_the_same(width):
    first, second, outcome = drawn(2_000, 100)
    narrow = count_pairs(first.astype(width), second.astype(width), outcome.astype(width), 100)
    assert np.array_equal(narrow, count_pairs(first, second, outcome, 100))


@pytest.mark.parametrize(("first", "outcome"), [(-1, 0), (2, 0), (0, 4), (0, -1)])
def test_a_place_that_does_not_exist_is_an_error(first, outcome):
    with pytest.raises(ValueError, match="places run from 0 to"):
        count_pairs(np.array([first]), np.array([1]), np.array([outcome]), 2)
