"""Variance that the model's own covariance leaves out: reviewers' tastes, and tasks used more than once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from evals.ratings.davidson import DavidsonFit, Prior, chances, fit_davidson
from evals.ratings.tallies import CountTable, Tallies
from evals.ratings.types import Floats, Ints

__all__ = ["ReviewerVariance", "leave_one_out", "pairwise_variance", "reviewer_variance", "t_quantile", "task_factor"]

# Exact refits without one reviewer are made for those with most votes. Any other reviewer has cast less than
# 1/REFITS of the votes, far too few to flip a lead that passes the gate.
REFITS = 64
# Share of the variance of a difference by the fit's own covariance: anything smaller is rounding.
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class ReviewerVariance:
    """What is added to a contender's variance when the numbers speak for people like the reviewers.

    `tastes` (K,), τ²S_i: a difference gets the sum of its two. `count` is R, `effective` R_eff = (Σn_r)²/Σn_r²; `df` is
    None while R < 2, when tastes cannot be estimated and count as zero.
    """

    tastes: Floats
    count: int
    effective: float
    df: float | None


def pairwise_variance(covariance: Floats) -> Floats:
    """(K, K) variances of θ_i − θ_j."""
    diagonal = np.diag(covariance)
    return diagonal[:, None] + diagonal[None, :] - 2 * covariance


def t_quantile(df: float | None, level: float = 0.95) -> float:
    """Two-sided quantile of Student's t; the normal one without `df`."""
    p = (1 + level) / 2
    return float(scipy.special.ndtri(p) if df is None else scipy.special.stdtrit(df, p))


class _RowScores(NamedTuple):
    """(n,) each: a row's gradient in d = θ_lo − θ_hi and in ln ν, and its votes."""

    lean: Floats
    tied: Floats
    votes: Floats


class _Scorer:
    """Gradients of rows at the fit, without the prior's part."""

    def __init__(self, table: CountTable, fit: DavidsonFit) -> None:
        win, self.tie = chances(fit.theta, fit.ln_ties)
        self.share = win + 0.5 * self.tie
        self.table = table

    def of(self, rows: slice) -> _RowScores:
        table = self.table
        cell = table.lo[rows] * len(self.tie)
        cell += table.hi[rows]
        wins, _, ties, _ = table.counts[rows].T
        votes = table.fitted[rows].astype(np.float64)
        lean = 0.5 * ties
        lean += wins
        lean -= votes * self.share.take(cell)
        return _RowScores(lean, ties - votes * self.tie.take(cell), votes)


def _dense_scores(table: CountTable, fit: DavidsonFit) -> tuple[Floats, Floats]:
    """(groups, K + 1) gradients and (groups, K) votes on each contender, for reviewers, who are few."""
    K, G = len(fit.theta), len(table.groups)
    scorer = _Scorer(table, fit)
    scores, votes, in_ties = np.zeros(G * K), np.zeros(G * K), np.zeros(G)
    for block in table.blocks():
        rows = scorer.of(block)
        group = table.group[block]
        base = group * K
        # Rows of one group and `lo` lie together: their sums come first, and one by one the additions to a cell would
        # wait for each other.
        lo = base + table.lo[block]
        runs = np.flatnonzero(np.append(True, lo[1:] != lo[:-1]))
        scores[lo[runs]] += np.add.reduceat(rows.lean, runs)
        votes[lo[runs]] += np.add.reduceat(rows.votes, runs)
        np.add.at(in_ties, group[runs], np.add.reduceat(rows.tied, runs))
        base += table.hi[block]
        np.subtract.at(scores, base, rows.lean)
        np.add.at(votes, base, rows.votes)
    return np.column_stack([scores.reshape(G, K), in_ties]), votes.reshape(G, K)


def _sparse_scores(table: CountTable, fit: DavidsonFit) -> scipy.sparse.csr_matrix:
    """(groups, K + 1) gradients, for tasks: there may be as many tasks as votes, each with one or two pairs."""
    lean, tied, _ = _Scorer(table, fit).of(slice(None))
    K = len(fit.theta)
    rows = np.concatenate([table.group] * 3)
    columns = np.concatenate([table.lo, table.hi, np.full(len(table.group), K)])
    values = np.concatenate([lean, -lean, tied])
    return scipy.sparse.csr_matrix((values, (rows, columns)), shape=(len(table.groups), K + 1))


