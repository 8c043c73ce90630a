"""The simulations behind docs/evidence.md, small and with fixed seeds: they run, and they find what they found."""

import numpy as np
import pytest

from benchmarks.interval_coverage import Cell, Play
from benchmarks.method_choices import measure
from benchmarks.pair_draw import fields, figures
from benchmarks.simulation.cheaper import votes_until_not_worse
from benchmarks.simulation.gates import fixed_sample, play_gates
from benchmarks.simulation.play import as_voted, looks, standings_of
from benchmarks.simulation.world import World, all_equal, best_leads, tied_at_the_top
from evals.ratings import from_points, to_points

UNEVEN = World((0.0, 0.2, 0.5, 0.1), reviewers=4, tastes=0.4, sitting=20, diligence=(0.7, 0.15, 0.1, 0.05))


@pytest.mark.parametrize(
    "world",
    [
        UNEVEN,
        World(all_equal(2), reviewers=2),
        World(all_equal(5), reviewers=5, tastes=0.3, joins={4: 60}, newcomer_share=0.3),
        World(best_leads(6, 139), reviewers=3, draw="uniform"),
    ],
)
def test_the_batch_fits_what_the_ratings_fit(world):
    rows = np.arange(6)
    for look in looks(world, 6, np.random.default_rng(2), votes=300, every=5, at=lambda n: n in (150, 300)):
        tastes, q = look.batch.spread(rows)
        for replicate in rows.tolist():
            real = standings_of(look, replicate, people=True)
            assert look.batch.theta[replicate] == pytest.approx(real.theta, abs=1e-3)
            assert look.batch.covariance[replicate] == pytest.approx(real.covariance, abs=1e-3)
            assert tastes[replicate] == pytest.approx(real.tastes, rel=0.02, abs=1e-3)
            assert q[replicate] == pytest.approx(real.lead(0, 1).q)


def test_a_panel_is_held_to_what_its_own_people_prefer():
    """With a taste of their own and all of the votes, one person's favourite is the panel's."""
    world = World(all_equal(3), reviewers=1, tastes=1.0)
    (look,) = looks(world, 3, np.random.default_rng(1), votes=200, every=5, at=lambda n: n == 200)
    for replicate in range(3):
        own = look.truth.tastes[replicate, 0]
        estimated = as_voted(look, replicate)
        assert estimated - estimated.mean() == pytest.approx(own - own.mean(), abs=0.15)


@pytest.mark.parametrize("strengths", [all_equal(5), tied_at_the_top(5)])
def test_nothing_better_is_hardly_ever_switched_to(strengths):
    world = World(strengths, reviewers=5)
    results = play_gates(world, gates=("panel", "people", "naive"), size=60, votes=600, every=5, seed=1)
    assert max(results["panel"].false, results["people"].false) <= 0.05
    assert results["naive"].false > 0.2
    assert max(result.difference for result in results.values()) < 0.01


def test_one_person_who_casts_most_votes_is_not_taken_for_everybody():
    world = World(all_equal(5), reviewers=5, tastes=0.6, diligence=(0.85, 0.06, 0.04, 0.03, 0.02))
    assert play_gates(world, gates=("people",), size=60, votes=600, every=5, seed=1)["people"].false <= 0.05


def test_one_reviewer_passes_the_exact_gate_alone():
    results = play_gates(World(all_equal(3), reviewers=1), gates=("exact",), size=60, votes=500, every=5, seed=1)
    assert results["exact"].false <= 0.05
    better = play_gates(World(best_leads(2, 250), reviewers=1), gates=("exact",), size=20, votes=500, every=5, seed=1)
    assert np.isfinite(better["exact"].votes).mean() > 0.9


def test_a_lead_is_switched_to_and_then_kept():
    world = World(best_leads(4, 250), reviewers=4)
    result = play_gates(world, gates=("panel",), size=30, votes=600, every=5, seed=1, chain=True)["panel"]
    assert [switches[0].to for switches in result.switches] == [3] * 30
    assert result.false == 0
    half, most = fixed_sample(world, size=30, votes=600, every=20, seed=1)
    assert half <= most <= np.median(result.votes)


def test_drawing_by_the_standings_takes_fewer_votes_than_drawing_uniformly():
    strengths = (0.0, *(-from_points(points) for points in (60, 120, 180)), from_points(139))
    ours = figures(World(strengths, reviewers=3), 30)
    uniform = figures(World(strengths, reviewers=3, draw="uniform"), 30)
    assert ours.votes < uniform.votes
    assert ours.named > 0.9


def test_the_fields_of_the_draw_have_the_leads_they_name():
    for said, world in fields().items():
        strengths = np.array(world.strengths)
        assert strengths.argmax() == 7
        assert f"lead {to_points(strengths[7] - strengths[0]):.0f}" in said


def test_every_choice_of_method_is_held_against_another():
    rows = list(measure(8))
    assert len(rows) == 9
    assert [row.question for row in rows if not row.better] == []


def test_as_far_behind_as_is_not_allowed_is_never_let_through():
    def share(points: float) -> float:
        world = World((from_points(points), 0.0, 0.0), reviewers=2)
        found = votes_until_not_worse(world, points=100, tried=1, size=20, votes=800, every=10, seed=1)
        return float(np.isfinite(found).mean())

    assert share(-100) == 0
    assert share(50) > 0.8


@pytest.mark.parametrize(
    "cell",
    [
        Cell("panel", World(all_equal(4), reviewers=3, tastes=0.6)),
        Cell("people", World((0.0, 0.3, 0.6, 0.9), reviewers=8, tastes=0.3)),
        Cell("own scale", World(all_equal(4), reviewers=1, tastes=0.6, draw="uniform")),
    ],
)
def test_intervals_hold_the_truth(cell):
    _, _, covered = Play(40)(("quick", cell))
    assert covered.share.min() > 0.9
    assert covered.error.max() < 0.03
