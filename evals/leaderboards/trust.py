"""How far a leaderboard can be trusted, in words: who voted, whether they agree, and what is missing until the first
is surely the first. Pure: computed from what the selectors gave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from arena.ui.numbers import MINUS, count, points, rate
from evals.leaderboards.queries import LeaderboardView
from evals.ratings import Lead, Rating, Standings, VotesToGo, sequence_bound, to_points, votes_to_go
from evals.ratings.agreement import SLIGHT, Alpha
from evals.ratings.health import Finding
from evals.voting.queries.reviewers import Voter

__all__ = ["Check", "Contest", "Panel", "contest", "panel"]

# Alpha from which agreement is called moderate and substantial (Landis & Koch 1977, as `SLIGHT` is).
MODERATE, SUBSTANTIAL = 0.4, 0.6
# People named who could change the leader; of more, so many.
_NAMED = 2
# Further votes are told in figures up to here.
_BEYOND = 100_000


@dataclass(frozen=True)
class Check:
    """As `ui/_checks.html` takes it."""

    state: Literal["ok", "wait", "fail", "unknown"]
    label: str
    value: str


@dataclass(frozen=True)
class Panel:
    """Who voted: `most`, in words, who cast how much of it; `unnamed` votes of judges nobody named; `slight`: they
    surely agree little."""

    most: str
    unnamed: int
    checks: tuple[Check, ...]
    slight: bool


@dataclass(frozen=True)
class Contest:
    """The first against the next it was compared with: what is known for these reviewers, and for people like them."""

    first: str
    second: str
    lead: float
    checks: tuple[Check, ...]
    more_reviewers: bool


def panel(board: LeaderboardView, voters: Sequence[Voter], agreement: Alpha, sides: Finding) -> Panel:
    return Panel(
        most=_most(voters),
        unnamed=sum(voter.votes for voter in voters if voter.unnamed),
        checks=(_agreement(agreement), _nobody_decides(board.standings, voters), _sides(sides)),
        slight=agreement.state == "bad",
    )


def _most(voters: Sequence[Voter]) -> str:
    """`Mara Lind cast 40.0% of the votes.`; of a larger crowd, how few cast half of them."""
    votes = sum(voter.votes for voter in voters)
    if len(voters) < 2 or not votes:
        return ""
    if voters[0].votes >= votes / 4:
        return f"{voters[0].name} cast {rate(voters[0].votes / votes)} of the votes."
    cast, few = 0, 0
    while 2 * cast < votes:
        cast, few = cast + voters[few].votes, few + 1
    return f"{count(few)} of {count(len(voters))} cast {rate(cast / votes)} of the votes."


def _agreement(found: Alpha) -> Check:
    if found.alpha is None or found.ci95 is None:
        return Check("unknown", "Whether they agree is not known", found.why)
    alpha, low, high = map(_hundredths, (found.alpha, *found.ci95))
    value = (
        f"{rate(found.agree)} of verdicts alike on {count(found.battles)} shared battles, {rate(found.chance)} by "
        f"chance; alpha {alpha} ({low} to {high})"
    )
    if found.state == "unknown":
        return Check("unknown", "Whether they agree is not sure yet", value)
    if found.state == "bad":
        how = "less than" if found.ci95[1] < 0 else "hardly more than" if found.ci95[0] <= 0 else "a little more than"
        return Check("fail", f"Reviewers agree {how} chance", value)
    return Check("ok", f"Reviewers agree {_above(found.alpha)} chance", value)


def _hundredths(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


def _above(alpha: float) -> str:
    if alpha >= SUBSTANTIAL:
        return "far more than"
    if alpha >= MODERATE:
        return "much more than"
    return "more than" if alpha >= SLIGHT else "a little more than"


def _nobody_decides(standings: Standings, voters: Iterable[Voter]) -> Check:
    if standings.reviewers < 2:
        return Check("unknown", "One person decides who leads", "nobody else has voted")
    if not standings.connected:
        return Check("unknown", "Whether one person decides who leads is not known", "not all were compared")
    names = {voter.id: voter.name for voter in voters}
    changed = [
        f"without {names.get(int(reviewer), 'somebody')} {leader} would lead"
        for reviewer, leader in standings.leader_without().items()
        if leader != standings.leader
    ]
    if not changed:
        return Check("ok", "No single person decides who leads", f"{standings.leader} leads without any one")
    more = f"; {count(len(changed) - _NAMED)} more such people" if len(changed) > _NAMED else ""
    return Check("fail", "Who leads hangs on single persons", "; ".join(changed[:_NAMED]) + more)


def _sides(found: Finding) -> Check:
    if found.share is None or found.ci95 is None:
        return Check("unknown", "Whether a side is preferred is not known", "imported votes do not say what was left")
    low, high = (rate(end) for end in found.ci95)
    value = f"left won {rate(found.share)} of {count(found.n)} decisive votes ({low} to {high})"
    match found.state:
        case "good":
            return Check("ok", "Neither side is preferred", value)
        case "bad":
            return Check("fail", f"The {'left' if found.share > 0.5 else 'right'} answer is preferred", value)
        case _:
            return Check("unknown", "Whether a side is preferred is not sure yet", value)


def contest(board: LeaderboardView) -> Contest | None:
    """Of the largest group of two or more that were compared; None without one."""
    groups: dict[int, list[Rating]] = {}
    for rating in board.ratings:
        groups.setdefault(rating.component, []).append(rating)
    pairs = [groups[label][:2] for label in sorted(groups) if len(groups[label]) > 1]
    if not pairs:
        return None
    first, second = pairs[0]
    lead = board.standings.lead(first.contender, second.contender)
    these = f"these {count(board.reviewers)} reviewers" if board.reviewers > 1 else "the one reviewer"
    panel, go = _sure(f"For {these}", lead, lead.se_panel, q=1.0)
    if board.reviewers > 1:
        people, go = _sure("For people like them", lead, lead.se_people, q=lead.q_people)
    else:
        people = Check("unknown", "For people like them", "one person says nothing of others")
    spoken, other = (people, panel) if board.speaks_for == "people" else (panel, people)
    checks = (replace(spoken, label=f"{spoken.label}, for whom the category speaks"), other)
    return Contest(str(first.contender), str(second.contender), lead.points, checks, bool(go and go.more_reviewers))


def _sure(label: str, lead: Lead, se: float, *, q: float) -> tuple[Check, VotesToGo | None]:
    bound = sequence_bound(lead.lead, se, rivals=lead.rivals, q=q)
    needed = f"needs {points(to_points(bound.half_width))} points"
    if bound.exceeds(0):
        return Check("ok", label, f"{needed}: surely ahead, however often we look"), None
    tastes = se**2 - lead.se_panel**2
    go = votes_to_go(gap=lead.lead, se=se, votes=lead.votes, rivals=lead.rivals, q=q, b=tastes)
    return Check("wait", label, f"{needed}: {_to_go(go)}"), go


def _to_go(go: VotesToGo | None) -> str:
    if go is None:
        return "level so far, so nobody can say how many votes that takes"
    if go.more > _BEYOND:
        return f"more than {count(_BEYOND)} more votes at this lead"
    if go.low == go.high:
        return f"{count(go.more)} more vote{'' if go.more == 1 else 's'}"
    return f"about {count(go.more)} more votes, likely {count(go.low)} to {count(go.high)}"
