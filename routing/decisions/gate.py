"""May a route change? Decides on the bounds of `evals.ratings`, and says why in words and numbers. Pure.

    decision = decide(Question(category=…, rules=…, route=…, entrants=…, incumbent=…, now=…))    # by `route`

The first route needs votes, reviewers and a connected leaderboard; every later change needs a lead that stays sure
however often one looks, enough votes and reviewers, no single person whose votes flip it, and the dwell time. What
cannot be compared is held. Nothing here reads a clock or a database: the same question has the same decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, NamedTuple

from arena.ui.wording import ahead, count, duration, points
from evals.ratings import (
    HeadToHead,
    Lead,
    SequenceBound,
    Standings,
    VotesToGo,
    from_points,
    head_to_head,
    sequence_bound,
    to_points,
    votes_to_go,
)
from routing.decisions.eligibility import Check, Entrant
from routing.decisions.evidence import CategoryEvidence
from routing.policy.schema import CategoryRules, RouteRules, Terms

__all__ = [
    "APPROVAL",
    "EXACT",
    "SEQUENCE",
    "Basis",
    "Gap",
    "Incumbent",
    "Outcome",
    "Question",
    "RouteDecision",
    "Weighing",
    "ahead_of",
    "approval_checks",
    "numbers",
    "only_approval_lacks",
    "patience_checks",
    "to_go_words",
    "votes_checks",
    "weigh",
]

Outcome = Literal["first", "switched", "kept", "held", "pinned", "default"]
Basis = Literal["votes", "default", "pin"]


@dataclass(frozen=True)
class Incumbent:
    """What the newest table sends this route to, since when, and what that rested on."""

    model: str
    basis: Basis
    since: datetime | None = None


@dataclass(frozen=True)
class Question:
    """`entrants` has every contender, eligible or not; `approved` says that a person approved of a change, which only
    a policy that holds changes for one asks for."""

    category: CategoryEvidence
    rules: CategoryRules
    route: RouteRules
    entrants: Mapping[str, Entrant]
    incumbent: Incumbent | None
    now: datetime
    approved: bool = False
    default: str | None = None
    policy: str = "the policy"

    @property
    def terms(self) -> Terms:
        return self.rules.terms(self.route)

    @cached_property
    def standings(self) -> Standings | None:
        """The leaderboard, speaking for whom the gate asks (else as the category says)."""
        board = self.category.board
        if board is None:
            return None
        wanted = self.rules.gate.speaks_for
        if wanted == "category" or wanted == board.standings.params.speaks_for:
            return board.standings
        return replace(board.standings, params=replace(board.standings.params, speaks_for=wanted))

    @property
    def ranking(self) -> list[str]:
        """Everybody with a rating here, best first, eligible or not."""
        board = self.category.board
        return [str(one.contender) for one in board.standings.ratings] if board else []

    @cached_property
    def rated(self) -> list[str]:
        """Eligible contenders with a rating, best first."""
        if self.standings is None:
            return []
        known = (str(key) for key in self.standings.active)
        return [slug for slug in known if slug in self.entrants and self.entrants[slug].eligible]

    @property
    def single_reviewer(self) -> bool:
        return self.rules.gate.single_reviewer or self.category.single_reviewer

    @property
    def min_reviewers(self) -> int:
        return 1 if self.single_reviewer else self.rules.gate.min_reviewers

    def may_be_routed(self, slug: str | None) -> bool:
        return slug is not None and slug in self.entrants and self.entrants[slug].eligible


# The checks on the lead itself, by name: the others may fail while it is sure.
SEQUENCE = "Lead, safe at every look"
EXACT = "Head to head, one reviewer"
APPROVAL = "Approval"

# Further votes are told in figures up to here.
BEYOND = 100_000
# What a database column holds.
_LARGEST = 2**31 - 1


class Gap(NamedTuple):
    """Points on the published scale: the lead of `challenger` over `incumbent`, what it must reach, and where the true
    lead may lie, safe at every look."""

    challenger: str
    incumbent: str
    lead: float
    needed: float
    low: float
    high: float
    margin: float


@dataclass(frozen=True)
class RouteDecision:
    """`to` is what the route sends to from now on, None if it is left out; `before` what it sent to until now.
    `proposes`: who would be sent to, if a person approved; nothing else is missing."""

    outcome: Outcome
    to: str | None
    before: str | None
    reason: str
    basis: Basis = "votes"
    checks: tuple[Check, ...] = ()
    gap: Gap | None = None
    to_go: VotesToGo | None = None
    proposes: str | None = None

    @property
    def votes_to_go(self) -> int | None:
        return min(self.to_go.more, _LARGEST) if self.to_go else None


@dataclass(frozen=True)
class Weighing:
    """A challenger against the incumbent: the bound, and every condition of a switch."""

    gap: Gap
    checks: tuple[Check, ...]
    sure: bool
    to_go: VotesToGo | None
    evidence: str

    @property
    def passed(self) -> bool:
        return self.sure and all(check.state == "ok" for check in self.checks)

    @property
    def waits_for(self) -> list[str]:
        return [f"{check.label.lower()} ({check.value})" for check in self.checks if check.state != "ok"]


def votes_checks(question: Question) -> list[Check]:
    """Enough votes, by enough people."""
    board, gate = question.category.board, question.rules.gate
    votes, reviewers = (board.votes, board.reviewers) if board else (0, 0)
    return [
        Check("ok" if votes >= gate.min_votes else "wait", "Votes", f"{votes:,}, needs {gate.min_votes:,}"),
        Check(
            "ok" if reviewers >= question.min_reviewers else "wait",
            "Reviewers",
            f"{reviewers:,}, needs {question.min_reviewers:,}",
        ),
    ]


def weigh(question: Question, challenger: str, incumbent: str, *, margin: float | None = None) -> Weighing | None:
    """None if votes relate the two in no way. `margin` in points, by default the gate's."""
    standings, gate = question.standings, question.rules.gate
    if standings is None or challenger not in standings or incumbent not in standings:
        return None
    lead = standings.lead(challenger, incumbent)
    if not lead.connected:
        return None
    asked = gate.margin if margin is None else margin
    bound = sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q, alpha=gate.alpha)
    gap = _gap(challenger, incumbent, bound, asked)
    if question.single_reviewer and lead.reviewers == 1:
        sure, check, to_go, evidence = _exact(question, lead, asked)
    else:
        sure, check, to_go, evidence = _sequence(question, lead, bound, gap, asked)
    checks = [*votes_checks(question), check]
    if lead.weakest is not None:
        checks.append(_nobody_flips(lead))
    checks += patience_checks(question)
    return Weighing(gap, tuple(checks), sure, to_go, evidence)


