"""The formulas as they are written, vote by vote in plain loops: slow, and right by reading."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from scipy.optimize import minimize

SD, LN_TIES, LN_TIES_SD = 2.0, math.log(0.5), 2.0


def chances(d, nu):
    z = math.exp(d / 2) + math.exp(-d / 2) + nu
    return math.exp(d / 2) / z, math.exp(-d / 2) / z, nu / z


def log_posterior(x, names, votes):
    theta, ln_nu = dict(zip(names, x, strict=False)), x[-1]
    total = -sum(t * t for t in theta.values()) / (2 * SD**2) - (ln_nu - LN_TIES) ** 2 / (2 * LN_TIES_SD**2)
    for _, _, lo, hi, outcome in votes:
        if outcome != "both_bad":
            win, loss, tie = chances(theta[lo] - theta[hi], math.exp(ln_nu))
            total += math.log({"lo": win, "hi": loss, "tie": tie}[outcome])
    return total


def gradient_of(votes, x, names):
    """Of the votes alone, without the prior."""
    place = {name: i for i, name in enumerate(names)}
    g = np.zeros(len(x))
    for _, _, lo, hi, outcome in votes:
        if outcome == "both_bad":
            continue
        i, j = place[lo], place[hi]
        win, _, tie = chances(x[i] - x[j], math.exp(x[-1]))
        score = {"lo": 1.0, "hi": 0.0, "tie": 0.5}[outcome]
        g[i] += score - (win + tie / 2)
        g[j] -= score - (win + tie / 2)
        g[-1] += (outcome == "tie") - tie
    return g


def gradient(x, names, votes):
    prior = np.append(-np.asarray(x[:-1]) / SD**2, -(x[-1] - LN_TIES) / LN_TIES_SD**2)
    return gradient_of(votes, x, names) + prior


def mode(names, votes):
    start = np.append(np.zeros(len(names)), LN_TIES)
    found = minimize(
        lambda x: -log_posterior(x, names, votes),
        start,
        jac=lambda x: -gradient(x, names, votes),
        method="BFGS",
        options={"gtol": 1e-9},
    )
    return found.x


def hessian(x, names, votes, step=1e-5):
    """Of the negative log posterior, by differences of its gradient."""
    size = len(x)
    rows = []
    for k in range(size):
        e = np.eye(size)[k] * step
        rows.append(-(gradient(x + e, names, votes) - gradient(x - e, names, votes)) / (2 * step))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


def reviewer_spread(names, votes, x, V):
    """b by the one-step jackknife, pair by pair, all pairs taken as compared."""
    voted = [vote for vote in votes if vote[4] != "both_bad"]
    reviewers = sorted({vote[0] for vote in voted})
    R = len(reviewers)
    if R < 2:
        return 0.0
    moved = [x - V @ gradient_of([vote for vote in voted if vote[0] == r], x, names) for r in reviewers]
    excess = []
    for i, j in combinations(range(len(names)), 2):
        d = [m[i] - m[j] for m in moved]
        mean = sum(d) / R
        J = (R - 1) / R * sum((one - mean) ** 2 for one in d) * (R / (R - 1)) ** 2
        excess.append(J - (V[i, i] + V[j, j] - 2 * V[i, j]))
    return max(0.0, sum(excess) / len(excess))


def task_factor(names, votes, x, V):
    voted = [vote for vote in votes if vote[4] != "both_bad"]
    tasks = sorted({vote[1] for vote in voted})

    def sandwich(clusters):
        gradients = [gradient_of(cluster, x, names) for cluster in clusters]
        meat = sum(np.outer(g, g) for g in gradients) * len(clusters) / (len(clusters) - 1)
        return V @ meat @ V

    if len(tasks) < 2 or len(tasks) == len(voted):
        return 1.0
    by_task = sandwich([[vote for vote in voted if vote[1] == task] for task in tasks])
    iid = sandwich([[vote] for vote in voted])
    ratios = []
    pairs = list(combinations(range(len(names)), 2))
    rounding = 1e-9 * max(iid[i, i] + iid[j, j] - 2 * iid[i, j] for i, j in pairs)
    for i, j in pairs:
        single = iid[i, i] + iid[j, j] - 2 * iid[i, j]
        if single > rounding:
            ratios.append((by_task[i, i] + by_task[j, j] - 2 * by_task[i, j]) / single)
    return 1 + max(0.0, sum(ratios) / len(ratios) - 1) if ratios else 1.0
