"""Votes to test with: drawn by hypothesis, or simulated from known strengths."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

NAMES = ("atlas", "kestrel", "morrow", "onyx", "smol")
Vote = tuple[str, str, str, str, str]
# Each has lost, won and tied against others, so that maximum likelihood has an answer whatever votes come beside.
BOND: list[Vote] = [
    ("ana", "t1", one, other, outcome)
    for one, other in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)
    for outcome in ("lo", "hi", "tie")
]
# Comparisons of the llmfao project in the folder of real data: by people, and by two models in their place.
LLMFAO = (
    "crowd-comparisons.csv",
    "gpt3-comparisons.csv",
    "gpt3-crowd-comparisons.csv",
    "gpt4-comparisons.csv",
    "gpt4-crowd-comparisons.csv",
)


@st.composite
def vote_lists(draw, names=NAMES, min_size=1, max_size=40):
    """Lists of (reviewer, task, lo, hi, outcome) over up to five contenders, three reviewers and four tasks."""
    pair = st.permutations(names).map(lambda order: (order[0], order[1]))
    one = st.tuples(
        st.sampled_from(["ana", "ben", "cem"]),
        st.sampled_from(["t1", "t2", "t3", "t4"]),
        pair,
        st.sampled_from(["lo", "hi", "tie", "both_bad"]),
    ).map(lambda v: (v[0], v[1], *v[2], v[3]))
    return draw(st.lists(one, min_size=min_size, max_size=max_size))


def simulate(
    theta: dict[str, float],
    n: int,
    *,
    seed: int,
    reviewers: int = 1,
    tasks: int = 0,
    taste: float = 0.0,
    task_taste: float = 0.0,
    both_bad: float = 0.0,
) -> list[Vote]:
    """Uniform pairs, Davidson outcomes with ν = ½. `taste`: SD of each reviewer's own additions to θ; `task_taste` of
    each task's. `tasks` 0: each vote has a task of its own."""
    rng = np.random.default_rng(seed)
    names = list(theta)
    base = np.array([theta[name] for name in names])
    by_reviewer = rng.normal(0, taste, (reviewers, len(names)))
    by_task = rng.normal(0, task_taste, (max(tasks, 1), len(names)))
    votes = []
    for k in range(n):
        i, j = rng.choice(len(names), 2, replace=False)
        r, t = int(rng.integers(reviewers)), int(rng.integers(tasks)) if tasks else k
        own = base + by_reviewer[r] + by_task[t if tasks else 0]
        d = own[i] - own[j]
        weights = np.array([np.exp(d / 2), np.exp(-d / 2), 0.5])
        outcome = (
            "both_bad" if rng.random() < both_bad else ["lo", "hi", "tie"][rng.choice(3, p=weights / weights.sum())]
        )
        votes.append((f"r{r}", f"t{t}", names[i], names[j], outcome))
    return votes


def mirrored(votes: list[Vote]) -> list[Vote]:
    """The same votes told from the other side."""
    flip = {"lo": "hi", "hi": "lo"}
    return [(r, t, hi, lo, flip.get(outcome, outcome)) for r, t, lo, hi, outcome in votes]
