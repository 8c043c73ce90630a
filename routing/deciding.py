"""What a route sends to from now on, by its objective. Pure; see `routing.gate` for the bounds."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET

from evals.ratings import NonInferiority, VotesToGo, from_points, non_inferiority, to_points, votes_to_go
from routing.eligibility import figure
from routing.gate import (
    Gap,
    Question,
    Verdict,
    Weighing,
    ahead_of,
    patience_checks,
    to_go_words,
    votes_checks,
    weigh,
)
from routing.opening import first
from routing.verdicts import Check
from routing.wording import ahead, count, listed, milliseconds, money, points, share

__all__ = ["decide"]

# What an objective calls its better half, and how its figure is written.
_MORE = {"cheapest": "cheaper", "fastest": "faster", "most_compliant": "more compliant"}


def decide(question: Question) -> Verdict:
    """First, switched, kept, held, pinned or default, with the reason and what was checked."""
    route, incumbent = question.route, question.incumbent
    before = incumbent.model if incumbent else None
    if route.pin is not None:
        return Verdict("pinned", route.pin, before, f"Pinned by {question.policy}.", basis="pin")
    if incumbent is None:
        return first(question)
    if not question.may_be_routed(incumbent.model):
        return first(question, before=incumbent.model, lost=_lost(question, incumbent.model))
    if (
        incumbent.basis == "default"
        and question.default != incumbent.model
        and question.may_be_routed(question.default)
    ):
        return Verdict(
            "default", question.default, before, f"Set by {question.policy} while votes do not decide.", basis="default"
        )
    objective = question.rules.objective if route.objective is UNSET else route.objective
    return (
        _best(question, incumbent.model) if objective == "best" else _good_enough(question, incumbent.model, objective)
    )


def _lost(question: Question, slug: str) -> str:
    entrant = question.entrants.get(slug)
    if entrant is None:
        return f"{slug} is gone. "
    why = listed([f"{breach.label.lower()}: {breach.value}" for breach in entrant.breaches])
    return f"{slug} may no longer be routed ({why}). "


def _stay(
    question: Question,
    outcome: str,
    reason: str,
    *,
    checks: tuple[Check, ...] | None = None,
    gap: Gap | None = None,
    to_go: VotesToGo | None = None,
) -> Verdict:
    """The incumbent goes on. One that the policy set, and that votes cannot judge yet, is `default` still."""
    incumbent = question.incumbent
    assert incumbent is not None
    enough = votes_checks(question)
    by_default = incumbent.basis == "default" and any(check.state != "ok" for check in enough)
    if by_default:
        outcome, reason = "default", f"Set by {question.policy} while votes do not decide. {reason}"
    return Verdict(
        outcome,  # type: ignore[arg-type]
        incumbent.model,
        incumbent.model,
        reason,
        basis="default" if by_default else "votes",
        checks=tuple(enough) if checks is None else checks,
        gap=gap,
        to_go=to_go,
    )


def _best(question: Question, incumbent: str) -> Verdict:
    standings, board = question.standings, question.category.board
    if standings is None or board is None or incumbent not in standings:
        why = f"{incumbent} has no votes here, so nobody can be compared with it: collect its answers and vote."
        return _stay(question, "held", why)
    leader = question.rated[0]
    if leader == incumbent:
        return _leads(question, incumbent)
    weighing = weigh(question, leader, incumbent)
    if weighing is None:
        return _stay(question, "held", f"Votes do not relate {leader} and {incumbent} yet; vote on.")
    return _judged(question, weighing)


def _judged(question: Question, weighing: Weighing) -> Verdict:
    gap = weighing.gap
    board = question.category.board
    after = f"after {count(board.votes, 'vote')} by {count(board.reviewers, 'reviewer')}" if board else ""
    lead = f"{gap.challenger} leads {gap.incumbent} by {ahead(gap.lead)}; {weighing.evidence}, {after}."
    if weighing.passed:
        return Verdict(
            "switched", gap.challenger, gap.incumbent, lead, checks=weighing.checks, gap=gap, to_go=weighing.to_go
        )
    if weighing.sure:
        return _stay(
            question, "held", f"{lead} It waits for {listed(weighing.waits_for)}.", checks=weighing.checks, gap=gap
        )
    if weighing.to_go is not None:
        lead += f" {_capital(to_go_words(weighing.to_go))}."
    elif gap.margin and gap.lead <= gap.margin:
        lead += f" A change is worth more than {ahead(gap.margin)} only."
    return _stay(question, "held", lead, checks=weighing.checks, gap=gap, to_go=weighing.to_go)


def _leads(question: Question, incumbent: str) -> Verdict:
    """The incumbent is the best of those that may be routed; whoever is rated above it is kept out, and why is said."""
    standings, board = question.standings, question.category.board
    assert standings is not None
    assert board is not None
    after = f"after {count(board.votes, 'vote')} by {count(board.reviewers, 'reviewer')}"
    said, gap = f"{incumbent} is the only one rated here that may be routed, {after}.", None
    if len(question.rated) > 1:
        second = question.rated[1]
        gap = ahead_of(question, incumbent, second)
        lead = to_points(standings.lead(incumbent, second).lead)
        said = f"{incumbent} leads by {ahead(lead)} over {second}, {after}."
    above = [str(key) for key in standings.active[: standings.active.index(incumbent)]]
    if not above:
        checks = (*votes_checks(question), Check("wait", "Lead of another, safe at every look", "nobody leads it"))
        return _stay(question, "kept", said, checks=checks, gap=gap)
    barred = above[0]
    breaches = question.entrants[barred].breaches if barred in question.entrants else ()
    why = listed([f"{one.label.lower()}: {one.value}" for one in breaches]) or "not known to Arena"
    weighing = weigh(question, barred, incumbent)
    return _stay(
        question,
        "kept",
        f"{said} {barred} is rated higher but may not be routed ({why}).",
        checks=(*(weighing.checks if weighing else votes_checks(question)), *breaches),
        gap=weighing.gap if weighing else None,
    )


def _good_enough(question: Question, incumbent: str, objective: str) -> Verdict:
    """The cheapest (fastest, most compliant) of those that are surely within the quality margin of everybody."""
    standings, board, rules = question.standings, question.category.board, question.rules
    if standings is None or board is None or not question.rated:
        return _stay(question, "held", "Nobody is rated here yet.")
    margin = rules.quality_margin if question.route.quality_margin is UNSET else question.route.quality_margin
    when = question.route.when.as_dict()
    figures = {slug: figure(question.entrants[slug], objective, when) for slug in question.rated}
    tried = {slug: value for slug, value in figures.items() if value is not None}
    tests = {
        slug: non_inferiority(
            standings,
            slug,
            margin=from_points(margin),
            tried=len(tried),
            rivals=question.rated,
            alpha=rules.gate.alpha,
        )
        for slug in tried
    }
    leader = question.rated[0]
    behind = weigh(question, leader, incumbent, margin=margin) if leader != incumbent else None
    qualified = [slug for slug in tried if tests[slug].passed]
    if qualified:
        target = min(qualified, key=lambda slug: (tried[slug], question.rated.index(slug)))
        return _change(question, incumbent, tests[target], tried, objective, behind)
    if behind is not None and behind.passed:
        return _judged(question, behind)
    return _nobody_yet(question, incumbent, tests, tried, objective, margin)


def _change(
    question: Question,
    incumbent: str,
    test: NonInferiority,
    tried: Mapping[str, float],
    objective: str,
    behind: Weighing | None,
) -> Verdict:
    target = str(test.candidate)
    margin = to_points(test.margin)
    now, then = tried.get(incumbent), tried[target]
    within = f"surely within {points(margin)} points of the best"
    if target == incumbent:
        return _stay(question, "kept", f"{incumbent} is the {objective.replace('_', ' ')} {within}.")
    too_bad = behind is not None and behind.passed
    gains = now is None or (then < now and then <= now * (1 - question.rules.min_gain))
    than = "which is not measured" if now is None else _written(objective, now)
    said = f"{target} is {_MORE[objective]} than {incumbent} ({_written(objective, then)} against {than}) and {within}"
    if not gains and not too_bad:
        least = share(question.rules.min_gain)
        return _stay(question, "kept", f"{incumbent} stays: {target} is not {_MORE[objective]} by {least} or more.")
    checks = (*_test_checks(question, test), *patience_checks(question))
    waiting = [f"{check.label.lower()} ({check.value})" for check in checks if check.state != "ok"]
    if waiting:
        return _stay(question, "held", f"{said}. It waits for {listed(waiting)}.", checks=checks)
    board = question.category.board
    after = f", after {count(board.votes, 'vote')} by {count(board.reviewers, 'reviewer')}" if board else ""
    return Verdict("switched", target, incumbent, f"{said}{after}.", checks=checks)


def _test_checks(question: Question, test: NonInferiority) -> list[Check]:
    margin = to_points(test.margin)
    worst = f"at most {points(to_points(test.bound.high))} behind, allowed {points(margin)}"
    checks = [*votes_checks(question), Check("ok" if test.passed else "wait", "Not worse, safe at every look", worst)]
    if question.standings is not None and test.rival is not None:
        weakest = question.standings.lead(test.candidate, test.rival).weakest
        if weakest is not None:
            left = f"{points(-to_points(weakest))} behind without the closest call"
            checks.append(Check("ok" if weakest > -test.margin else "wait", "No single person flips it", left))
    return checks


def _nobody_yet(
    question: Question,
    incumbent: str,
    tests: Mapping[str, NonInferiority],
    tried: Mapping[str, float],
    objective: str,
    margin: float,
) -> Verdict:
    better = [
        slug for slug in tried if slug != incumbent and (incumbent not in tried or tried[slug] < tried[incumbent])
    ]
    if not tried:
        return _stay(question, "held", f"Nobody is measured well enough to say who is {objective.replace('_', ' ')}.")
    if not better:
        return _stay(question, "kept", f"Nobody rated here is {_MORE[objective]} than {incumbent}.")
    nearest = min(better, key=lambda slug: tests[slug].bound.high)
    test = tests[nearest]
    reason = (
        f"{nearest} is {_MORE[objective]}, but may be up to {points(to_points(test.bound.high))} points behind the "
        f"best; at most {points(margin)} are allowed."
    )
    to_go = None
    if question.standings is not None and test.rival is not None:
        lead = question.standings.lead(test.rival, nearest)
        to_go = votes_to_go(
            gap=test.margin - lead.lead,
            se=lead.se,
            votes=lead.votes,
            rivals=len(tried),
            q=lead.q,
            b=lead.b,
            alpha=question.rules.gate.alpha,
        )
    if to_go is not None:
        reason += f" {_capital(to_go_words(to_go))}."
    return _stay(question, "held", reason, checks=tuple(_test_checks(question, test)), to_go=to_go)


def _written(objective: str, value: float) -> str:
    if objective == "cheapest":
        return f"{money(value)} per success"
    return milliseconds(value) if objective == "fastest" else f"{share(1 - value)} of schemas hold"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
