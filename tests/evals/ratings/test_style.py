"""Style effects: planted ones are recovered with intervals that hold, absent ones stay absent, and the plain fit of the
same votes is the leaderboard's."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from evals.ratings import FEATURES, POINTS, StyleCounts, StyledVotes, count_style, fit_davidson, fit_style

K = 5
THETA = np.linspace(-0.8, 0.8, K)


def votes(seed, *, beta, n=400, reviewers=12, taste=0.0):
    """One row a vote. Stronger contenders write longer answers, so that ratings and style pull at the same votes;
    `taste` is the SD of each reviewer's own effect around `beta`."""
    rng = np.random.default_rng(seed)
    lo, hi = np.array([rng.choice(K, 2, replace=False) for _ in range(n)]).T
    x = rng.normal(0.6 * THETA[lo], 1) - rng.normal(0.6 * THETA[hi], 1)
    who = rng.integers(reviewers, size=n)
    own = beta + rng.normal(0, taste, reviewers)
    half = (THETA[lo] - THETA[hi] + own[who] * x) / 2
    weights = np.array([np.exp(half), np.exp(-half), np.full(n, 0.5)])
    drawn = (rng.random(n) > np.cumsum(weights / weights.sum(axis=0), axis=0)).sum(axis=0)
    return StyledVotes(who, lo, hi, *((drawn == k).astype(int) for k in range(3)), x[:, None])


def fit(data, **given):
    return fit_style(data, contenders=K, features=["length"], sds=[1.0], **given)


@pytest.mark.parametrize(("beta", "taste"), [(0.0, 0.0), (0.4, 0.0), (0.4, 0.4)])
def test_a_planted_effect_lies_in_its_interval_as_often_as_the_interval_says(beta, taste):
    fits = [fit(votes(seed, beta=beta, taste=taste)) for seed in range(25)]
    found = [one.effects[0] for one in fits]
    held = np.mean([low <= beta * POINTS <= high for low, high in (effect.ci95 for effect in found)])
    assert all(one.converged for one in fits)
    assert 0.88 <= held <= 1
    if not taste:  # Averaged over people who differ, a logistic effect is smaller than the mean of theirs.
        assert np.mean([effect.points for effect in found]) == pytest.approx(beta * POINTS, abs=10)


def test_reviewers_who_differ_widen_the_interval():
    def width(taste):
        low, high = fit(votes(1, beta=0.4, n=3000, reviewers=8, taste=taste)).effects[0].ci95
        return high - low

    assert width(0.6) > 2 * width(0.0)


def test_what_style_adds_is_taken_out_of_the_ratings():
    told = fit(votes(3, beta=1.0, n=4000))
    true = 1000 + THETA * POINTS
    off = [(abs(row.rating - true[row.contender]), abs(row.plain - true[row.contender])) for row in told.ratings]
    assert max(styled for styled, _ in off) < 25 < max(plain for _, plain in off)
    assert [row.place for row in told.ratings] == [1, 2, 3, 4, 5]


def test_without_features_it_is_the_leaderboards_fit():
    data = votes(4, beta=0.3)
    wins, ties = np.zeros((K, K)), np.zeros((K, K))
    np.add.at(wins, (data.lo, data.hi), data.wins)
    np.add.at(wins, (data.hi, data.lo), data.losses)
    np.add.at(ties, (data.lo, data.hi), data.ties)
    theta = fit_davidson(wins, ties + ties.T).theta
    plain = {row.contender: row.plain for row in fit(data).ratings}
    assert [plain[i] for i in range(K)] == pytest.approx(list(1000 + (theta - theta.mean()) * POINTS), abs=1e-6)


def test_swapping_sides_and_counting_rows_together_change_nothing():
    data = votes(5, beta=0.5)
    once = fit(data)
    other = StyledVotes(data.reviewer, data.hi, data.lo, data.losses, data.wins, data.ties, -data.difference)
    twice = StyledVotes(*(np.concatenate([part, part]) for part in vars(data).values()))
    doubled = StyledVotes(
        data.reviewer, data.lo, data.hi, 2 * data.wins, 2 * data.losses, 2 * data.ties, data.difference
    )
    assert fit(other).effects[0].points == pytest.approx(once.effects[0].points, abs=1e-7)
    assert fit(twice).effects[0].ci95 == pytest.approx(fit(doubled).effects[0].ci95, abs=1e-7)


