import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.ratings import OUTCOMES, PairCounts, Tallies, TallyMismatchError
from tests.evals.ratings.votes import mirrored, vote_lists


@given(vote_lists(), st.randoms())
def test_the_order_of_votes_changes_nothing(votes, random):
    shuffled = list(votes)
    random.shuffle(shuffled)
    assert Tallies.from_votes(votes).digest == Tallies.from_votes(shuffled).digest


@given(vote_lists())
def test_which_contender_is_named_first_changes_nothing(votes):
    assert Tallies.from_votes(votes).digest == Tallies.from_votes(mirrored(votes)).digest


@given(vote_lists())
def test_who_the_reviewers_are_called_is_no_part_of_the_digest(votes):
    renamed = [(f"zz-{reviewer}", task, *rest) for reviewer, task, *rest in votes]
    assert Tallies.from_votes(votes).digest == Tallies.from_votes(renamed).digest


@given(vote_lists())
def test_one_vote_more_is_another_digest(votes):
    more = [*votes, ("ana", "t1", "atlas", "kestrel", "tie")]
    assert Tallies.from_votes(votes).digest != Tallies.from_votes(more).digest


def test_the_same_votes_by_one_person_or_by_two_differ():
    two = [("ana", "t", "a", "b", "lo"), ("ben", "t", "a", "b", "lo")]
    one = [("ana", "t", "a", "b", "lo"), ("ana", "t", "a", "b", "lo")]
    assert Tallies.from_votes(two).digest != Tallies.from_votes(one).digest


@given(vote_lists())
def test_counts_are_those_of_the_votes(votes):
    tallies = Tallies.from_votes(votes)
    for i, a in enumerate(tallies.contenders):
        for j, b in enumerate(tallies.contenders):
            pair = [(lo, outcome) for _, _, lo, hi, outcome in votes if {lo, hi} == {a, b}]
            wins = sum((lo == a and outcome == "lo") or (lo == b and outcome == "hi") for lo, outcome in pair)
            assert tallies.wins[i, j] == wins
            assert tallies.ties[i, j] == sum(outcome == "tie" for _, outcome in pair)
            assert tallies.both_bad[i, j] == sum(outcome == "both_bad" for _, outcome in pair)
    assert tallies.votes == len(votes)
    assert tallies.fitted_votes == sum(vote[4] != "both_bad" for vote in votes)


def test_rows_that_count_nothing_are_as_if_they_were_not_there():
    row = PairCounts(1, "a", "b", 2, 0, 1, 0)
    empty = PairCounts(2, "a", "c", 0, 0, 0, 0)
    assert Tallies.from_rows([row, empty]).digest == Tallies.from_rows([row]).digest
    assert Tallies.from_rows([row, empty]).contenders == ("a", "b")


def test_rows_of_one_pair_seen_from_both_sides_are_added():
    tallies = Tallies.from_rows([PairCounts(1, "a", "b", 2, 0, 1, 0), PairCounts(1, "b", "a", 3, 1, 0, 0)])
    assert tallies.wins.tolist() == [[0, 3], [3, 0]]


def test_an_unknown_outcome_is_an_error_never_a_tie():
    with pytest.raises(ValueError, match="'draw' is not one of lo, hi, tie, both_bad"):
        Tallies.from_votes([("ana", "t", "a", "b", "draw")])


def test_a_contender_against_itself_is_an_error():
    with pytest.raises(ValueError, match="itself"):
        Tallies.from_votes([("ana", "t", "a", "a", "lo")])


@pytest.mark.parametrize("by_task", [[PairCounts("t", "a", "b", 1, 0, 0, 0)], [PairCounts("t", "a", "c", 2, 0, 1, 0)]])
def test_tables_that_count_different_votes_are_refused(by_task):
    with pytest.raises(TallyMismatchError, match="--rebuild"):
        Tallies.from_rows([PairCounts(1, "a", "b", 2, 0, 1, 0)], by_task)


@given(vote_lists())
def test_tables_of_integers_are_those_of_the_rows(votes):
    people, tasks = sorted({vote[0] for vote in votes}), sorted({vote[1] for vote in votes})
    numbers = {name: 100 - place for place, name in enumerate(sorted({name for vote in votes for name in vote[2:4]}))}

    def rows(groups, column):
        counted = [
            (groups.index(vote[column]), numbers[vote[2]], numbers[vote[3]], *(int(vote[4] == one) for one in OUTCOMES))
            for vote in votes
        ]
        return np.array([*counted, (999, *list(numbers.values())[:2], 0, 0, 0, 0)])

    names = {number: name for name, number in numbers.items()} | {1: "never judged"}
    tallies = Tallies.from_arrays(rows(people, 0), rows(tasks, 1), names)
    expected = Tallies.from_votes(votes)
    assert tallies.contenders == expected.contenders
    assert tallies.digest == expected.digest
    assert tallies.by_reviewer.groups == tuple(range(len(people)))
    assert tallies.by_task.groups == tuple(range(len(tasks)))


def test_tables_of_integers_that_hold_nothing_are_empty_tallies():
    none = np.empty((0, 7), np.int64)
    assert Tallies.from_arrays(none, none, {1: "a"}).digest == Tallies.from_rows([]).digest


@pytest.mark.parametrize("by_task", [[[5, 1, 2, 1, 0, 0, 0]], [[5, 1, 3, 2, 0, 1, 0]]])
def test_tables_of_integers_that_count_different_votes_are_refused(by_task):
    with pytest.raises(TallyMismatchError, match="--rebuild"):
        Tallies.from_arrays(np.array([[7, 1, 2, 2, 0, 1, 0]]), np.array(by_task), {1: "a", 2: "b", 3: "c"})
