"""Both bad is a vote, and says nothing of who is better: gates and words count the votes that compare."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arena.ui.wording import describe_votes
from evals.ratings import Rating, Tallies, compute
from routing.decisions.eligibility import check_candidate
from routing.decisions.gate import RouteDecision
from routing.decisions.planner import make_plan
from routing.policy.forms import RULES, FieldsForm
from routing.policy.parse import default_document, parse
from routing.policy.schema import Limits
from tests.routing.boards import NOW, board, evidence_of, model

EAGER = {"gate": {"min_votes": 30, "min_reviewers": 1, "single_reviewer": True, "dwell_hours": 0}}


def decided(
    counts: dict[tuple[str, str], tuple[int, int, int, int]], reviewers: int = 1, **rules: object
) -> RouteDecision:
    """Of a category with these wins, losses, ties and both bad, under a policy that says no more than `rules`."""
    votes = [
        (f"reviewer-{n % reviewers}", f"task-{n}", lo, hi, outcome)
        for (lo, hi), times in counts.items()
        for n, outcome in enumerate(
            one for name, k in zip(("lo", "hi", "tie", "both_bad"), times, strict=True) for one in [name] * k
        )
    ]
    standings = compute(Tallies.from_votes(votes))
    known = evidence_of(None, models=[model(str(slug)) for slug in standings.contenders])
    made = replace(
        board({("x", "y"): (1, 0, 0)}), standings=standings, votes=standings.votes, reviewers=standings.reviewers
    )
    category = replace(known.categories[0], board=made)
    policy = parse({"every_category": EAGER | rules})
    planned = make_plan(
        policy, replace(known, categories=(category,)), policy_version=1, previous=None, published={}, now=NOW
    )
    return planned.decisions[0].decision


def test_twenty_eight_both_bad_and_two_wins_are_two_votes():
    decision = decided({("a", "b"): (2, 0, 0, 28)}, limits={"max_both_bad_rate": None})
    assert (decision.outcome, decision.to, decision.votes_to_go) == ("held", None, 28)
    assert "2 of 30 votes that compare (28 more say that both answers are bad)" in decision.reason
    (votes, *_) = decision.checks
    assert (votes.state, votes.value) == ("wait", "2 of 30 compare, needs 30")


def test_enough_votes_that_compare_pass_and_both_numbers_are_said():
    decision = decided({("a", "b"): (28, 3, 0, 9)})
    assert (decision.outcome, decision.to) == ("first", "a")
    assert "after 40 votes, 31 of them comparing, by 1 reviewer" in decision.reason


def test_a_new_policy_keeps_out_who_is_mostly_found_bad():
    counts = {("a", "b"): (40, 2, 0, 200)}
    assert parse({}).rules("code").limits.max_both_bad_rate == 0.5
    decision = decided(counts)
    assert (decision.outcome, decision.to) == ("held", None)
    assert "a (both-bad rate: 82.6%, limit 50.0%)" in decision.reason
    assert decided(counts, limits={"max_both_bad_rate": None}).to == "a"


def rated(both_bad: int, of: int) -> Rating | None:
    if not of:
        return None
    good = of - both_bad
    votes = [("r", f"t{n}", "a", "b", "lo" if n < good else "both_bad") for n in range(of)]
    return compute(Tallies.from_votes(votes)).rating("a")


@pytest.mark.parametrize(
    ("both_bad", "of", "routed"),
    # With few votes only a share that is surely above the limit. Without any, a policy may still name it.
    [(0, 0, True), (1, 1, True), (3, 3, True), (4, 4, False), (10, 19, True), (10, 20, True), (11, 20, False)],
)
def test_a_handful_of_votes_takes_no_route_away(both_bad: int, of: int, routed: bool):
    candidate = check_candidate(model("a"), rating=rated(both_bad, of), limits=Limits())
    assert candidate.eligible is routed


def test_saving_a_form_neither_turns_the_limit_on_nor_hides_that_it_is_off():
    every = default_document()["every_category"]
    for stored in (None, 0.5, 0.2):
        every["limits"]["max_both_bad_rate"] = stored
        texts = FieldsForm.texts_of(RULES, every, spelled=True)
        saved = FieldsForm(RULES, prefix="rules", texts=texts).values()
        assert parse({"every_category": saved}).every_category.limits.max_both_bad_rate == stored


@pytest.mark.parametrize(
    ("votes", "compared", "reviewers", "words"),
    [
        (31, 31, 2, "31 votes by 2 reviewers"),
        (30, 2, 1, "30 votes, 2 of them comparing, by 1 reviewer"),
        (6, 0, 0, "6 votes, none of them comparing"),
        (30, 2, None, "30 votes, 2 of them comparing"),
        (0, 0, 0, "0 votes"),
    ],
)
def test_both_numbers_are_said_where_they_differ(votes: int, compared: int, reviewers: int | None, words: str):
    assert describe_votes(votes, compared, reviewers) == words
