"""How a year went: what the table did, and what rules would have done that know no gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scipy.special import ndtri

from benchmarks.years.evening import Evening
from benchmarks.years.pure import Arena
from benchmarks.years.votes import CONTENDERS, Year
from routing.decisions.gate import SEQUENCE
from routing.policy.parse import Policy

__all__ = ["Course", "follow"]

# So many standard errors of the wins must one be ahead before anybody looks, unless a year is followed in full. An
# interval of 95% asks for 1.96 of the lead's, which are much the same, and the gate for 2.8 and more.
_WORTH_A_LOOK = 1.5
_Z = float(ndtri(0.975))


class Course(NamedTuple):
    """`first`: after how many days there was a table, None if never. `sure`: on how many evenings Arena's bound alone
    was passed by the other, whatever else was missing. Switches by rule: Arena's, by whoever leads at the day's end,
    and by the 95% interval at the day's end. The latter two start with Arena's first table."""

    seed: int
    first: int | None
    sure: int
    switches: int
    by_lead: int
    by_interval: int


@dataclass
class _Route:
    to: str | None = None
    switches: int = 0

    def send(self, to: str | None) -> None:
        if self.to is not None and to != self.to:
            self.switches += 1
        self.to = to


def follow(year: Year, policy: Policy, *, in_full: bool = False) -> Course:
    """`in_full`: looks each evening. Else, once there is a table, only on those on which some rule may switch: of two
    that are compared with nobody else, who won more often leads, and none switches to one that hardly does."""
    arena = Arena(year.scene, policy)
    ours, by_lead, by_interval = _Route(), _Route(), _Route()
    first, sure = None, 0
    for day, votes in enumerate(year.by_day()):
        arena.count(votes)
        if first is not None:
            leader, errors = _ahead(arena.wins)
            by_lead.send(leader or by_lead.to)
            settled = errors < _WORTH_A_LOOK or leader == ours.to == by_interval.to
            if settled and not in_full:
                continue
        seen = arena.look(day)
        ours.send(seen.routed)
        sure += any(check.label == SEQUENCE and check.state == "ok" for check in seen.decision.decision.checks)
        if first is None and seen.routed is not None:
            first, by_lead.to, by_interval.to = day + 1, seen.routed, seen.routed
        if first is not None:
            by_interval.send(_by_interval(seen, by_interval.to))
    return Course(year.seed, first, sure, ours.switches, by_lead.switches, by_interval.switches)


def _ahead(wins: list[int]) -> tuple[str | None, float]:
    """Who won more often, and by how many standard errors if neither is better."""
    one, other = wins
    if one == other:
        return None, 0.0
    return CONTENDERS[one < other], abs(one - other) / float(one + other) ** 0.5


def _by_interval(seen: Evening, routed: str | None) -> str | None:
    """Whoever surely leads, if one looked at the 95% interval once only."""
    if seen.standings is None or routed is None:
        return routed
    (other,) = {*CONTENDERS} - {routed}
    lead = seen.standings.lead(other, routed)
    return other if lead.lead > _Z * lead.q * lead.se else routed