def test_a_feature_in_which_hardly_any_answers_differ_is_not_judged():
    data = votes(6, beta=0.3)
    rare = np.zeros(len(data.lo))
    rare[:29] = 1
    more = StyledVotes(*(vars(data) | {"difference": np.column_stack([data.difference, rare])}).values())
    told = fit_style(more, contenders=K, features=["length", "bold"], sds=[1.0, 0.2])
    assert (told.effects[1].points, told.effects[1].votes) == (None, 29)
    assert told.effects[0] == fit(data).effects[0]


def test_a_contender_without_a_rank_has_no_place():
    told = fit(votes(7, beta=0.3), ranked=[True, True, True, True, False])
    assert [row.place for row in told.ratings] == [1, 2, 3, 4]
    assert 4 not in [row.contender for row in told.ratings]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", StyleCounts(0, 0, 0, 0, 0)),
        ("# One\n\ntext **two** and __three__\n\n- a\n* b\n1. c\n2) d", StyleCounts(52, 4, 1, 0, 2)),
        ("```py\n# no header\n- no item **no bold**\n```\n#5 no header\n-no item", StyleCounts(65, 0, 0, 1, 0)),
        ("~~~\n```\nopen to the end\n# no", StyleCounts(28, 0, 0, 1, 0)),
        ("2 * 3 * 4 ** 5 and snake__case__name", StyleCounts(36, 0, 0, 0, 1)),
        ("####### seven\n---\n- ", StyleCounts(20, 0, 0, 0, 0)),
    ],
)
def test_style_is_counted_as_markdown_reads_it(text, counts):
    assert count_style(text) == counts


def test_hostile_texts_are_counted_in_linear_work():
    for text in ("**a" * 60_000, "__" * 90_000, "#" * 200_000, " " * 200_000, "`" * 200_000, "1" * 200_000):
        assert count_style(text).length == len(text)


@pytest.mark.parametrize(("with_empty", "points", "half"), [(True, 18.3, 13.3), (False, -19.4, 11.1)])
def test_llmfao_empty_answers_alone_make_length_look_good(data, with_empty, points, half):
    """One SD of log length is worth +18 ± 7 (standard error) points if answers without text count as very short ones;
    without the 14% of votes on such an answer, reviewers prefer the shorter of two answers."""
    folder = data / "llmfao"
    answers = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    texts = {(str(one["prompt"]), one["name"]): one["result"] or "" for one in reversed(answers)}
    names = sorted({name for _, name in texts})
    with (folder / "crowd-comparisons.csv").open() as file:
        rows = [
            (row, texts[row["prompt"], row["left"]], texts[row["prompt"], row["right"]]) for row in csv.DictReader(file)
        ]
    rows = [row for row in rows if with_empty or (row[1].strip() and row[2].strip())]
    counted = StyledVotes(
        np.array([int(row["worker"]) for row, _, _ in rows]),
        np.array([names.index(row["left"]) for row, _, _ in rows]),
        np.array([names.index(row["right"]) for row, _, _ in rows]),
        *(np.array([int(row["winner"] == outcome) for row, _, _ in rows]) for outcome in ("left", "right", "tie")),
        np.array([[count_style(one).logs[0] - count_style(other).logs[0]] for _, one, other in rows]),
    )
    lengths = [count_style(text).logs[0] for text in texts.values() if with_empty or text.strip()]
    told = fit_style(counted, contenders=len(names), features=FEATURES[:1], sds=[np.std(lengths)])
    low, high = told.effects[0].ci95
    assert told.effects[0].points == pytest.approx(points, abs=1.0)
    assert (high - low) / 2 == pytest.approx(half, abs=1.0)
    assert told.most_moved <= 5
