"""Ratings from votes: pure numpy and scipy, arrays in and frozen dataclasses out, no Django.

    tallies = Tallies.from_votes([("mara", "task-1", "gpt-x", "small-a", "lo"), …])
    standings = compute(tallies, Params(speaks_for="people"))
    lead = standings.lead("gpt-x", "small-a")
    sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q).exceeds(from_points(10))

The modules say `import scipy` and name its parts where they call them: scipy loads a part at its first use, and most
processes, which only read stored results, never do.

`Standings.to_json` keeps what later questions need: θ, its covariance, the counts of each pair, and θ without each
reviewer. Contenders, reviewers and tasks are identified by any keys the caller uses; the application uses contenders'
slugs.
"""

from evals.ratings.across import Across, MeanRating, rate_across
from evals.ratings.audience import Audience, Certainty, Contest, RankFigures, closest_contest, rank_figures
from evals.ratings.compute import compute
from evals.ratings.davidson import DavidsonFit, Prior, fit_davidson
from evals.ratings.drawing import draw_pair
from evals.ratings.elo import replay
from evals.ratings.features import FEATURES, StyleCounts, count_style
from evals.ratings.graph import components_of
from evals.ratings.newcomer import SUPPOSED_LEAD, votes_for_a_newcomer
from evals.ratings.params import METHOD, Params
from evals.ratings.ranks import wilson
from evals.ratings.scale import CENTRE, POINTS, from_points, to_points
from evals.ratings.sequence import (
    ALPHA,
    HeadToHead,
    NonInferiority,
    SequenceBound,
    VotesToGo,
    boundary,
    head_to_head,
    non_inferiority,
    sequence_bound,
    votes_to_go,
)
from evals.ratings.shares import ClusteredShare, clustered_share
from evals.ratings.standings import Lead, PairRecord, Rating, Standings
from evals.ratings.style import StyledVotes, StyleEffect, StyleFit, StyleRating, fit_style
from evals.ratings.tallies import OUTCOMES, PairCounts, Tallies, TallyMismatchError
from evals.ratings.types import Key

__all__ = [
    "ALPHA",
    "CENTRE",
    "FEATURES",
    "METHOD",
    "OUTCOMES",
    "POINTS",
    "SUPPOSED_LEAD",
    "Across",
    "Audience",
    "Certainty",
    "ClusteredShare",
    "Contest",
    "DavidsonFit",
    "HeadToHead",
    "Key",
    "Lead",
    "MeanRating",
    "NonInferiority",
    "PairCounts",
    "PairRecord",
    "Params",
    "Prior",
    "RankFigures",
    "Rating",
    "SequenceBound",
    "Standings",
    "StyleCounts",
    "StyleEffect",
    "StyleFit",
    "StyleRating",
    "StyledVotes",
    "Tallies",
    "TallyMismatchError",
    "VotesToGo",
    "boundary",
    "closest_contest",
    "clustered_share",
    "components_of",
    "compute",
    "count_style",
    "draw_pair",
    "fit_davidson",
    "fit_style",
    "from_points",
    "head_to_head",
    "non_inferiority",
    "rank_figures",
    "rate_across",
    "replay",
    "sequence_bound",
    "to_points",
    "votes_for_a_newcomer",
    "votes_to_go",
    "wilson",
]
