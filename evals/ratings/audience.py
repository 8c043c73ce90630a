"""What a result says to each of two audiences: these reviewers (`panel`), or people like them (`people`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evals.ratings.ranks import rank_draws
from evals.ratings.sequence import SequenceBound, VotesToGo, sequence_bound, votes_to_go
from evals.ratings.standings import Lead, Rating, Standings
from evals.ratings.types import Key

__all__ = ["Audience", "Certainty", "Contest", "RankFigures", "closest_contest", "rank_figures"]

Audience = Literal["panel", "people"]


@dataclass(frozen=True)
class RankFigures:
    """Rank interval (best, worst) and P(best) of one contender; None where it has no others to be ranked against."""

    rank: tuple[int, int] | None
    p_best: float | None


def rank_figures(standings: Standings, audience: Audience) -> dict[Key, RankFigures]:
    """As stored for the audience the category speaks for; for the other one, drawn again with the same seed."""
    if audience == standings.params.speaks_for:
        return {rating.contender: RankFigures(rating.rank, rating.p_best) for rating in standings.ratings}
    tastes = np.diag(standings.tastes) if audience == "people" else 0.0
    ranks = rank_draws(
        standings.theta,
        standings.covariance + tastes,
        components=standings.components,
        ranked=np.array([key not in standings.retired for key in standings.contenders], bool),
        seed=standings.digest,
        draws=standings.params.draws,
        level=standings.params.level,
    )
    found = {}
    for place, key in enumerate(standings.contenders):
        best, worst = int(ranks.best[place]), int(ranks.worst[place])
        found[key] = RankFigures((best, worst), float(ranks.p_best[place])) if best else RankFigures(None, None)
    return found


@dataclass(frozen=True)
class Certainty:
    """How sure a lead is for one audience. `to_go` is None where it is sure already, or where the two are level."""

    bound: SequenceBound
    to_go: VotesToGo | None

    @property
    def sure(self) -> bool:
        return self.bound.exceeds(0)


@dataclass(frozen=True)
class Contest:
    """The first against the next contender it was compared with. `people` is None with one reviewer, who says nothing
    about others."""

    first: Key
    second: Key
    lead: Lead
    panel: Certainty
    people: Certainty | None


def closest_contest(standings: Standings) -> Contest | None:
    """Of the largest group of two or more contenders that were compared; None without one. Retired ones are left
    out."""
    groups: dict[int, list[Rating]] = {}
    for rating in standings.ratings:
        if not rating.retired:
            groups.setdefault(rating.component, []).append(rating)
    compared = [groups[label] for label in sorted(groups) if len(groups[label]) > 1]
    if not compared:
        return None
    first, second = (rating.contender for rating in compared[0][:2])
    lead = standings.lead(first, second)
    people = _certainty(lead, lead.se_people, q=lead.q_people) if lead.reviewers > 1 else None
    return Contest(first, second, lead, _certainty(lead, lead.se_panel, q=1.0), people)


def _certainty(lead: Lead, se: float, *, q: float) -> Certainty:
    bound = sequence_bound(lead.lead, se, rivals=lead.rivals, q=q)
    if bound.exceeds(0):
        return Certainty(bound, None)
    tastes = se**2 - lead.se_panel**2
    to_go = votes_to_go(gap=lead.lead, se=se, votes=lead.votes, rivals=lead.rivals, q=q, b=tastes)
    return Certainty(bound, to_go)
