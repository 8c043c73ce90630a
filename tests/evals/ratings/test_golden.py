"""Our own figures on the llmfao comparisons, fixed: a change of any is a change of method, never an accident."""

import json
from pathlib import Path

import pytest

from evals.ratings import Tallies, compute
from tests.golden.make_llmfao import counts, figures, from_counts, votes

GOLDEN = Path(__file__).parents[2] / "golden"


def golden(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def assert_same(found, expected):
    assert [row[0] for row in found["ratings"]] == [row[0] for row in expected["ratings"]]
    for ours, theirs in zip(found["ratings"], expected["ratings"], strict=True):
        assert ours[1:] == pytest.approx(theirs[1:], abs=1e-4)
    for name in ("ln_ties", "tastes", "df", "task_factor"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6)


def test_the_default_model_gives_its_golden_figures():
    assert_same(figures(compute(from_counts(golden("llmfao-counts.json")))), golden("llmfao-default.json"))


def test_the_whole_file_gives_its_golden_figures(data):
    tallies = Tallies.from_votes(votes(data))
    expected = golden("llmfao-whole.json")
    assert tallies.digest == expected["digest"]
    assert_same(figures(compute(tallies)), expected)


def test_the_golden_counts_are_those_of_the_file(data):
    assert counts(Tallies.from_votes(votes(data))) == golden("llmfao-counts.json")
