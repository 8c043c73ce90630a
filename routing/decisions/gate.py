"""May a challenger replace the incumbent? Compares the two by the bounds of `evals.ratings`. Pure.

    comparison = compare(question, "gpt-x", "small-a")
    comparison.passed, comparison.gap.lead, comparison.gap.needed

A change needs a lead that is safe however often publishing looks, enough votes and reviewers, no single reviewer whose
votes flip it, the dwell time and, if the policy asks for one, an approval. `routing.decisions.route` decides with it.
Nothing here reads a clock or a database: the same question has the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, NamedTuple

from arena.ui.wording import ahead, count, describe_votes, duration, points
from evals.ratings import (
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
from routing.decisions.eligibility import Candidate, Check
from routing.decisions.evidence import CategoryEvidence
from routing.decisions.plan import Route
from routing.policy.schema import CategoryRules, RouteRules, Terms

__all__ = [
    "APPROVAL",
    "EXACT",
    "SEQUENCE",
    "SINGLE_REVIEWER",
    "Basis",
    "Comparison",
    "Gap",
    "Incumbent",
    "Outcome",
    "Question",
    "RouteDecision",
    "approval_checks",
    "compare",
    "describe_votes_to_go",
    "dwell_and_approval_checks",
    "incumbent_gap",
    "only_approval_missing",
    "vote_checks",
]

Outcome = Literal["first", "switched", "kept", "held", "pinned", "default"]
Basis = Literal["votes", "default", "pin"]

# Labels of checks, which are stored with decisions. The first two are about the lead itself: others may fail while it
# is sure.
SEQUENCE = "Lead, safe at every look"
EXACT = "Head to head, one reviewer"
SINGLE_REVIEWER = "No single person flips it"
APPROVAL = "Approval"

# Above this many votes a figure would only look exact.
_LARGEST_ESTIMATE = 100_000
# What a database column takes.
_LARGEST_INTEGER = 2**31 - 1


@dataclass(frozen=True)
class Incumbent:
    """What the newest table sends this route to, since when, and what that rested on."""

    model: str
    basis: Basis
    since: datetime | None = None


@dataclass(frozen=True)
class Question:
    """Everything that deciding on one route reads. `candidates` has every contender, eligible or not; `approved` says
    that a person approved of a change, which only some policies ask for. `default`, `fallback_to` and `escalate_to` are
    the contenders that the policy means by its fields of those names; `policy` is how reasons name it."""

    id: str
    category: CategoryEvidence
    rules: CategoryRules
    route_rules: RouteRules
    candidates: Mapping[str, Candidate]
    incumbent: Incumbent | None
    now: datetime
    approved: bool = False
    default: str | None = None
    fallback_to: str | None = None
    escalate_to: str | None = None
    policy: str = "the policy"

    @property
    def terms(self) -> Terms:
        return self.rules.terms(self.route_rules)

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
        """All contenders with a rating here, best first, eligible or not."""
        board = self.category.board
        return [str(one.contender) for one in board.standings.ratings] if board else []

    @cached_property
    def rated(self) -> list[str]:
        """Eligible contenders with a rating, best first."""
        known = (str(key) for key in self.standings.active) if self.standings else ()
        return [slug for slug in known if self.may_be_routed(slug)]

    @property
    def single_reviewer(self) -> bool:
        return self.rules.gate.single_reviewer or self.category.single_reviewer

    @property
    def min_reviewers(self) -> int:
        return 1 if self.single_reviewer else self.rules.gate.min_reviewers

    @property
    def after_votes(self) -> str:
        """`after 315 votes by 4 reviewers`; empty without a leaderboard."""
        board = self.category.board
        return f"after {describe_votes(board.votes, board.compared, board.reviewers)}" if board else ""

    def may_be_routed(self, slug: str | None) -> bool:
        return slug is not None and slug in self.candidates and self.candidates[slug].eligible


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
    """What was decided on one route. `to` is what it sends to from now on, None if it is left out of the table;
    `before` what it sent to until now. `proposes` is what it would send to if a person approved, and nothing else were
    missing. `route` is the table's, once its fallbacks are chosen. A rollback answers no `question`."""

    outcome: Outcome
    to: str | None
    before: str | None
    reason: str
    basis: Basis = "votes"
    checks: tuple[Check, ...] = ()
    gap: Gap | None = None
    to_go: VotesToGo | None = None
    proposes: str | None = None
    question: Question | None = field(default=None, repr=False, compare=False)
    route: Route | None = None

    @property
    def votes_to_go(self) -> int | None:
        return min(self.to_go.more, _LARGEST_INTEGER) if self.to_go else None

    @property
    def numbers(self) -> dict[str, Any]:
        """What is stored beside the reason, for pages to draw."""
        go = self.to_go
        return {
            "checks": [[check.state, check.label, check.value] for check in self.checks],
            "gap": self.gap._asdict() if self.gap else None,
            "to_go": {"words": describe_votes_to_go(go), "more_reviewers": go.more_reviewers} if go else None,
        }


def describe_votes_to_go(go: VotesToGo) -> str:
    """`about 160 more votes, likely 50 to 500`."""
    if go.more > _LARGEST_ESTIMATE:
        return f"more than {_LARGEST_ESTIMATE:,} more votes at this lead"
    if go.low == go.high:
        return count(go.more, "more vote")
    return f"about {go.more:,} more votes, likely {go.low:,} to {go.high:,}"


class LeadTest(NamedTuple):
    """Whether a lead is `sure`, as a check and in words; `to_go` while it is not, None if no number of votes is
    foreseeable."""

    sure: bool
    check: Check
    to_go: VotesToGo | None
    words: str


