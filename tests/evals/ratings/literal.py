"""The formulas as they are written, vote by vote in plain loops: slow, and right by reading."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from scipy.optimize import minimize, root

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
    # BFGS ends where the value stands still, half the digits away from where the slope is nothing.
    return root(lambda x: gradient(x, names, votes), found.x, tol=1e-13).x


def hessian(x, names, votes, step=1e-5):
    """Of the negative log posterior, by differences of its gradient."""
    size = len(x)
    rows = []
    for k in range(size):
        e = np.eye(size)[k] * step
        rows.append(-(gradient(x + e, names, votes) - gradient(x - e, names, votes)) / (2 * step))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


def tastes(names, votes, x, V, prior):
    """What reviewers' tastes add to each contender's variance, reviewer by reviewer; all are taken as related."""
    voted = [vote for vote in votes if vote[4] != "both_bad"]
    reviewers = sorted({vote[0] for vote in voted})
    R, K = len(reviewers), len(names)
    if R < 2:
        return [0.0] * K
    mine = {r: [vote for vote in voted if vote[0] == r] for r in reviewers}
    left = {r: 1 - len(mine[r]) / len(voted) for r in reviewers}
    moved = {r: (V @ gradient_of(mine[r], x, names))[:K] / left[r] for r in reviewers}
    on = [[vote[0] for vote in voted if name in vote[2:4]] for name in names]
    p = np.array([len(one) for one in on]) / sum(len(one) for one in on)
    centred = np.eye(K) - np.outer(np.ones(K), p)
    precision = np.diag([prior.sd**-2] * K + [prior.ln_ties_sd**-2])
    noise = np.diag(centred @ (V - V @ precision @ V)[:K, :K] @ centred.T)
    excess = visible = 0.0
    concentration = []
    for i in range(K):
        w = {r: on[i].count(r) / len(on[i]) for r in reviewers}
        S = sum(share**2 for share in w.values())
        J = sum((R - 1) / R * (centred @ moved[r])[i] ** 2 for r in reviewers)
        a = sum((R - 1) / R * w[r] * (1 - w[r]) / left[r] ** 2 for r in reviewers)
        c = sum((R - 1) / R * w[r] ** 2 * ((1 - w[r]) ** 2 + S - w[r] ** 2) / left[r] ** 2 for r in reviewers)
        excess += p[i] * (J - min(1, a) * noise[i])
        visible += p[i] * (1 - p[i]) * c
        concentration.append(S)
    return [max(0.0, excess / visible) * S for S in concentration]


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
    for i, j in combinations(range(len(names)), 2):
        single = iid[i, i] + iid[j, j] - 2 * iid[i, j]
        if single > 1e-9 * (V[i, i] + V[j, j] - 2 * V[i, j]):  # else it is rounding
            ratios.append((by_task[i, i] + by_task[j, j] - 2 * by_task[i, j]) / single)
    return 1 + max(0.0, sum(ratios) / len(ratios) - 1) if ratios else 1.0
