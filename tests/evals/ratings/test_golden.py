"""Our own figures on real and on synthetic votes, fixed: a change of any is a change of method, never an accident."""

import json
from pathlib import Path

import pytest

from evals.ratings import Tallies, compute
from tests.golden import make_synthetic
from tests.golden.make_llmfao import counts, figures, from_counts, votes

GOLDEN = Path(__file__).parents[2] / "golden"


def golden(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def assert_near(found, expected, where="the result"):
    """To the digits kept, and to the letter where there are none."""
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for name, value in expected.items():
            assert_near(found[name], value, f"{where}, {name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for n, value in enumerate(expected):
            assert_near(found[n], value, f"{where}[{n}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=2e-6), where
    else:
        assert found == expected, where


def test_the_default_model_gives_its_golden_figures():
    assert_near(figures(compute(from_counts(golden("llmfao-counts.json")))), golden("llmfao-default.json"))


def test_the_whole_file_gives_its_golden_figures(data):
    tallies = Tallies.from_votes(votes(data))
    assert_near({"digest": tallies.digest} | figures(compute(tallies)), golden("llmfao-whole.json"))


def test_the_golden_counts_are_those_of_the_file(data):
    assert counts(Tallies.from_votes(votes(data))) == golden("llmfao-counts.json")


@pytest.mark.parametrize("way", make_synthetic.WAYS)
def test_the_synthetic_votes_give_their_golden_figures(way):
    """All that is stored and all that a gate asks: for a panel, for people, with an anchor and somebody retired."""
    assert_near(make_synthetic.figures(make_synthetic.stored())[way], golden("synthetic-standings.json")[way])


def test_the_synthetic_votes_keep_their_digest():
    assert Tallies.from_votes(make_synthetic.stored()).digest == golden("synthetic-standings.json")["digest"]
