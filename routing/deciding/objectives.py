"""Who is good enough, and of those the cheapest, fastest or most compliant. Pure.

Good enough is shown, not presumed: surely no more than the quality margin behind everybody who may be routed, safe at
every look (docs/statistics.md, good enough and cheaper).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evals.ratings import NonInferiority, from_points, non_inferiority, to_points
from routing.deciding.eligibility import figure
from routing.deciding.question import Question
from routing.deciding.verdicts import Check
from routing.policies import Objective
from routing.wording import milliseconds, money, points, share

__all__ = ["MORE", "Field", "field_of", "named", "weakest_check", "written"]

# What an objective calls its better half.
MORE = {"cheapest": "cheaper", "fastest": "faster", "most_compliant": "more compliant"}
NOT_WORSE = "Not worse, safe at every look"


@dataclass(frozen=True)
class Field:
    """`tried` are the rated who are measured for the objective, with their figures (less is better), and `tests`
    whether each is surely within the margin."""

    objective: Objective
    margin: float
    tried: Mapping[str, float]
    tests: Mapping[str, NonInferiority]

    def best_of_good_enough(self, question: Question) -> str | None:
        """By the objective's figure; equals by rating. None while nobody is surely good enough."""
        enough = [slug for slug in self.tried if self.tests[slug].passed]
        return min(enough, key=lambda slug: (self.tried[slug], question.rated.index(slug)), default=None)

    def within(self) -> str:
        return f"surely within {points(self.margin)} points of the best"


def field_of(question: Question) -> Field | None:
    """None if nobody who may be routed is rated."""
    standings, terms = question.standings, question.terms
    if standings is None or not question.rated:
        return None
    when = question.route.when.as_dict()
    figures = {slug: figure(question.entrants[slug], terms.objective, when) for slug in question.rated}
    tried = {slug: value for slug, value in figures.items() if value is not None}
    tests = {
        slug: non_inferiority(
            standings,
            slug,
            margin=from_points(terms.quality_margin),
            tried=len(tried),
            rivals=question.rated,
            alpha=question.rules.gate.alpha,
        )
        for slug in tried
    }
    return Field(terms.objective, terms.quality_margin, tried, tests)


def weakest_check(test: NonInferiority) -> Check:
    worst = f"at most {points(to_points(test.bound.high))} behind, allowed {points(to_points(test.margin))}"
    return Check("ok" if test.passed else "wait", NOT_WORSE, worst)


def named(objective: str) -> str:
    return objective.replace("_", " ")


def written(objective: str, value: float) -> str:
    if objective == "cheapest":
        return f"{money(value)} per success"
    return milliseconds(value) if objective == "fastest" else f"{share(1 - value)} of schemas hold"
