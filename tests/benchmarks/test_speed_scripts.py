"""The speed benchmark, small: it runs, and ours and the peers rate the same votes alike. No time is asserted."""

import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import ratings_speed
from benchmarks.__main__ import main, scripts
from benchmarks.ratings_speed import Row, Sizes, measure
from benchmarks.speed import bootstrap, evalica_calls
from benchmarks.speed.arena_rank import ArenaRank
from benchmarks.speed.environment import LOCK, PLACE, peers_python
from benchmarks.speed.logs import draw, draw_tallies, names, strengths, write_arrays, write_strings
from benchmarks.speed.memory import peak_of
from benchmarks.speed.ours import OneVoteMore, from_arrays, from_strings
from benchmarks.speed.timing import beside
from evals.ratings import POINTS, count_pairs, fit_bradley_terry, fit_davidson

K = 6
VOTES = draw(20_000, K)
SMALL = Sizes(
    logs=(500, 2_000),
    contenders=(5,),
    reviewers=3,
    repeats=1,
    leaderboards=((200, 4, 3),),
    strings=(2_000, 5),
    integers=(1_000, 4),
    many_integers=(2_000, 5),
    turns=1,
    bootstrap_rounds=2,
)
installed = pytest.mark.skipif(
    not (PLACE / "installed").exists(), reason="arena-rank is not installed: `make bench` does it"
)


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    file = tmp_path_factory.mktemp("log") / "votes.csv"
    write_strings(VOTES, K, file)
    return file


@pytest.fixture(scope="module")
def log(csv):
    return pd.read_csv(csv)


@pytest.fixture(scope="module")
def likelihood():
    """Plain Bradley-Terry, ties as half a win: what all peers fit."""
    return fit_bradley_terry(*count_pairs(*VOTES, K)).theta


def test_every_row_is_measured(tmp_path):
    rows = list(measure(SMALL, tmp_path, None))
    works = [row.work for row in rows]
    for part in ("base intervals", "spread of 3", "whole leaderboard", "strings", "own", "integer", "memory above"):
        assert any(part in work for work in works), part
    assert all(row.ours > 0 for row in rows)
    assert {row.peer for row in rows} == {
        "",
        "FastChat's bootstrap",
        "the same with lean sums",
        "evalica, no intervals",
    }


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("w", 1.0), ""),
        (Row("w", 1.0, limit=2.0), "holds"),
        (Row("w", 3.0, limit=2.0), "MISSED"),
        (Row("w", 3.0, cpu=2.5, limit=2.0), "MISSED"),
        (Row("w", 3.0, cpu=1.5, limit=2.0), "holds by cpu"),
        (Row("w", 1.0, peer="p", theirs=40.0, ratio=40.0), ""),
        (Row("w", 1.0, peer="p", theirs=40.0, ratio=40.0, least=30), "holds"),
        (Row("w", 1.0, limit=2.0, peer="p", theirs=20.0, ratio=20.0, least=30), "MISSED"),
        (Row("w", 3.0, cpu=1.5, limit=2.0, peer="p", theirs=20.0, ratio=20.0, least=30), "MISSED"),
    ],
)
def test_a_row_holds_when_its_limit_and_its_ratio_do(row, verdict):
    assert row.verdict == verdict
    assert str(row).endswith(verdict)


def test_a_ratio_is_that_of_the_peers_own_turn():
    peer = iter([3.0, 1.0, 2.0])
    measured = beside(lambda: None, {"peer": lambda: next(peer)}, turns=3)
    ms, ratio = measured.peers["peer"]
    assert ms == 2_000
    assert ratio > ms  # doing nothing takes less than a ms


def test_strings_and_arrays_give_the_same_ratings(log):
    told, counted = from_strings(log), from_arrays(VOTES, K)
    assert told.theta == pytest.approx(counted.theta, abs=1e-9)
    assert told.variance == pytest.approx(counted.variance, abs=1e-9)