def reviewer_variance(tallies: Tallies, fit: DavidsonFit, components: Ints, prior: Prior) -> ReviewerVariance:
    """Each reviewer has a taste for each contender, of variance τ²; a reviewer who cast the share w_ri of the votes on
    contender i moves its estimate by w_ri of their taste, so that tastes add τ²S_i, S_i = Σ_r w_ri².

    τ² comes from the one-step jackknife: without reviewer r, who cast the share w_r of all votes, θ^(−r) is about
    θ̂ − H⁻¹g_r/(1 − w_r), since the Hessian without r is about (1 − w_r)H. Of J_i = (R−1)/R · Σ_r (θ_i^(−r) − θ̂_i)²,
    measured from the component's mean, a_i N_ii is in expectation noise, where N = V − VΛV is V without
    the part of the prior's precision Λ, and τ²c_i is tastes:

        a_i = (R−1)/R · Σ_r w_ri(1 − w_ri)/(1 − w_r)²         at most 1 is subtracted: more would hide one busy
        reviewer's c_i = (R−1)/R · Σ_r w_ri²/(1 − w_r)² · ((1 − w_ri)² + S_i − w_ri²)

    and τ² = Σp_i(J_i − a_i N_ii) / Σp_i(1 − p_i)c_i, at least 0, with p_i the contender's share of the votes: a
    newcomer's noise would drown what the others show. With equal shares a_i = 1 and c_i = S_i = 1/R, and what tastes
    add to a difference is the mean excess of the jackknife's variance. df = max(.3, R_eff − 1) · (K − components): the
    number of differences that show tastes, each by that many reviewers.

    Efron, B. & Stein, C. (1981). The jackknife estimate of variance. Annals of Statistics 9, 586-596.
    """
    K = len(fit.theta)
    votes = tallies.by_reviewer.votes_by_group
    voted = votes > 0
    R = int(voted.sum())
    if not R:
        return ReviewerVariance(np.zeros(K), 0, 0.0, None)
    shares = votes[voted] / votes.sum()
    effective = 1 / float(shares @ shares)
    if R == 1:
        return ReviewerVariance(np.zeros(K), 1, effective, None)
    scores, counts = (each[voted] for each in _dense_scores(tallies.by_reviewer, fit))
    on = counts.sum(axis=0)
    judged = counts / np.maximum(on, 1)
    concentration = (judged**2).sum(axis=0)
    leverage = (R - 1) / R / (1 - shares) ** 2
    seen = leverage @ (judged**2 * ((1 - judged) ** 2 + concentration - judged**2))
    noise = np.minimum(1, leverage @ (judged * (1 - judged)))
    shifts = scores @ fit.covariance[:, :K]
    excess, visible = 0.0, 0.0
    for label in range(int(components.max()) + 1):
        members = np.flatnonzero(components == label)
        if len(members) < 2:
            continue
        weights = np.where(components == label, on, 0) / on[members].sum()
        mine = shifts - (shifts @ weights)[:, None]
        terms = leverage @ mine**2 - noise * _around(weights, fit, prior)
        excess += float(on[members] @ terms[members])
        visible += float(on[members] @ ((1 - weights) * seen)[members])
    tau = max(0.0, excess / visible) if visible else 0.0
    # No votes on a contender are as uncertain as one reviewer's.
    tastes = tau * np.where(on > 0, concentration, 1.0)
    differences = K - 1 - int(components.max())
    return ReviewerVariance(tastes, R, effective, max(0.3, effective - 1) * differences)


