"""From tallies in which one row has changed to ratings and the base intervals of all pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evals.ratings import Prior, Tallies, fit_davidson
from evals.ratings.davidson import DavidsonFit
from evals.ratings.graph import components_of
from evals.ratings.tallies import CountTable
from evals.ratings.variance import ReviewerVariance, pairwise_variance, reviewer_variance


class Ratings(NamedTuple):
    """θ (K,) and the variances (K, K) of its differences."""

    theta: np.ndarray
    variance: np.ndarray


def _rated(fit: DavidsonFit) -> Ratings:
    K = len(fit.theta)
    return Ratings(fit.theta, pairwise_variance(fit.covariance[:K, :K]))


class OneVoteMore:
    """A vote came in: the last ratings are at hand, and one row of the tallies has changed."""

    def __init__(self, tallies: Tallies) -> None:
        last = fit_davidson(tallies.wins, tallies.ties)
        self.start = np.append(last.theta, last.ln_ties)
        self.contenders, self.by_task, self.table = tallies.contenders, tallies.by_task, tallies.by_reviewer
        self.table.counts[0, 0] += 1

    def unread(self) -> Tallies:
        """The tallies with nothing summed yet, as when they were loaded."""
        table = self.table
        again = CountTable(table.groups, table.group, table.lo, table.hi, table.counts)
        return Tallies(self.contenders, again, self.by_task)

    def base(self) -> Ratings:
        tallies = self.unread()
        return _rated(fit_davidson(tallies.wins, tallies.ties, start=self.start))

    def with_reviewers(self) -> tuple[Ratings, ReviewerVariance]:
        tallies = self.unread()
        fit = fit_davidson(tallies.wins, tallies.ties, start=self.start)
        components = components_of(tallies.wins + tallies.wins.T + tallies.ties)
        return _rated(fit), reviewer_variance(tallies, fit, components, Prior())