def test_the_tallies_are_those_of_such_a_log():
    tallies = draw_tallies(20_000, K, 4)
    assert tallies.votes == 20_000
    assert tallies.contenders == tuple(names(K))
    assert (tallies.by_reviewer.votes_by_group > 4_500).all()
    for wins, ties in ((tallies.wins, tallies.ties), count_pairs(*VOTES, K)):
        theta = fit_davidson(wins, ties).theta
        assert theta - theta.mean() == pytest.approx(strengths(K) - strengths(K).mean(), abs=0.1)


def test_one_vote_more_is_rated_as_if_from_nothing():
    tallies = draw_tallies(2_000, K, 3)
    before = tallies.by_reviewer.counts.sum()
    one_more = OneVoteMore(tallies)
    after = one_more.unread()
    assert after.votes == before + 1
    cold = fit_davidson(after.wins, after.ties)
    assert one_more.base().theta == pytest.approx(cold.theta, abs=1e-9)
    ratings, spread = one_more.with_reviewers()
    assert ratings.theta == pytest.approx(cold.theta, abs=1e-9)
    assert spread.count == 3


@pytest.mark.parametrize("lean", [True, False])
def test_the_bootstrap_rates_as_the_likelihood_does(log, likelihood, lean):
    ratings, limits = bootstrap.intervals(log, lean=lean)
    assert ratings == pytest.approx(likelihood * POINTS, abs=0.1)
    assert (limits[0] < ratings).all()
    assert (ratings < limits[1]).all()
    ours = from_strings(log)
    half_widths = 1.96 * POINTS * np.sqrt(ours.variance.mean(axis=1) / 2)
    assert (limits[1] - limits[0]) / 2 == pytest.approx(half_widths, rel=0.5)
    assert bootstrap.seconds_of(log, measured=2, lean=lean) > 0


def test_evalica_rates_as_the_likelihood_does(log, likelihood):
    public = np.log(evalica_calls.from_strings(log).loc[names(K)].to_numpy())
    typed = np.log(evalica_calls.Typed(VOTES, K).scores())
    for scores in (public, typed):
        assert scores - scores.mean() == pytest.approx(likelihood, abs=1e-3)


def test_all_rank_alike(log, likelihood):
    ours = from_arrays(VOTES, K).theta
    rankings = [likelihood, evalica_calls.Typed(VOTES, K).scores(), bootstrap.intervals(log, lean=True)[0]]
    assert all((np.argsort(other) == np.argsort(ours)).all() for other in rankings)


@installed
def test_arena_rank_rates_as_the_likelihood_does(csv, likelihood, tmp_path):
    arrays = tmp_path / "votes.npz"
    write_arrays(VOTES, K, arrays)
    for kind, file, order in (("strings", csv, names(K)), ("integers", arrays, [str(place) for place in range(K)])):
        with ArenaRank(peers_python(), kind, file) as arena_rank:
            assert arena_rank.turn() > 0
        ratings = np.array([arena_rank.ratings[name] for name in order])
        assert ratings - ratings.mean() == pytest.approx(likelihood * POINTS, abs=0.1)


def test_a_peer_that_cannot_start_says_why(csv):
    """Arena's own environment has no arena-rank."""
    with pytest.raises(RuntimeError, match="No module named 'arena_rank'"), ArenaRank(sys.executable, "strings", csv):
        pass


def test_another_log_is_not_taken_for_the_same():
    ratings = dict(zip(names(K), range(K), strict=True))
    ratings_speed.check_same_log(np.arange(K), ratings, names(K))
    with pytest.raises(RuntimeError, match="not the same log"):
        ratings_speed.check_same_log(np.arange(K)[::-1], ratings, names(K))


def test_an_environment_that_has_what_the_lock_names_is_used_as_it_is(tmp_path):
    (tmp_path / "installed").write_text(LOCK.read_text())
    assert peers_python(tmp_path).is_relative_to(tmp_path)


def test_memory_is_told_above_the_log(csv, tmp_path):
    arrays = tmp_path / "votes.npz"
    write_arrays(VOTES, K, arrays)
    for kind, file in (("strings", csv), ("integers", arrays)):
        assert 10_000 < peak_of(kind, file) < 10_000_000


def test_a_benchmark_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        main(["rating_sped"])
    said = capsys.readouterr().err
    assert "no benchmark is called rating_sped" in said
    assert "ratings_speed" in said
    assert "ratings_speed" in scripts()
