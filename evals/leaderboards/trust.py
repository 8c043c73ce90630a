"""How far a leaderboard can be trusted, in words: who voted, whether they agree, and how many votes are missing until
the first contender is surely the first. Pure: queries hand in the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from arena.ui.numbers import MINUS, points, rate, whole
from arena.ui.wording import count
from evals.leaderboards.queries import LeaderboardView
from evals.ratings import Certainty, Standings, VotesToGo, to_points
from evals.ratings.agreement import SLIGHT, Alpha
from evals.ratings.health import Finding
from evals.voting.queries.reviewers import Voter

__all__ = ["Check", "ContestLines", "Panel", "contest", "panel"]

# Alpha from which agreement is called moderate and substantial (Landis & Koch 1977, as `SLIGHT` is).
MODERATE, SUBSTANTIAL = 0.4, 0.6
# Reviewers named, at most, whose votes decide who leads.
_NAMED = 2
# More further votes than this are not given as a figure.
_BEYOND = 100_000
_PEOPLE = "For people like them"


@dataclass(frozen=True)
class Check:
    """As `ui/_checks.html` takes it."""

    state: Literal["ok", "wait", "fail", "unknown"]
    label: str
    value: str


@dataclass(frozen=True)
class Panel:
    """Who voted. `most` says in words who cast most votes; `unnamed` counts votes of judges without a name; `slight`:
    agreement is surely little."""

    most: str
    unnamed: int
    checks: tuple[Check, ...]
    slight: bool


@dataclass(frozen=True)
class ContestLines:
    """The first against the next contender it was compared with: what is known for these reviewers, and for people like
    them."""

    first: str
    second: str
    lead: float
    checks: tuple[Check, ...]
    more_reviewers: bool


def panel(
    board: LeaderboardView, voters: Sequence[Voter], agreement: Alpha, sides: Finding, *, named: bool = True
) -> Panel:
    """`named`: whether the reader may read of reviewers by name."""
    most = _most(voters if named else [replace(voter, name="One reviewer") for voter in voters])
    if not named:
        voters = [replace(voter, name="one reviewer") for voter in voters]
    return Panel(
        most=most,
        unnamed=sum(voter.votes for voter in voters if voter.unnamed),
        checks=(_agreement(agreement), _single_reviewers(board.standings, voters), _sides(sides)),
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
    return f"{whole(few)} of {whole(len(voters))} cast {rate(cast / votes)} of the votes."


def _agreement(found: Alpha) -> Check:
    if found.alpha is None or found.ci95 is None:
        return Check("unknown", "Whether they agree is not known", found.why)
    alpha, low, high = map(_hundredths, (found.alpha, *found.ci95))
    value = (
        f"{rate(found.agree)} of verdicts alike on {whole(found.battles)} shared battles, {rate(found.chance)} by "
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


def _single_reviewers(standings: Standings, voters: Iterable[Voter]) -> Check:
    if standings.reviewers < 2:
        return Check("unknown", "One person decides who leads", "no other person has voted")
    if not standings.connected:
        return Check("unknown", "Whether one person decides who leads is not known", "not all were compared")
    names = {voter.id: voter.name for voter in voters}
    changed = [
        f"without {names.get(int(reviewer), 'one reviewer')} {leader} would lead"
        for reviewer, leader in standings.leader_without().items()
        if leader != standings.leader
    ]
    if not changed:
        return Check("ok", "No single person decides who leads", f"{standings.leader} leads without any one of them")
    more = f"; {whole(len(changed) - _NAMED)} more such people" if len(changed) > _NAMED else ""
    return Check("fail", "Single reviewers decide who leads", "; ".join(changed[:_NAMED]) + more)


def _sides(found: Finding) -> Check:
    if found.share is None or found.ci95 is None:
        return Check("unknown", "Whether a side is preferred is not known", "imported votes do not say what was left")
    low, high = (rate(end) for end in found.ci95)
    value = f"left won {rate(found.share)} of {whole(found.n)} decisive votes ({low} to {high})"
    match found.state:
        case "good":
            return Check("ok", "Neither side is preferred", value)
        case "bad":
            return Check("fail", f"The {'left' if found.share > 0.5 else 'right'} answer is preferred", value)
        case _:
            return Check("unknown", "Whether a side is preferred is not sure yet", value)


def contest(board: LeaderboardView) -> ContestLines | None:
    """None where no two contenders were compared."""
    found = board.contest
    if found is None:
        return None
    these = f"these {whole(board.reviewers)} reviewers" if board.reviewers > 1 else "the one reviewer"
    panel = _certainty(f"For {these}", found.panel)
    if found.people is None:
        people = Check("unknown", _PEOPLE, "one person says nothing about others")
    else:
        people = _certainty(_PEOPLE, found.people)
    spoken, other = (people, panel) if board.speaks_for == "people" else (panel, people)
    checks = (replace(spoken, label=f"{spoken.label}, for whom the category speaks"), other)
    to_go = (found.people or found.panel).to_go
    more_reviewers = to_go is not None and to_go.more_reviewers
    return ContestLines(str(found.first), str(found.second), found.lead.points, checks, more_reviewers)


def _certainty(label: str, found: Certainty) -> Check:
    needed = f"needs {points(to_points(found.bound.half_width))} points"
    if found.sure:
        return Check("ok", label, f"{needed}: surely ahead, however often we look")
    return Check("wait", label, f"{needed}: {_to_go(found.to_go)}")


def _to_go(go: VotesToGo | None) -> str:
    if go is None:
        return "level so far, so the votes it takes cannot be estimated"
    if go.more > _BEYOND:
        return f"more than {whole(_BEYOND)} more votes at this lead"
    if go.low == go.high:
        return count(go.more, "more vote")
    return f"about {whole(go.more)} more votes, likely {whole(go.low)} to {whole(go.high)}"
