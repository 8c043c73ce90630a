"""What a leaderboard says of itself: who voted, whether they agree, what is missing until the first is surely first."""

import datetime as dt

import pytest

from evals.leaderboards.queries import LeaderboardView
from evals.leaderboards.trust import contest, panel
from evals.ratings import Params, Tallies, compute
from evals.ratings.agreement import Alpha
from evals.ratings.health import Finding, side_preference
from evals.voting.queries.reviewers import Voter

NOT_KNOWN = Alpha("unknown", 0, 0, why="no two reviewers have judged the same battle yet")
SIDES = Finding("unknown", 0)


def board(votes, **params):
    """`votes`: (reviewer, first, second, outcome, how many)."""
    cast = [
        (reviewer, f"task-{n}", first, second, outcome)
        for reviewer, first, second, outcome, many in votes
        for n in range(many)
    ]
    standings = compute(Tallies.from_votes(cast), Params(**params))
    return LeaderboardView(
        id=1, category="code", name="Code", seq=1, revision=0, votes=standings.votes, reviewers=standings.reviewers,
        computed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), method="", digest="", standings=standings, waiting=0,
    )  # fmt: skip


def even(wins, losses, reviewers=(1, 2, 3)):
    return [
        (reviewer, "basalt", "granite", outcome, many)
        for reviewer in reviewers
        for outcome, many in (("lo", wins), ("hi", losses))
    ]


def voters(*votes, unnamed=False):
    return [Voter(n, f"person {n}", many, unnamed) for n, many in enumerate(votes, 1)]


def checks(board, people=(), agreement=NOT_KNOWN, sides=SIDES):
    return [(check.state, check.label, check.value) for check in panel(board, people, agreement, sides).checks]


# the first against the second


def test_a_lead_that_is_sure_needs_no_further_votes():
    found = contest(board(even(60, 10)))
    assert (found.first, found.second) == ("basalt", "granite")
    these, people = found.checks
    assert (these.state, these.label) == ("ok", "For these 3 reviewers, for whom the category speaks")
    assert these.value.endswith("points: surely ahead, however often we look")
    assert people.label == "For people like them"


def test_a_lead_that_is_not_says_how_many_votes_are_missing():
    these, _ = contest(board(even(12, 8))).checks
    assert these.state == "wait"
    assert "more votes, likely" in these.value


def test_whom_the_category_speaks_for_comes_first():
    these, other = contest(board(even(12, 8), speaks_for="people")).checks
    assert these.label == "For people like them, for whom the category speaks"
    assert other.label == "For these 3 reviewers"


def test_where_tastes_differ_more_reviewers_help_more():
    one_way, other_way = even(40, 2, reviewers=(1, 2)), even(12, 28, reviewers=(3,))
    found = contest(board(one_way + other_way))
    assert found.checks[1].state == "wait"
    assert found.more_reviewers


def test_one_person_says_nothing_of_others():
    these, people = contest(board(even(12, 8, reviewers=(1,)))).checks
    assert these.label == "For the one reviewer, for whom the category speaks"
    assert (people.state, people.value) == ("unknown", "one person says nothing about others")


def test_level_contenders_get_no_number_that_means_nothing():
    these, _ = contest(board(even(10, 10))).checks
    assert these.value.endswith(("so the votes it takes cannot be estimated", "more votes at this lead"))


def test_the_first_is_compared_with_whom_it_met():
    apart = [(1, "marble", "slate", "lo", 3), *even(9, 3)]
    found = contest(board(apart))
    assert {found.first, found.second} == {"basalt", "granite"}


def test_nobody_was_compared():
    assert contest(board([(1, "basalt", "granite", "both_bad", 3)])) is None


# who voted


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ((40, 30, 30), "person 1 cast 40.0% of the votes."),
        ((10, 10, 10, 10, 10, 10), "3 of 6 cast 50.0% of the votes."),
        ((10,), ""),
        ((), ""),
    ],
)
def test_how_the_votes_are_spread(votes, words):
    assert panel(board(even(9, 3)), voters(*votes), NOT_KNOWN, SIDES).most == words


def test_votes_of_judges_nobody_named_are_counted():
    people = [*voters(5), *voters(7, unnamed=True)]
    assert panel(board(even(9, 3)), people, NOT_KNOWN, SIDES).unnamed == 7


@pytest.mark.parametrize(
    ("state", "alpha", "ci95", "tick", "words"),
    [
        ("good", 0.7, (0.6, 0.8), "ok", "Reviewers agree far more than chance"),
        ("good", 0.5, (0.4, 0.6), "ok", "Reviewers agree much more than chance"),
        ("good", 0.3, (0.2, 0.4), "ok", "Reviewers agree more than chance"),
        ("good", 0.15, (0.05, 0.25), "ok", "Reviewers agree a little more than chance"),
        ("bad", 0.1, (0.05, 0.15), "fail", "Reviewers agree a little more than chance"),
        ("bad", 0.05, (-0.05, 0.15), "fail", "Reviewers agree hardly more than chance"),
        ("bad", -0.3, (-0.4, -0.2), "fail", "Reviewers agree less than chance"),
        ("unknown", 0.3, (-0.1, 0.7), "unknown", "Whether they agree is not sure yet"),
    ],
)
def test_agreement_in_words(state, alpha, ci95, tick, words):
    found = Alpha(state, 120, 260, alpha, ci95, 0.62, 0.41)
    line = checks(board(even(9, 3)), agreement=found)[0]
    figures = f"alpha {alpha:.2f} ({ci95[0]:.2f} to {ci95[1]:.2f})".replace("-", "−")
    assert line == (tick, words, f"62.0% of verdicts alike on 120 shared battles, 41.0% by chance; {figures}")


def test_agreement_that_cannot_be_told_says_why():
    line = checks(board(even(9, 3)))[0]
    assert line == ("unknown", "Whether they agree is not known", NOT_KNOWN.why)


def test_a_leader_that_hangs_on_one_person_is_told():
    split = even(2, 8, reviewers=(1, 2)) + even(30, 0, reviewers=(3,))
    state, label, value = checks(board(split), voters(10, 10, 30))[1]
    assert (state, label) == ("fail", "Single reviewers decide who leads")
    assert value == "without person 3 granite would lead"


def test_a_leader_that_stands_without_anybody_is_told():
    assert checks(board(even(9, 3)))[1] == (
        "ok", "No single person decides who leads", "basalt leads without any one of them",
    )  # fmt: skip


def test_one_person_decides_where_nobody_else_voted():
    assert checks(board(even(9, 3, reviewers=(1,))))[1][:2] == ("unknown", "One person decides who leads")


def test_no_leader_where_not_all_were_compared():
    apart = [*even(9, 3), (1, "marble", "slate", "lo", 3)]
    assert checks(board(apart))[1][2] == "not all were compared"


def test_sides_in_words():
    def line(left, right):
        return checks(board(even(9, 3)), sides=side_preference(left, right))[2]

    assert line(200, 200)[:2] == ("ok", "Neither side is preferred")
    assert line(150, 50)[:2] == ("fail", "The left answer is preferred")
    assert line(50, 150)[:2] == ("fail", "The right answer is preferred")
    assert line(6, 4)[:2] == ("unknown", "Whether a side is preferred is not sure yet")
    assert line(6, 4)[2].startswith("left won 60.0% of 10 decisive votes (")
    assert line(0, 0)[2] == "imported votes do not say what was left"