def _around(weights: Floats, fit: DavidsonFit, prior: Prior) -> Floats:
    """(K,) variance that the votes' noise gives each θ, measured from the weighted mean: the diagonal of V − VΛV."""
    K = len(weights)
    V = fit.covariance
    precision = np.full(K + 1, prior.sd**-2)
    precision[K] = prior.ln_ties_sd**-2
    across = V[:, :K] @ weights
    of_mean = across - V @ (precision * across)
    own = np.diag(V)[:K] - (V[:K] ** 2) @ precision
    around: Floats = own - 2 * of_mean[:K] + float(weights @ of_mean[:K])
    return around


def task_factor(tallies: Tallies, fit: DavidsonFit, components: Ints) -> float:
    """1 + max(0, mean_{i<j}(V_by_task / V_iid) − 1): what v is multiplied by because votes on one task are correlated.

    Both are sandwiches H⁻¹MH⁻¹ with their G/(G − 1): one sums the squared gradients of whole tasks, the other those
    of single votes, so that they differ only by the correlation within tasks.

    Liang, K.-Y. & Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika
    73, 13-22.
    """
    table = tallies.by_task
    tasks = int((table.votes_by_group > 0).sum())
    votes = tallies.fitted_votes
    if tasks < 2 or tasks == votes:
        return 1.0
    K = len(fit.theta)
    scores = _sparse_scores(table, fit)
    by_task = np.asarray((scores.T @ scores).todense()) * tasks / (tasks - 1)
    iid = _vote_scores(tallies, fit) * votes / (votes - 1)
    bread = fit.covariance[:K]
    clustered = pairwise_variance(bread @ by_task @ bread.T)
    single = pairwise_variance(bread @ iid @ bread.T)
    # A variance of zero but for rounding (of two contenders that only tied, say) has no meaningful ratio.
    varied = single > NOTHING * pairwise_variance(fit.covariance[:K, :K])
    related = np.triu(components[:, None] == components[None, :], 1) & varied
    if not related.any():
        return 1.0
    return 1 + max(0.0, float((clustered[related] / single[related]).mean()) - 1)


def _vote_scores(tallies: Tallies, fit: DavidsonFit) -> Floats:
    """(K + 1, K + 1): the sum over votes of gradient times gradient, at the fit."""
    K = len(fit.theta)
    wins, ties = tallies.wins, tallies.ties
    expected = chances(fit.theta, fit.ln_ties)
    lean = 0.5 * (expected.win - expected.win.T)
    # The gradient of one vote in (d, ln ν): (½ − lean, −t) for a win, (−½ − lean, −t) for a loss, (−lean, 1 − t).
    in_d = wins * (0.5 - lean) ** 2 + wins.T * (0.5 + lean) ** 2 + ties * lean**2
    mixed = (wins.T * (0.5 + lean) - wins * (0.5 - lean)) * expected.tie - ties * lean * (1 - expected.tie)
    in_ties = (wins + wins.T) * expected.tie**2 + ties * (1 - expected.tie) ** 2
    total = np.empty((K + 1, K + 1))
    total[:K, :K] = np.diag(in_d.sum(axis=1)) - in_d
    total[:K, K] = total[K, :K] = mixed.sum(axis=1)
    total[K, K] = 0.5 * in_ties.sum()
    return total


def leave_one_out(tallies: Tallies, fit: DavidsonFit, prior: Prior) -> tuple[Ints, Floats]:
    """Which reviewers (positions, those with most votes first, at most REFITS) and θ (·, K) refitted without each.

    Fully refitted: one step is far too short for a reviewer who cast most of the votes.
    """
    votes = tallies.by_reviewer.votes_by_group
    order = np.lexsort((np.arange(len(votes)), -votes))[:REFITS]
    order = order[votes[order] > 0]
    if len(order) < 2:
        return order[:0], np.empty((0, len(fit.theta)))
    start = np.append(fit.theta, fit.ln_ties)
    without = np.empty((len(order), len(fit.theta)))
    for row, reviewer in enumerate(order):
        wins, ties, _ = tallies.by_reviewer.matrices(len(fit.theta), tallies.by_reviewer.rows_of(int(reviewer)))
        without[row] = fit_davidson(tallies.wins - wins, tallies.ties - ties, prior, start=start, tolerance=1e-5).theta
    return order, without
