"""How FastChat's leaderboard gets its intervals, written from its description and not from its code.

Equal rows of the log are one row with a count; a hundred times the counts are drawn anew from a multinomial with the
same shares; each time a logistic regression (ties as half a win) is fitted by L-BFGS; the rounds' percentiles are the
interval. One process, as ours is one thread: FastChat spreads the rounds over the cores.

Twice: with numpy's general means, as FastChat has it (sorting rows with `unique`, adding slopes with `add.at`), and
lean, with `bincount` for both.

Chiang, W.-L. et al. (2024). Chatbot Arena: an open platform for evaluating LLMs by human preference. ICML.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from benchmarks.speed.logs import LABELS

ROUNDS = 100
POINTS = 400 / np.log(10)


class Rows(NamedTuple):
    """Distinct rows of the log: places of the two, points of the first (1, ½, 0), how often."""

    pairs: np.ndarray
    points: np.ndarray
    counts: np.ndarray
    contenders: list[str]


def distinct_rows(log: pd.DataFrame, *, lean: bool) -> Rows:
    n = len(log)
    places, contenders = pd.factorize(pd.concat([log["model_a"], log["model_b"]], ignore_index=True), sort=True)
    K = len(contenders)
    half_points = np.ones(n, np.int64)
    half_points[log["winner"] == LABELS[0]] = 2
    half_points[log["winner"] == LABELS[1]] = 0
    if lean:
        cells = np.bincount((places[:n] * K + places[n:]) * 3 + half_points, minlength=3 * K * K)
        seen = np.flatnonzero(cells)
        return Rows(np.column_stack([seen // 3 // K, seen // 3 % K]), seen % 3 / 2, cells[seen], list(contenders))
    votes = np.column_stack([places[:n], places[n:], half_points])
    rows, counts = np.unique(votes, axis=0, return_counts=True)
    return Rows(rows[:, :2], rows[:, 2] / 2, counts, list(contenders))


def fit(rows: Rows, counts: np.ndarray, *, lean: bool) -> np.ndarray:
    """(K,) ratings in points, centred."""
    K = len(rows.contenders)
    shares = counts / counts.sum()

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        d = theta[rows.pairs[:, 0]] - theta[rows.pairs[:, 1]]
        value = float(shares @ (np.logaddexp(0, d) - rows.points * d))
        slope = shares * (expit(d) - rows.points)
        if lean:
            return value, np.bincount(rows.pairs[:, 0], slope, K) - np.bincount(rows.pairs[:, 1], slope, K)
        gradient = np.zeros(K)
        np.add.at(gradient, rows.pairs, np.column_stack([slope, -slope]))
        return value, gradient

    theta = minimize(loss, np.zeros(K), jac=True, method="L-BFGS-B", options={"gtol": 1e-6, "maxiter": 100}).x
    ratings: np.ndarray = (theta - theta.mean()) * POINTS
    return ratings


def resampled(rows: Rows) -> np.ndarray:
    """(ROUNDS, rows) counts."""
    n = int(rows.counts.sum())
    return np.random.default_rng(1).multinomial(n, rows.counts / n, size=ROUNDS)


def intervals(log: pd.DataFrame, *, lean: bool) -> tuple[np.ndarray, np.ndarray]:
    """(K,) ratings and (2, K) limits of their 95% intervals."""
    rows = distinct_rows(log, lean=lean)
    fits = np.array([fit(rows, counts, lean=lean) for counts in resampled(rows)])
    return fit(rows, rows.counts, lean=lean), np.percentile(fits, (2.5, 97.5), axis=0)


def seconds_of(log: pd.DataFrame, measured: int, *, lean: bool) -> float:
    """What `intervals` would take, from `measured` of its rounds: they are alike."""
    start = time.perf_counter()
    rows = distinct_rows(log, lean=lean)
    drawn = resampled(rows)
    before = time.perf_counter() - start
    start = time.perf_counter()
    for counts in drawn[:measured]:
        fit(rows, counts, lean=lean)
    return before + (time.perf_counter() - start) * ROUNDS / measured
