"""Writes the synthetic golden files anew: `python -m tests.golden.make_synthetic [--votes]`.

The votes were drawn once and are kept: `--votes` draws others. Run it only when the numbers are meant to change; the
diff is then the thing to read.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from evals.ratings import Params, Standings, Tallies, compute, replay, sequence_bound
from tests.evals.ratings.votes import Vote, simulate
from tests.golden.make_llmfao import HERE, write

# Digits kept: of what is told in points, and of everything else.
POINTS, NATURAL = 6, 9
WAYS = {
    "panel": (Params(), ()),
    "people": (Params(speaks_for="people"), ()),
    "anchored": (Params(speaks_for="people", anchor="atlas"), ("onyx",)),
}


def draw() -> list[Vote]:
    """Five contenders and five reviewers with tastes, one of them busy; two more contenders who are compared with
    each other alone; and one who was only ever found bad. Some tasks come again and again."""
    strengths = {"atlas": 0.0, "kestrel": 0.4, "morrow": 0.5, "onyx": 1.1, "smol": -0.9}
    votes = simulate(strengths, 240, seed=11, reviewers=5, tasks=12, taste=0.4, task_taste=0.5, both_bad=0.1)
    votes += simulate(strengths, 80, seed=12, reviewers=1, tasks=12, task_taste=0.5)
    votes += simulate({"far": 0.3, "away": 0.0}, 14, seed=13, reviewers=3, tasks=3)
    return [*votes, ("r1", "t0", "stranger", "smol", "both_bad"), ("r2", "t1", "stranger", "atlas", "both_bad")]


def stored() -> list[Vote]:
    rows: list[list[str]] = json.loads((HERE / "synthetic-votes.json").read_text(encoding="utf-8"))["votes"]
    return [(r, t, lo, hi, outcome) for r, t, lo, hi, outcome in rows]


def figures(votes: list[Vote]) -> dict[str, Any]:
    """Everything that is stored of a result, and what is asked of it, for each of the `WAYS`."""
    tallies = Tallies.from_votes(votes)
    elo = replay((lo, hi, outcome) for _, _, lo, hi, outcome in votes)
    told: dict[str, Any] = {"digest": tallies.digest}
    for way, (params, retired) in WAYS.items():
        told[way] = _figures(compute(tallies, params, elo, retired=retired))
    return told


def _figures(standings: Standings) -> dict[str, Any]:
    return {
        "contenders": list(standings.contenders),
        "groups": [list(group) for group in standings.groups],
        "theta": _rounded(standings.theta.tolist(), NATURAL),
        "ln_ties": _rounded(standings.ln_ties, NATURAL),
        "variances": _rounded(standings.covariance.diagonal().tolist(), NATURAL),
        "tastes": _rounded(standings.tastes.tolist(), NATURAL),
        "df": _rounded(standings.df, NATURAL),
        "task_factor": _rounded(standings.task_factor, NATURAL),
        "effective_reviewers": _rounded(standings.effective_reviewers, NATURAL),
        "ratings": [_rounded(asdict(rating), POINTS) for rating in standings.ratings],
        "leads": [_lead(standings, a, b) for a, b in pairwise(standings.active)],
    }


def _lead(standings: Standings, a: Any, b: Any) -> dict[str, Any]:
    lead = standings.lead(a, b)
    bound = sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q)
    return _rounded(asdict(lead) | {"low": bound.low, "high": bound.high}, NATURAL)


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner, digits) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner, digits) for inner in value]
    return round(value, digits) if isinstance(value, float) else value


def main(arguments: list[str]) -> None:
    if "--votes" in arguments:
        write("synthetic-votes.json", {"votes": draw()})
    document = json.dumps(figures(stored()), indent=1, ensure_ascii=False)
    (HERE / "synthetic-standings.json").write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
