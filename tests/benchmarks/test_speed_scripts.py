"""The speed benchmarks, small: they run, and Arena and its peers rate the same votes alike. No time is asserted."""

import shutil
import sys

import numpy as np
import pytest
from django.db import connection

from benchmarks import import_and_rank, ratings_speed
from benchmarks.__main__ import main, scripts
from benchmarks.import_and_rank import check_same_votes
from benchmarks.ratings_speed import Row
from benchmarks.speed.environment import LOCK, PLACE, peers_python
from benchmarks.speed.logs import draw, draw_tallies, names, strengths, write_csv
from benchmarks.speed.ours import OneVoteMore
from benchmarks.speed.timing import medians
from evals.ratings import Tallies, fit_davidson

K = 6
SMALL = import_and_rank.Sizes(votes=(1_500,), contenders=K, reviewers=4, tasks=20, turns=1)
installed = pytest.mark.skipif(
    not (PLACE / "installed").exists(), reason="arena-rank is not installed: `make bench` does it"
)


def test_the_commands_and_a_peer_rate_the_same_file(tmp_path, migrated_database):
    """`measure` itself compares the ratings, and the votes that `rank` counted with those of the file."""
    if migrated_database and connection.vendor == "sqlite":
        (tmp_path / "empty").mkdir()
        shutil.copy(migrated_database, tmp_path / "empty" / "arena.sqlite3")
    rows = list(import_and_rank.measure(SMALL, tmp_path, None))
    assert [row.work.partition(": ")[2] for row in rows] == ["import_votes", "rank", "evalica, no intervals"]
    assert all(row.cpu > 0 for row in rows)
    both, rank = rows[-1].times
    assert both > rank > 0


@installed
def test_arena_rank_rates_the_same_file(tmp_path):
    rows = list(import_and_rank.measure(SMALL, tmp_path, peers_python()))
    assert rows[-1].work.endswith("arena-rank")


def test_the_file_holds_the_votes_drawn(tmp_path):
    votes, file = draw(3_000, K), tmp_path / "votes.csv"
    write_csv(votes, SMALL, file)
    lines = [line.split(",") for line in file.read_text().splitlines()]
    assert lines[0] == ["question_id", "model_a", "model_b", "winner", "judge"]
    assert [line[1] for line in lines[1:]] == [names(K)[place] for place in votes.first]
    assert len({line[4] for line in lines[1:]}) == SMALL.reviewers


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="No such file"):
        import_and_rank.run([sys.executable, tmp_path / "missing.py"])


def test_other_votes_are_not_taken_for_the_same():
    ratings = dict(zip(names(K), range(K), strict=True))
    check_same_votes(ratings, ratings)
    with pytest.raises(RuntimeError, match="not the same votes"):
        check_same_votes(ratings, dict(zip(names(K), reversed(range(K)), strict=True)))


def test_every_row_of_the_maths_is_measured():
    sizes = ratings_speed.Sizes(logs=(500, 2_000), contenders=(5,), reviewers=3, repeats=1, leaderboards=((200, 4, 3),))
    works = [row.work for row in ratings_speed.measure(sizes)]
    for part in ("base intervals", "spread of 3", "whole leaderboard"):
        assert any(part in work for work in works), part


@pytest.mark.parametrize(
    ("row", "result"),
    [
        (Row("w", 1.0, 1.0), ""),
        (Row("w", 1.0, 1.0, limit=2.0), "holds"),
        (Row("w", 3.0, 2.5, limit=2.0), "MISSED"),
        (Row("w", 3.0, 1.5, limit=2.0), "holds by cpu"),
    ],
)
def test_a_row_holds_when_its_limit_does(row, result):
    assert row.result == result
    assert str(row).endswith(result)


def test_the_first_run_is_not_counted():
    runs = []
    medians(lambda: runs.append(1), times=3)
    assert len(runs) == 4


def test_the_tallies_are_those_of_such_a_log():
    tallies = draw_tallies(20_000, K, 4)
    assert tallies.votes == 20_000
    assert tallies.contenders == tuple(names(K))
    assert (tallies.by_reviewer.votes_by_group > 4_500).all()
    votes = draw(20_000, K)
    known, outcomes = names(K), ("lo", "hi", "tie")
    drawn = Tallies.from_votes(
        ("r", "t", known[first], known[second], outcomes[outcome])
        for first, second, outcome in zip(*(column.tolist() for column in votes), strict=True)
    )
    for counted in (tallies, drawn):
        theta = fit_davidson(counted.wins, counted.ties).theta
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
    assert np.isfinite(ratings.variance).all()


def test_an_environment_that_has_what_the_lock_names_is_used_as_it_is(tmp_path):
    (tmp_path / "installed").write_text(LOCK.read_text())
    assert peers_python(tmp_path).is_relative_to(tmp_path)


def test_a_benchmark_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        main(["rating_sped"])
    printed = capsys.readouterr().err
    assert "no benchmark is called rating_sped" in printed
    assert "ratings_speed" in printed
    assert "ratings_speed" in scripts()
