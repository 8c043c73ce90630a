"""Years of votes, short: they see a switch where the gate is bad enough, and the application goes the same way."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated_years import Follow, Played, chosen, difference, holds, told, told_years
from benchmarks.years.course import Course, follow
from benchmarks.years.evening import Evening
from benchmarks.years.pure import evenings
from benchmarks.years.real.services import evenings as real_evenings
from benchmarks.years.votes import SCENES, VERDICTS, Scene, Vote, Year, expected_score
from routing.policy.parse import default_document, parse
from tests.processes import ROOT

UNEVEN, _, ALIKE, PEOPLE = SCENES.values()
SHIPPED = parse(default_document())
# As bad as a policy may be: wrong half of the time, and soon.
CARELESS = {"every_category": {"gate": {"alpha": 0.5, "min_votes": 3}}}
# In a quiet category the first three years see a switch under it within three weeks, the fourth does not.
QUIET = replace(ALIKE, votes_a_day=3)


def told_of(seen: list[Evening]) -> list[dict[str, object]]:
    return [one.told() for one in seen]


def test_a_year_is_the_same_votes_wherever_it_is_drawn():
    votes = [vote for day in Year(5).by_day() for vote in day]
    assert votes == [vote for day in Year(5).by_day() for vote in day]
    assert votes != [vote for day in Year(6).by_day() for vote in day]
    assert list(Year(5, days=20).by_day()) == list(Year(5).by_day())[:20]
    assert [vote.n for vote in votes] == list(range(len(votes)))
    assert 2_700 < len(votes) < 3_100
    said = np.bincount([vote.decision for vote in votes], minlength=len(VERDICTS)) / len(votes)
    assert said == pytest.approx([0.37, 0.37, 0.19, 0.07], abs=0.06)


def test_a_verdict_is_of_a_side_and_counts_for_a_contender():
    for left, outcomes in ((0, [0, 1, 2, 3]), (1, [1, 0, 2, 3])):
        assert [Vote(0, 0, 0, left, decision).outcome for decision in range(4)] == outcomes


def test_nobody_is_ahead_in_all_the_votes_of_a_panel():
    """Whatever its members prefer; of people like them neither is better, of these somebody is."""
    for seed in range(5):
        panel, people = Year(seed, UNEVEN), Year(seed, PEOPLE)
        shares = UNEVEN.world.shares
        assert np.abs(panel.leads).max() > 0.1
        assert expected_score(panel.leads, panel.sides, shares) == pytest.approx(0, abs=1e-9)
        assert abs(expected_score(people.leads, people.sides, shares)) > 1e-3
        assert np.diff(panel.leads) == pytest.approx(np.diff(people.leads))
    assert Year(1, ALIKE).leads == pytest.approx(0, abs=1e-9)


def test_a_careless_gate_is_seen_to_switch_and_the_shipped_one_is_not():
    def switches(policy: object) -> list[int]:
        return [follow(Year(seed, QUIET, days=21), policy, in_full=True).switches for seed in range(4)]

    assert switches(parse(CARELESS)) == [1, 1, 1, 0]
    assert switches(SHIPPED) == [0, 0, 0, 0]


@pytest.mark.parametrize("scene", [ALIKE, PEOPLE])
def test_rules_without_a_gate_switch_where_arena_does_not(scene: Scene):
    """Were a lead of 17 points enough for the gate, three of these years would see a switch."""
    courses = [follow(Year(seed, scene, days=120), SHIPPED) for seed in range(12)]
    assert not any(course.switches for course in courses)
    assert np.mean([course.by_lead > 0 for course in courses]) > 0.3
    assert {course.first for course in courses} <= set(range(3, 9))


@pytest.mark.parametrize("scene", [UNEVEN, PEOPLE])
def test_a_year_goes_the_same_way_when_only_telling_evenings_are_looked_at(scene: Scene):
    year = Year(3, scene, days=90)
    assert follow(year, SHIPPED) == follow(year, SHIPPED, in_full=True)


@pytest.mark.django_db
@pytest.mark.runs_once(on="sqlite", because="it compares the rules with the services, which have tests on both")
@pytest.mark.parametrize(
    ("year", "policy"),
    [
        (Year(2, QUIET, days=30), CARELESS),
        (Year(2, UNEVEN, days=7), None),
        (Year(2, replace(PEOPLE, votes_a_day=2.5), days=20), None),
    ],
    ids=["careless, with a switch", "as shipped", "for people, who do not vote every day"],
)
def test_the_application_goes_the_same_way_vote_for_vote(year: Year, policy: dict[str, object] | None):
    by_rules = list(evenings(year, parse(policy or default_document())))
    in_arena = real_evenings(year, policy)
    assert difference(told_of(by_rules), told_of(in_arena)) == ""

    causes = [seen.cause for seen in in_arena]
    assert {"first", "refresh"} <= set(causes)
    assert causes.count("switched") == (policy is not None)
    idle = any(not votes for votes in year.by_day())
    assert idle == (year.scene.votes_a_day < 8)
    assert in_arena[-1].standings.votes == sum(map(len, year.by_day()))


def test_a_difference_is_told_with_its_day_and_both_figures():
    seen = told_of(list(evenings(Year(1, days=6), SHIPPED)))
    assert difference(seen, seen) == ""
    assert difference(seen, [*seen[:4], seen[4] | {"version": 9}, *seen[5:]]).startswith("day 4 differs\n  version: ")
    assert "there None" in difference(seen, seen[:5])


def test_a_share_is_told_with_its_error_and_judged_by_it():
    assert told([True] * 20 + [False] * 380) == " 5.00% ± 1.09% (3.3% to 7.6%)"
    assert holds([True] * 20 + [False] * 380)
    assert not holds([True] * 21 + [False] * 379)
    assert "4 (5)" in told_years([Course(0, 4, 0, 0, 1, 0), Course(1, 5, 0, 0, 0, 0), Course(2, 4, 1, 1, 0, 0)])


def test_years_with_a_switch_are_played_for_real_before_others():
    def course(seed: int, switches: int) -> Course:
        return Course(seed, 4, switches, switches, 0, 0)

    played = [Played("a", [course(seed, seed % 4 == 3) for seed in range(8)]), Played("b", [course(0, 2)])]
    assert chosen(played, 4) == [("a", 3), ("a", 7), ("a", 0), ("a", 1)]
    assert chosen(played, 6) == [("a", 3), ("a", 7), ("b", 0), ("a", 0), ("a", 1), ("a", 2)]


def test_a_year_that_is_followed_in_full_is_held_against_itself():
    assert Follow(replace(UNEVEN, votes_a_day=0.2), in_full=1)(0).seed == 0


def test_the_rules_need_no_database():
    script = "import sys, benchmarks.years.course; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
