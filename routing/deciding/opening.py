"""A route without an incumbent: who gets it first. Pure."""

from __future__ import annotations

from evals.ratings import Standings, VotesToGo
from routing.deciding.gate import Verdict, approval_checks, only_approval_lacks, votes_checks
from routing.deciding.objectives import field_of, named, weakest_check, written
from routing.deciding.question import Question
from routing.deciding.verdicts import Check
from routing.wording import count, points

__all__ = ["first"]


def first(question: Question, *, before: str | None = None, lost: str = "") -> Verdict:
    """No incumbent that may stay. The policy's default, else whom the objective favours among the surely good enough,
    else the leader of a connected leaderboard.

    `before` was routed and may no longer be, for the reason `lost`; then votes go before the default.
    """
    voted = _leader(question, before, lost)
    if before is not None and voted.to is not None:
        return voted
    if question.may_be_routed(question.default):
        missing = f" {voted.reason}" if voted.to is None else ""
        return Verdict(
            "default",
            question.default,
            before,
            f"{lost}Set by {question.policy} while votes do not decide.{missing}",
            basis="default",
            checks=voted.checks,
            to_go=voted.to_go,
        )
    return voted


def _leader(question: Question, before: str | None, lost: str) -> Verdict:
    checks = votes_checks(question)
    board, standings = question.category.board, question.standings
    if board is None or standings is None or not board.votes:
        return _hold(question, f"{lost}No votes here yet.", checks, before)
    places = {int(standings.components[standings.place(slug)]) for slug in question.rated}
    related = Check(
        "ok" if len(places) == 1 else "wait", "All compared", "with each other" if len(places) == 1 else "not yet"
    )
    checks.append(related)
    if not question.rated:
        return _hold(question, f"{lost}No contender with votes may be routed: {_kept_out(question)}", checks, before)
    if any(check.state != "ok" for check in checks[:2]):
        return _hold(question, f"{lost}Too few to rank on: {_too_few(question)}.", checks, before)
    if related.state != "ok":
        return _hold(question, f"{lost}Votes do not relate all contenders yet; vote on.", checks, before)
    to, said, shown = _chosen(question, standings)
    checks += shown
    if before is not None:
        return Verdict("switched", to, before, f"{lost}{said}.", checks=tuple(checks))
    checks += approval_checks(question)
    if only_approval_lacks(checks):
        return _hold(question, f"{said}. A first route waits for a person's approval.", checks, None, proposes=to)
    return Verdict("first", to, None, f"{said}. Only later changes pass the gate.", checks=tuple(checks))


def _chosen(question: Question, standings: Standings) -> tuple[str, str, list[Check]]:
    """By the objective, if somebody is surely good enough for it; else the leader. With what is said of it."""
    board = question.category.board
    after = f"after {count(board.votes, 'vote')} by {count(board.reviewers, 'reviewer')}" if board else ""
    leader, objective = question.rated[0], question.terms.objective
    field = field_of(question) if objective != "best" else None
    target = field.best_of_good_enough(question) if field else None
    if field is not None and target is not None:
        said = (
            f"{target} is the {named(objective)} ({written(objective, field.tried[target])}) {field.within()}, {after}"
        )
        return target, said, [weakest_check(field.tests[target])]
    said = f"{leader} leads {after}"
    if len(question.rated) > 1:
        ahead, second = standings.rating(leader), standings.rating(question.rated[1])
        said += f": {points(ahead.rating)} against {points(second.rating)} of {second.contender}"
    if objective != "best":
        said += f". Nobody is measured and surely good enough yet to be the {named(objective)}"
    return leader, said, []


def _hold(
    question: Question, reason: str, checks: list[Check], before: str | None, proposes: str | None = None
) -> Verdict:
    """Left out of the table: nothing may be routed here yet."""
    votes = question.category.board.votes if question.category.board else 0
    missing = max(0, question.rules.gate.min_votes - votes)
    to_go = VotesToGo(missing, missing, missing, more_reviewers=False) if missing else None
    return Verdict("held", None, before, reason, checks=tuple(checks), to_go=to_go, proposes=proposes)


def _kept_out(question: Question) -> str:
    standings = question.standings
    known = [question.entrants.get(str(key)) for key in (standings.active if standings else ())]
    said = [
        f"{entrant.slug} ({entrant.breaches[0].label.lower()}: {entrant.breaches[0].value})"
        for entrant in known
        if entrant and entrant.breaches
    ]
    return f"{'; '.join(said[:4])}." if said else "none is known to Arena."


def _too_few(question: Question) -> str:
    board, least = question.category.board, question.rules.gate.min_votes
    said = []
    if board is not None and board.votes < least:
        said.append(f"{board.votes:,} of {count(least, 'vote')}")
    if board is not None and board.reviewers < question.min_reviewers:
        said.append(f"{board.reviewers:,} of {count(question.min_reviewers, 'reviewer')}")
    return ", ".join(said)
