"""What a route sends to from now on, by its objective. Pure; see `routing.deciding.gate` for the bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from evals.ratings import VotesToGo, to_points, votes_to_go
from routing.deciding.gate import (
    Gap,
    Verdict,
    Weighing,
    ahead_of,
    only_approval_lacks,
    patience_checks,
    to_go_words,
    votes_checks,
    weigh,
)
from routing.deciding.objectives import MORE, Field, field_of, named, weakest_check, written
from routing.deciding.opening import first
from routing.deciding.question import Question
from routing.deciding.verdicts import Check
from routing.wording import ahead, count, listed, points, share

__all__ = ["decide"]


def decide(question: Question) -> Verdict:
    """First, switched, kept, held, pinned or default, with the reason and what was checked."""
    pin, incumbent = question.route.pin, question.incumbent
    before = incumbent.model if incumbent else None
    if question.may_be_routed(pin):
        return Verdict("pinned", pin, before, f"Pinned by {question.policy}.", basis="pin")
    verdict = _by_votes(question)
    if pin is None or pin == before:
        return verdict
    return replace(verdict, reason=f"{_kept_out(question, pin)} {verdict.reason}")


def _by_votes(question: Question) -> Verdict:
    incumbent = question.incumbent
    if incumbent is None:
        return first(question)
    if not question.may_be_routed(incumbent.model):
        return first(question, before=incumbent.model, lost=_lost(question, incumbent.model))
    if (
        incumbent.basis == "default"
        and question.default != incumbent.model
        and question.may_be_routed(question.default)
    ):
        said = f"Set by {question.policy} while votes do not decide."
        return Verdict("default", question.default, incumbent.model, said, basis="default")
    if question.terms.objective == "best":
        return _best(question, incumbent.model)
    return _good_enough(question, incumbent.model)


def _kept_out(question: Question, pin: str) -> str:
    entrant = question.entrants.get(pin)
    why = f"may not be routed ({_breached(entrant.breaches)})" if entrant else "is no contender"
    return f"{pin}, pinned by {question.policy}, {why}."


def _breached(breaches: Iterable[Check]) -> str:
    return listed([f"{one.label.lower()}: {one.value}" for one in breaches])


def _lost(question: Question, slug: str) -> str:
    entrant = question.entrants.get(slug)
    if entrant is None:
        return f"{slug} is gone. "
    return f"{slug} may no longer be routed ({_breached(entrant.breaches)}). "


def _stay(
    question: Question,
    outcome: str,
    reason: str,
    *,
    checks: tuple[Check, ...] | None = None,
    gap: Gap | None = None,
    to_go: VotesToGo | None = None,
    proposes: str | None = None,
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
        proposes=proposes,
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
            question,
            "held",
            f"{lead} It waits for {listed(weighing.waits_for)}.",
            checks=weighing.checks,
            gap=gap,
            proposes=gap.challenger if only_approval_lacks(weighing.checks) else None,
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
    why = _breached(breaches) or "not known to Arena"
    weighing = weigh(question, barred, incumbent)
    return _stay(
        question,
        "kept",
        f"{said} {barred} is rated higher but may not be routed ({why}).",
        checks=(*(weighing.checks if weighing else votes_checks(question)), *breaches),
        gap=weighing.gap if weighing else None,
    )


def _good_enough(question: Question, incumbent: str) -> Verdict:
    """The cheapest (fastest, most compliant) of those that are surely within the quality margin of everybody."""
    field = field_of(question)
    if field is None:
        return _stay(question, "held", "Nobody is rated here yet.")
    leader = question.rated[0]
    behind = weigh(question, leader, incumbent, margin=field.margin) if leader != incumbent else None
    target = field.best_of_good_enough(question)
    if target is not None:
        return _change(question, incumbent, target, field, behind)
    if behind is not None and behind.passed:
        return _judged(question, behind)
    return _nobody_yet(question, incumbent, field)


def _change(question: Question, incumbent: str, target: str, field: Field, behind: Weighing | None) -> Verdict:
    objective = field.objective
    now, then = field.tried.get(incumbent), field.tried[target]
    if target == incumbent:
        return _stay(question, "kept", f"{incumbent} is the {named(objective)} {field.within()}.")
    too_bad = behind is not None and behind.passed
    gains = now is None or (then < now and then <= now * (1 - question.rules.min_gain))
    than = "which is not measured" if now is None else written(objective, now)
    said = f"{target} is {MORE[objective]} than {incumbent} ({written(objective, then)} against {than})"
    said += f" and {field.within()}"
    if not gains and not too_bad:
        least = share(question.rules.min_gain)
        return _stay(question, "kept", f"{incumbent} stays: {target} is not {MORE[objective]} by {least} or more.")
    checks = (*_test_checks(question, target, field), *patience_checks(question))
    waiting = [f"{check.label.lower()} ({check.value})" for check in checks if check.state != "ok"]
    if waiting:
        proposed = target if only_approval_lacks(checks) else None
        return _stay(question, "held", f"{said}. It waits for {listed(waiting)}.", checks=checks, proposes=proposed)
    board = question.category.board
    after = f", after {count(board.votes, 'vote')} by {count(board.reviewers, 'reviewer')}" if board else ""
    return Verdict("switched", target, incumbent, f"{said}{after}.", checks=checks)


def _test_checks(question: Question, slug: str, field: Field) -> list[Check]:
    test = field.tests[slug]
    checks = [*votes_checks(question), weakest_check(test)]
    if question.standings is not None and test.rival is not None:
        weakest = question.standings.lead(test.candidate, test.rival).weakest
        if weakest is not None:
            left = f"{points(-to_points(weakest))} behind without the closest call"
            checks.append(Check("ok" if weakest > -test.margin else "wait", "No single person flips it", left))
    return checks


def _nobody_yet(question: Question, incumbent: str, field: Field) -> Verdict:
    objective, tried = field.objective, field.tried
    better = [
        slug for slug in tried if slug != incumbent and (incumbent not in tried or tried[slug] < tried[incumbent])
    ]
    if not tried:
        return _stay(question, "held", f"Nobody is measured well enough to say who is {named(objective)}.")
    if not better:
        return _stay(question, "kept", f"Nobody rated here is {MORE[objective]} than {incumbent}.")
    nearest = min(better, key=lambda slug: field.tests[slug].bound.high)
    test = field.tests[nearest]
    reason = (
        f"{nearest} is {MORE[objective]}, but may be up to {points(to_points(test.bound.high))} points behind the "
        f"best; at most {points(field.margin)} are allowed."
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
    return _stay(question, "held", reason, checks=tuple(_test_checks(question, nearest, field)), to_go=to_go)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
