"""The fit of `evals.ratings` for many categories at once.

A look at one category takes `evals.ratings.compute` milliseconds; a simulated gate needs a hundred million looks. The
arithmetic here is the same on arrays with one more axis, and the simulations hold it against `compute` as they go.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from evals.ratings import ALPHA, Prior

__all__ = ["Batch", "half_width"]

PRIOR = Prior()
_PRECISION = PRIOR.sd**-2  # ln ν's is the same
_Z = float(stdtrit(np.inf, 0.975))
# Draws looked through for a second winner at a time, and in all, as in `evals.ratings.drawing`.
_DRAWS, _MOST_DRAWS = 9, 64
# Votes of a category after which the next five move its fit little.
_EARLY = 100
_SHORT, _MOST_STEPS = 0.01, 12


def half_width(variance: np.ndarray, rivals: int, alpha: float = ALPHA) -> np.ndarray:
    """C·se of `evals.ratings.boundary`, for arrays of se²."""
    x = 0.25 / variance
    return np.sqrt((1 + 1 / x) * (np.log1p(x) - 2 * np.log(2 * alpha / max(rivals, 1))) * variance)


class Batch:
    """Tallies and fit of `size` categories, K contenders and R reviewers each."""

    def __init__(self, size: int, K: int, R: int) -> None:
        self.size, self.K, self.R = size, K, R
        self.rows = np.arange(size)
        self.votes = np.zeros((size, K, K))
        self.score = np.zeros((size, K))
        self.tied = np.zeros(size)
        self.shown = np.zeros((size, K))
        self.votes_of = np.zeros((size, R, K, K), np.float32)
        self.score_of = np.zeros((size, R, K))
        self.tied_of = np.zeros((size, R))
        self.cast = np.zeros((size, R))
        self.head_wins = np.zeros((size, K, K))
        self.x = np.zeros((size, K + 1))
        self.x[:, K] = PRIOR.ln_ties
        self._inverse: np.ndarray = np.empty((0, 0, 0))

    def add(self, reviewer: np.ndarray, first: np.ndarray, second: np.ndarray, outcome: np.ndarray) -> None:
        """One vote in every category."""
        b = self.rows
        tie = outcome == 2
        mine = np.where(tie, 0.5, outcome == 0)
        for one, other, score in ((first, second, mine), (second, first, 1 - mine)):
            self.votes[b, one, other] += 1
            self.votes_of[b, reviewer, one, other] += 1
            self.score[b, one] += score
            self.score_of[b, reviewer, one] += score
            self.shown[b, one] += 1
            self.head_wins[b, one, other] += score == 1
        self.tied += tie
        self.tied_of[b, reviewer] += tie
        self.cast[b, reviewer] += 1

    def _gradient(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        K, x = self.K, self.x
        root = np.exp(x[:, :K] / 2)
        nu = np.exp(x[:, K])[:, None, None]
        odds = root[:, :, None] / root[:, None, :]
        back = odds.transpose(0, 2, 1)
        inverse = 1 / (odds + back + nu)
        self.lean, self.tie = (odds - back) * inverse, nu * inverse
        gradient = np.empty((self.size, K + 1))
        leaning = self.votes * self.lean
        expected_ties = self.votes * self.tie
        gradient[:, :K] = self.score - 0.5 * (self.votes.sum(2) + leaning.sum(2)) - x[:, :K] / PRIOR.sd**2
        gradient[:, K] = self.tied - 0.5 * expected_ties.sum((1, 2)) - (x[:, K] - PRIOR.ln_ties) / PRIOR.ln_ties_sd**2
        return gradient, leaning, expected_ties

    def fit(self) -> None:
        """Newton's steps from the last look, until one is so short that what is left is its square. A step along the
        last look's curvature goes first: it costs no inverse."""
        if self.shown.sum() > 2 * _EARLY * self.size:
            self._step(self._inverse, self._gradient()[0])
        for _ in range(_MOST_STEPS):
            if self._newton() < _SHORT:
                break
        self.theta = self.x[:, : self.K]
        self.covariance = self._inverse[:, : self.K, : self.K]
        self.root = np.linalg.cholesky(self.covariance)

    def _newton(self) -> float:
        K = self.K
        gradient, leaning, expected = self._gradient()
        hessian = np.empty((self.size, K + 1, K + 1))
        block = (self.votes - expected - leaning * self.lean) / -4
        hessian[:, :K, :K] = block
        at = np.arange(K)
        hessian[:, at, at] = 1 / PRIOR.sd**2 - block.sum(2)
        hessian[:, :K, K] = hessian[:, K, :K] = -0.5 * (expected * self.lean).sum(2)
        hessian[:, K, K] = 0.5 * (expected * (1 - self.tie)).sum((1, 2)) + 1 / PRIOR.ln_ties_sd**2
        self._inverse = np.linalg.inv(hessian)
        return self._step(self._inverse, gradient)

    def _step(self, inverse: np.ndarray, gradient: np.ndarray) -> float:
        """The longest step taken. Far from the mode Newton's may be too long: none moves anything by more than 1."""
        step = np.matmul(inverse, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(1, keepdims=True)
        self.x += step / longest.clip(1)
        return float(longest.max())

    def spread(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(rows, K) what tastes add to each variance, and (rows,) q, as `evals.ratings.variance.reviewer_variance` has
        them where votes relate all that were judged."""
        K = self.K
        cast = self.cast[rows]
        R = (cast > 0).sum(1)
        shares = cast / cast.sum(1, keepdims=True)
        # At the mode itself, not where the last step began: a busy reviewer's leverage magnifies what is left of it.
        root, nu = np.exp(self.theta[rows] / 2), np.exp(self.x[rows, K])[:, None, None]
        odds = root[:, :, None] / root[:, None, :]
        back = odds.transpose(0, 2, 1)
        lean, tie = (odds - back) / (odds + back + nu), nu / (odds + back + nu)
        votes = self.votes_of[rows]
        count = votes.sum(3)
        total = count.sum(1)
        g = np.empty((len(rows), self.R, K + 1))
        g[:, :, :K] = self.score_of[rows] - 0.5 * (count + (votes * lean[:, None]).sum(3))
        g[:, :, K] = self.tied_of[rows] - 0.5 * (votes * tie[:, None]).sum((2, 3))
        V = self._inverse[rows]
        weights = total / total.sum(1, keepdims=True)
        shifts = g @ V[:, :, :K]
        shifts -= np.einsum("brk,bk->br", shifts, weights)[:, :, None]
        across = np.einsum("bij,bj->bi", V[:, :, :K], weights)
        of_mean = (across - np.einsum("bij,bj->bi", V, _PRECISION * across))[:, :K]
        own = np.diagonal(V, axis1=1, axis2=2)[:, :K] - (V[:, :K] ** 2).sum(2) * _PRECISION
        around = own - 2 * of_mean + np.einsum("bi,bi->b", weights, of_mean)[:, None]
        leverage = ((R - 1) / R.clip(1))[:, None] / (1 - shares).clip(1e-9) ** 2
        judged = count / total.clip(1)[:, None]
        concentration = (judged**2).sum(1)

        def levered(values: np.ndarray) -> np.ndarray:
            return np.einsum("br,brk->bk", leverage, values)

        seen = levered(judged**2 * ((1 - judged) ** 2 + concentration[:, None] - judged**2))
        noise = np.minimum(1, levered(judged * (1 - judged)))
        excess = (total * (levered(shifts**2) - noise * around)).sum(1)
        tau = np.maximum(0, excess / (total * (1 - weights) * seen).sum(1).clip(1e-12))
        tastes = tau[:, None] * np.where(total > 0, concentration, 1.0)
        df = np.maximum(0.3, 1 / (shares**2).sum(1) - 1) * (K - 1)
        several = R > 1
        return np.where(several[:, None], tastes, 0.0), np.where(several, stdtrit(df, 0.975) / _Z, 1.0)

    def draw(
        self, rng: np.random.Generator, present: np.ndarray, *, uniform: bool, newcomer_share: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """(size,) pairs, as `evals.ratings.draw_pair` draws them among the contenders that are `present`."""
        places = np.flatnonzero(present)
        first = rng.integers(len(places), size=self.size)
        second = (first + 1 + rng.integers(len(places) - 1, size=self.size)) % len(places)
        first, second = places[first], places[second]
        if not uniform:
            strategic = np.flatnonzero(rng.random(self.size) < 0.5)
            if len(strategic):
                first[strategic], second[strategic] = self._top_two(rng, present, strategic)
        if newcomer_share:
            given = np.flatnonzero(rng.random(self.size) < newcomer_share)
            least = np.where(present, self.shown[given], np.inf).argmin(1)
            clash = second[given] == least
            second[given] = np.where(clash, first[given], second[given])
            first[given] = least
        return first, second

    def _top_two(
        self, rng: np.random.Generator, present: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The champion of one draw and the first other of further ones; else the best of the others in the last."""
        barred = np.where(present, 0.0, -np.inf)

        def strengths(rows: np.ndarray, draws: int) -> np.ndarray:
            noise = rng.standard_normal((len(rows), draws, self.K))
            return self.theta[rows][:, None] + noise @ self.root[rows].transpose(0, 2, 1) + barred

        drawn = strengths(rows, _DRAWS)
        champion = drawn[:, 0].argmax(1)
        second = np.full(len(rows), -1)
        open_ = np.arange(len(rows))
        looked = 1
        winners = drawn[:, 1:].argmax(2)
        while True:
            other = winners != champion[open_, None]
            found = other.any(1)
            second[open_[found]] = winners[found, other[found].argmax(1)]
            last = drawn[~found, -1]
            open_ = open_[~found]
            looked += winners.shape[1]
            if not len(open_):
                break
            if looked >= _MOST_DRAWS:
                last[np.arange(len(open_)), champion[open_]] = -np.inf
                second[open_] = last.argmax(1)
                break
            drawn = strengths(rows[open_], _DRAWS - 1)
            winners = drawn.argmax(2)
        return champion, second