def ahead_of(question: Question, incumbent: str, second: str) -> Gap | None:
    """The incumbent's own lead over the next, safe at every look; None if votes do not relate them."""
    standings, gate = question.standings, question.rules.gate
    if standings is None:
        return None
    lead = standings.lead(incumbent, second)
    if not lead.connected:
        return None
    bound = sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q, alpha=gate.alpha)
    return _gap(incumbent, second, bound, 0.0)


def _gap(challenger: str, incumbent: str, bound: SequenceBound, margin: float) -> Gap:
    return Gap(
        challenger,
        incumbent,
        lead=to_points(bound.lead),
        needed=margin + to_points(bound.half_width),
        low=to_points(bound.low),
        high=to_points(bound.high),
        margin=margin,
    )


def _sequence(
    question: Question, lead: Lead, bound: SequenceBound, gap: Gap, margin: float
) -> tuple[bool, Check, VotesToGo | None, str]:
    natural = from_points(margin)
    sure = bound.exceeds(natural)
    to_go = None
    if not sure:
        to_go = votes_to_go(
            gap=lead.lead - natural,
            se=lead.se,
            votes=lead.votes,
            rivals=lead.rivals,
            q=lead.q,
            b=lead.b,
            alpha=question.rules.gate.alpha,
        )
    check = Check("ok" if sure else "wait", SEQUENCE, f"{points(gap.lead)} of {points(gap.needed)} points")
    return sure, check, to_go, f"the gate asks for {points(gap.needed)}"