@dataclass(frozen=True)
class Comparison:
    """A challenger against the incumbent: the gap between them, and every condition of a switch."""

    gap: Gap
    test: LeadTest
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return self.test.sure and all(check.state == "ok" for check in self.checks)


def compare(question: Question, challenger: str, incumbent: str, *, margin: float | None = None) -> Comparison | None:
    """None if votes compare the two neither directly nor through others. `margin` in points, by default the gate's."""
    lead = _lead(question, challenger, incumbent)
    if lead is None:
        return None
    margin = question.rules.gate.margin if margin is None else margin
    bound = _bound(question, lead)
    gap = _gap(challenger, incumbent, bound, margin)
    if question.single_reviewer and lead.reviewers == 1:
        test = _exact_test(question, lead, margin)
    else:
        test = _sequence_test(question, lead, bound, gap)
    checks = [*vote_checks(question), test.check]
    if lead.weakest is not None:
        left = f"{ahead(to_points(lead.weakest))} without the closest call"
        checks.append(Check("ok" if lead.weakest > 0 else "wait", SINGLE_REVIEWER, left))
    return Comparison(gap, test, (*checks, *dwell_and_approval_checks(question)))


def incumbent_gap(question: Question, incumbent: str, second: str) -> Gap | None:
    """The incumbent's own lead over the next contender, safe at every look; None if votes do not compare them."""
    lead = _lead(question, incumbent, second)
    return None if lead is None else _gap(incumbent, second, _bound(question, lead), 0.0)


def _lead(question: Question, one: str, other: str) -> Lead | None:
    standings = question.standings
    if standings is None or one not in standings or other not in standings:
        return None
    lead = standings.lead(one, other)
    return lead if lead.connected else None


def _bound(question: Question, lead: Lead) -> SequenceBound:
    return sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q, alpha=question.rules.gate.alpha)


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


def _exact_test(question: Question, lead: Lead, margin: float) -> LeadTest:
    """By one reviewer's votes on the two contenders alone: exact at every look."""
    wins, decisive, alpha = lead.record.wins, lead.record.wins + lead.record.losses, question.rules.gate.alpha
    exact = head_to_head(wins, lead.record.losses, rivals=lead.rivals, alpha=alpha)
    sure = exact.passed and lead.lead > from_points(margin)
    check = Check("ok" if sure else "wait", EXACT, f"{wins} of {decisive} decisive votes")
    words = f"head to head it won {wins} of {count(decisive, 'decisive vote')}"
    words += f", {'enough' if sure else 'not enough'} for one reviewer"
    return LeadTest(sure, check, None if sure else _exact_votes_to_go(lead, alpha), words)


def _exact_votes_to_go(lead: Lead, alpha: float) -> VotesToGo | None:
    """Votes in the category until the exact test passes if the two go on winning as they did; None while the challenger
    does not lead."""
    wins, losses = lead.record.wins, lead.record.losses
    if wins <= losses:
        return None

    def passes(factor: float) -> bool:
        return head_to_head(round(wins * factor), round(losses * factor), rivals=lead.rivals, alpha=alpha).passed

    low, high = 1.0, 2.0
    while not passes(high):
        low, high = high, high * 2
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    decisive = wins + losses
    more = max(1, round(decisive * (high - 1) * max(1.0, lead.votes / decisive)))
    return VotesToGo(more, max(1, round(more / 3)), more * 3, more_reviewers=False)


def _sequence_test(question: Question, lead: Lead, bound: SequenceBound, gap: Gap) -> LeadTest:
    margin = from_points(gap.margin)
    sure = bound.exceeds(margin)
    to_go = None
    if not sure:
        to_go = votes_to_go(
            gap=lead.lead - margin,
            se=lead.se,
            votes=lead.votes,
            rivals=lead.rivals,
            q=lead.q,
            b=lead.b,
            alpha=question.rules.gate.alpha,
        )
    check = Check("ok" if sure else "wait", SEQUENCE, f"{points(gap.lead)} of {points(gap.needed)} points")
    return LeadTest(sure, check, to_go, f"the gate asks for {points(gap.needed)}")


def vote_checks(question: Question) -> list[Check]:
    """Enough votes that compare two answers, by enough reviewers. A vote that both are bad says nothing of who is
    better."""
    board, gate = question.category.board, question.rules.gate
    votes, compared, reviewers = (board.votes, board.compared, board.reviewers) if board else (0, 0, 0)
    have = f"{votes:,}" if votes == compared else f"{compared:,} of {votes:,} compare"
    return [
        Check("ok" if compared >= gate.min_votes else "wait", "Votes", f"{have}, needs {gate.min_votes:,}"),
        Check(
            "ok" if reviewers >= question.min_reviewers else "wait",
            "Reviewers",
            f"{reviewers:,}, needs {question.min_reviewers:,}",
        ),
    ]


def dwell_and_approval_checks(question: Question) -> list[Check]:
    gate, incumbent = question.rules.gate, question.incumbent
    checks = []
    if incumbent is not None and incumbent.since is not None and gate.dwell_hours:
        dwelt, dwell = question.now - incumbent.since, timedelta(hours=gate.dwell_hours)
        value = f"{duration(dwelt)}, needs {duration(dwell)}"
        checks.append(Check("ok" if dwelt >= dwell else "wait", "Time on the present route", value))
    return [*checks, *approval_checks(question)]


def approval_checks(question: Question) -> list[Check]:
    """None where the policy lets the votes decide alone."""
    if not question.rules.gate.needs_approval:
        return []
    return [Check("ok", APPROVAL, "given") if question.approved else Check("wait", APPROVAL, "not given yet")]


def only_approval_missing(checks: Iterable[Check]) -> bool:
    return [check.label for check in checks if check.state != "ok"] == [APPROVAL]