def _exact(question: Question, lead: Lead, margin: float) -> tuple[bool, Check, VotesToGo | None, str]:
    """One person's votes on the two: exact at every look, and blind to what other pairs say."""
    wins, losses, alpha = lead.record.wins, lead.record.losses, question.rules.gate.alpha
    exact = head_to_head(wins, losses, rivals=lead.rivals, alpha=alpha)
    sure = exact.passed and lead.lead > from_points(margin)
    check = Check("ok" if sure else "wait", EXACT, f"{wins} of {wins + losses} decisive votes")
    to_go = None if sure else _exact_to_go(exact, lead, alpha)
    says = f"head to head it won {wins} of {count(wins + losses, 'decisive vote')}"
    return sure, check, to_go, f"{says}, {'enough' if sure else 'not enough'} for one reviewer"


def _exact_to_go(exact: HeadToHead, lead: Lead, alpha: float) -> VotesToGo | None:
    """Votes in the category until the exact gate passes if the two go on as they did; None while it does not lead."""
    wins, losses = exact.wins, exact.losses
    if wins <= losses:
        return None
    decisive = wins + losses
    low, high = 1.0, 2.0
    while not _passes(wins, losses, high, lead, alpha):
        low, high = high, high * 2
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if _passes(wins, losses, middle, lead, alpha) else (middle, high)
    more = max(1, round(decisive * (high - 1) * max(1.0, lead.votes / decisive)))
    return VotesToGo(more, max(1, round(more / 3)), more * 3, more_reviewers=False)


def _passes(wins: int, losses: int, factor: float, lead: Lead, alpha: float) -> bool:
    return head_to_head(round(wins * factor), round(losses * factor), rivals=lead.rivals, alpha=alpha).passed


def _nobody_flips(lead: Lead) -> Check:
    weakest = lead.weakest if lead.weakest is not None else 0.0
    left = f"{ahead(to_points(weakest))} without the closest call"
    return Check("ok" if weakest > 0 else "wait", "No single person flips it", left)


def patience_checks(question: Question) -> list[Check]:
    """The dwell time, and the person whose approval is asked for."""
    gate, incumbent = question.rules.gate, question.incumbent
    checks = []
    if incumbent is not None and incumbent.since is not None and gate.dwell_hours:
        dwelt, dwell = question.now - incumbent.since, timedelta(hours=gate.dwell_hours)
        state: Literal["ok", "wait"] = "ok" if dwelt >= dwell else "wait"
        checks.append(Check(state, "Time on the present route", f"{duration(dwelt)}, needs {duration(dwell)}"))
    return [*checks, *approval_checks(question)]


def approval_checks(question: Question) -> list[Check]:
    """Nothing to check where the policy lets the votes decide alone."""
    if question.rules.gate.mode != "held":
        return []
    return [Check("ok", APPROVAL, "given") if question.approved else Check("wait", APPROVAL, "not given yet")]


def only_approval_lacks(checks: Iterable[Check]) -> bool:
    return [check.label for check in checks if check.state != "ok"] == [APPROVAL]


def to_go_words(go: VotesToGo) -> str:
    """`about 160 more votes, likely 50 to 500`; beyond what anybody would cast, no figure that only looks exact."""
    if go.more > BEYOND:
        return f"more than {BEYOND:,} more votes at this lead"
    if go.low == go.high:
        return count(go.more, "more vote")
    return f"about {go.more:,} more votes, likely {go.low:,} to {go.high:,}"


def numbers(decision: RouteDecision) -> dict[str, Any]:
    """What is stored beside the reason, for pages to draw."""
    go = decision.to_go
    return {
        "checks": [list(check.__dict__.values()) for check in decision.checks],
        "gap": decision.gap._asdict() if decision.gap else None,
        "to_go": {"words": to_go_words(go), "more_reviewers": go.more_reviewers} if go else None,
    }
