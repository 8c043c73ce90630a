"""What a route sends to from now on, and why, in words and numbers. Pure; read from top to bottom.

    decision = decide(question)
    decision.outcome, decision.to, decision.reason

A pin goes before votes. The first route needs votes, reviewers and a connected leaderboard; every later change needs a
passed gate (`routing.decisions.gate`). With an objective other than `best`, good enough is shown, not presumed: surely
no more than the quality margin behind every contender that may be routed, safe at every look (`docs/statistics.md`,
good enough and cheaper). What cannot be compared is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from arena.ui.wording import ahead, count, listed, milliseconds, money, plural, points, share
from evals.ratings import NonInferiority, VotesToGo, from_points, non_inferiority, to_points, votes_to_go
from routing.decisions.eligibility import Check, objective_value
from routing.decisions.gate import (
    SINGLE_REVIEWER,
    Comparison,
    Gap,
    Outcome,
    Question,
    RouteDecision,
    approval_checks,
    compare,
    describe_votes_to_go,
    dwell_and_approval_checks,
    incumbent_gap,
    only_approval_missing,
    vote_checks,
)
from routing.policy.schema import Objective

__all__ = ["ObjectiveTest", "decide", "evaluate_objective", "format_value", "objective_name"]

# What an objective calls its better half.
_BETTER = {"cheapest": "cheaper", "fastest": "faster", "most_compliant": "more compliant"}
_UNTIL_VOTES = "while votes do not decide"


def decide(question: Question) -> RouteDecision:
    """The same question has the same decision."""
    pin, before = question.route_rules.pin, question.incumbent.model if question.incumbent else None
    if question.may_be_routed(pin):
        decision = RouteDecision("pinned", pin, before, f"Pinned by {question.policy}.", basis="pin")
    else:
        decision = _decide_without_pin(question)
        if pin is not None and pin != before:
            why = _barred(question, pin) or "is not a contender"
            decision = replace(decision, reason=f"{pin}, pinned by {question.policy}, {why}. {decision.reason}")
    return replace(decision, question=question)


def _decide_without_pin(question: Question) -> RouteDecision:
    incumbent = question.incumbent
    if incumbent is None:
        return _decide_without_incumbent(question, before=None)
    if not question.may_be_routed(incumbent.model):
        decision = _decide_without_incumbent(question, before=incumbent.model)
        why = _barred(question, incumbent.model, "may no longer be routed") or "no longer exists"
        return replace(decision, reason=f"{incumbent.model} {why}. {decision.reason}")
    default_moved = incumbent.basis == "default" and question.default != incumbent.model
    if default_moved and question.may_be_routed(question.default):
        reason = f"Set by {question.policy} {_UNTIL_VOTES}."
        return RouteDecision("default", question.default, incumbent.model, reason, basis="default")
    if question.terms.objective == "best":
        return _decide_on_votes(question, incumbent.model)
    return _decide_on_objective(question, incumbent.model)


def _barred(question: Question, slug: str, verb: str = "may not be routed") -> str:
    """Why a contender may not be routed; empty if there is no such contender."""
    candidate = question.candidates.get(slug)
    return f"{verb} ({_breaches(candidate.breaches)})" if candidate else ""


def _breaches(breaches: Iterable[Check]) -> str:
    return listed([f"{one.label.lower()}: {one.value}" for one in breaches])


# Nothing is routed here, or no longer may be.


def _decide_without_incumbent(question: Question, *, before: str | None) -> RouteDecision:
    """The policy's default, else the contender that the objective favours among the surely good enough, else the leader
    of a connected leaderboard. Where `before` was routed and may no longer be, votes go before the default."""
    on_votes = _choose_by_votes(question, before)
    if before is not None and on_votes.to is not None:
        return on_votes
    if not question.may_be_routed(question.default):
        return on_votes
    missing = f" {on_votes.reason}" if on_votes.to is None else ""
    reason = f"Set by {question.policy} {_UNTIL_VOTES}.{missing}"
    return replace(on_votes, outcome="default", to=question.default, reason=reason, basis="default", proposes=None)


def _choose_by_votes(question: Question, before: str | None) -> RouteDecision:
    board, standings = question.category.board, question.standings
    checks = vote_checks(question)
    if board is None or standings is None or not board.votes:
        return _leave_out(question, "No votes here yet.", checks, before)
    groups = {int(standings.components[standings.place(slug)]) for slug in question.rated}
    connected = len(groups) == 1
    checks.append(Check("ok" if connected else "wait", "All compared", "with each other" if connected else "not yet"))
    if not question.rated:
        reason = f"No contender with votes may be routed: {_barred_contenders(question)}"
        return _leave_out(question, reason, checks, before)
    if any(check.state != "ok" for check in vote_checks(question)):
        return _leave_out(question, f"Too few to rank on: {_missing_votes(question)}.", checks, before)
    if not connected:
        return _leave_out(question, "Votes do not relate all contenders yet; keep voting.", checks, before)
    to, reason, shown = _leader_or_objective(question)
    checks += shown
    if before is not None:
        return RouteDecision("switched", to, before, f"{reason}.", checks=tuple(checks))
    checks += approval_checks(question)
    if only_approval_missing(checks):
        waits = f"{reason}. A first route waits for a person's approval."
        return _leave_out(question, waits, checks, None, proposes=to)
    return RouteDecision("first", to, None, f"{reason}. Later changes must pass the gate.", checks=tuple(checks))


def _leave_out(
    question: Question, reason: str, checks: list[Check], before: str | None, proposes: str | None = None
) -> RouteDecision:
    """Nothing may be routed here yet, so the table has no such route."""
    compared = question.category.board.compared if question.category.board else 0
    missing = max(0, question.rules.gate.min_votes - compared)
    to_go = VotesToGo(missing, missing, missing, more_reviewers=False) if missing else None
    return RouteDecision("held", None, before, reason, checks=tuple(checks), to_go=to_go, proposes=proposes)


def _barred_contenders(question: Question) -> str:
    standings = question.standings
    rated = [question.candidates.get(str(key)) for key in (standings.active if standings else ())]
    barred = [f"{candidate.slug} ({_breaches(candidate.breaches[:1])})" for candidate in rated if candidate is not None]
    return f"{'; '.join(barred[:4])}." if barred else "none of them is known to Arena."


def _missing_votes(question: Question) -> str:
    board, least = question.category.board, question.rules.gate.min_votes
    missing = []
    if board is not None and board.compared < least:
        bad = board.votes - board.compared
        both_bad = f" that compare ({bad:,} more {plural(bad, 'says', 'say')} that both answers are bad)" if bad else ""
        missing.append(f"{board.compared:,} of {count(least, 'vote')}{both_bad}")
    if board is not None and board.reviewers < question.min_reviewers:
        missing.append(f"{board.reviewers:,} of {count(question.min_reviewers, 'reviewer')}")
    return ", ".join(missing)


def _leader_or_objective(question: Question) -> tuple[str, str, list[Check]]:
    """The first contender of a route, with the reason and the checks to show."""
    objective, leader = question.terms.objective, question.rated[0]
    test = evaluate_objective(question) if objective != "best" else None
    target = test.winner(question) if test else None
    if test is not None and target is not None:
        value = format_value(objective, test.values[target])
        reason = f"{target} is the {objective_name(objective)} ({value}) {test.within}, {question.after_votes}"
        return target, reason, [_quality_check(test.results[target])]
    reason = f"{leader} leads {question.after_votes}"
    if len(question.rated) > 1 and question.standings is not None:
        first, second = (question.standings.rating(slug) for slug in question.rated[:2])
        reason += f": {points(first.rating)} against {points(second.rating)} of {second.contender}"
    if objective != "best":
        reason += f". No contender is measured and surely good enough yet to be the {objective_name(objective)}"
    return leader, reason, []


# An incumbent, and the objective `best`: votes alone decide.


def _decide_on_votes(question: Question, incumbent: str) -> RouteDecision:
    if question.standings is None or incumbent not in question.standings:
        why = f"{incumbent} has no votes here, so no contender can be compared with it: collect its answers and vote."
        return _keep(question, "held", why)
    leader = question.rated[0]
    if leader == incumbent:
        return _keep_leader(question, incumbent)
    comparison = compare(question, leader, incumbent)
    if comparison is None:
        return _keep(question, "held", f"Votes do not relate {leader} and {incumbent} yet; keep voting.")
    return _decide_on_comparison(question, comparison)


def _keep_leader(question: Question, incumbent: str) -> RouteDecision:
    """The incumbent is the best of those that may be routed. If another is rated higher, the reason says why that one
    may not be."""
    standings = question.standings
    assert standings is not None
    reason, gap = f"{incumbent} is the only contender rated here that may be routed, {question.after_votes}.", None
    if len(question.rated) > 1:
        second = question.rated[1]
        lead = to_points(standings.lead(incumbent, second).lead)
        reason = f"{incumbent} leads by {ahead(lead)} over {second}, {question.after_votes}."
        gap = incumbent_gap(question, incumbent, second)
    best = str(standings.active[0])
    if best == incumbent:
        checks = (*vote_checks(question), Check("wait", "Lead of another, safe at every look", "nobody leads it"))
        return _keep(question, "kept", reason, checks=checks, gap=gap)
    why = _barred(question, best) or "may not be routed (not known to Arena)"
    comparison = compare(question, best, incumbent)
    breaches = question.candidates[best].breaches if best in question.candidates else ()
    return _keep(
        question,
        "kept",
        f"{reason} {best} is rated higher but {why}.",
        checks=(*(comparison.checks if comparison else vote_checks(question)), *breaches),
        gap=comparison.gap if comparison else None,
    )


def _decide_on_comparison(question: Question, comparison: Comparison) -> RouteDecision:
    gap, test, checks = comparison.gap, comparison.test, comparison.checks
    reason = f"{gap.challenger} leads {gap.incumbent} by {ahead(gap.lead)}; {test.words}, {question.after_votes}."
    if comparison.passed:
        return RouteDecision("switched", gap.challenger, gap.incumbent, reason, checks=checks, gap=gap)
    if test.sure:
        proposes = gap.challenger if only_approval_missing(checks) else None
        return _keep(question, "held", f"{reason} {_waits_for(checks)}", checks=checks, gap=gap, proposes=proposes)
    if test.to_go is not None:
        reason += _votes_to_go_sentence(test.to_go)
    elif gap.margin and gap.lead <= gap.margin:
        reason += f" The lead must exceed the policy's margin of {ahead(gap.margin)}."
    return _keep(question, "held", reason, checks=checks, gap=gap, to_go=test.to_go)


# An incumbent, and an objective besides quality: the cheapest, fastest or most compliant of the surely good enough.


def _decide_on_objective(question: Question, incumbent: str) -> RouteDecision:
    test = evaluate_objective(question)
    if test is None:
        return _keep(question, "held", "No contender is rated here yet.")
    leader = question.rated[0]
    comparison = compare(question, leader, incumbent, margin=test.margin) if leader != incumbent else None
    too_far_behind = comparison is not None and comparison.passed
    target = test.winner(question)
    if target is not None:
        return _decide_on_winner(question, incumbent, target, test, too_far_behind=too_far_behind)
    if comparison is not None and too_far_behind:
        return _decide_on_comparison(question, comparison)
    return _keep_without_winner(question, incumbent, test)


def _decide_on_winner(
    question: Question, incumbent: str, target: str, test: ObjectiveTest, *, too_far_behind: bool
) -> RouteDecision:
    """`too_far_behind`: the incumbent surely is by more than the quality margin, so that it goes without a gain."""
    objective, values = test.objective, test.values
    if target == incumbent:
        return _keep(question, "kept", f"{incumbent} is the {objective_name(objective)} {test.within}.")
    now, then, min_gain = values.get(incumbent), values[target], question.rules.min_gain
    gains = now is None or (then < now and then <= now * (1 - min_gain))
    if not gains and not too_far_behind:
        reason = f"{incumbent} stays: {target} is not {_BETTER[objective]} by {share(min_gain)} or more."
        return _keep(question, "kept", reason)
    figures = f"{format_value(objective, then)}, {incumbent} is not measured"
    if now is not None:
        figures = f"{format_value(objective, then)} against {format_value(objective, now)}"
    reason = f"{target} is {_BETTER[objective]} than {incumbent} ({figures}) and {test.within}"
    checks = (*_quality_checks(question, target, test), *dwell_and_approval_checks(question))
    if any(check.state != "ok" for check in checks):
        proposes = target if only_approval_missing(checks) else None
        return _keep(question, "held", f"{reason}. {_waits_for(checks)}", checks=checks, proposes=proposes)
    after = f", {question.after_votes}" if question.after_votes else ""
    return RouteDecision("switched", target, incumbent, f"{reason}{after}.", checks=checks)


def _keep_without_winner(question: Question, incumbent: str, test: ObjectiveTest) -> RouteDecision:
    """No contender is surely good enough: how far the one nearest to it is from that."""
    objective, values, name = test.objective, test.values, objective_name(test.objective)
    if not values:
        return _keep(question, "held", f"No contender is measured well enough to say which is the {name}.")
    better = [
        slug for slug in values if slug != incumbent and (incumbent not in values or values[slug] < values[incumbent])
    ]
    if not better:
        return _keep(question, "kept", f"No contender rated here is {_BETTER[objective]} than {incumbent}.")
    nearest = min(better, key=lambda slug: test.results[slug].bound.high)
    result = test.results[nearest]
    reason = (
        f"{nearest} is {_BETTER[objective]}, but may be up to {points(to_points(result.bound.high))} points behind the "
        f"best; at most {points(test.margin)} are allowed."
    )
    to_go = None
    if question.standings is not None and result.rival is not None:
        lead = question.standings.lead(result.rival, nearest)
        to_go = votes_to_go(
            gap=result.margin - lead.lead,
            se=lead.se,
            votes=lead.votes,
            rivals=len(values),
            q=lead.q,
            b=lead.b,
            alpha=question.rules.gate.alpha,
        )
    if to_go is not None:
        reason += _votes_to_go_sentence(to_go)
    return _keep(question, "held", reason, checks=tuple(_quality_checks(question, nearest, test)), to_go=to_go)


def _quality_checks(question: Question, slug: str, test: ObjectiveTest) -> list[Check]:
    result = test.results[slug]
    checks = [*vote_checks(question), _quality_check(result)]
    if question.standings is not None and result.rival is not None:
        weakest = question.standings.lead(result.candidate, result.rival).weakest
        if weakest is not None:
            left = f"{points(-to_points(weakest))} behind without the closest call"
            checks.append(Check("ok" if weakest > -result.margin else "wait", SINGLE_REVIEWER, left))
    return checks


def _quality_check(result: NonInferiority) -> Check:
    worst = f"at most {points(to_points(result.bound.high))} behind, allowed {points(to_points(result.margin))}"
    return Check("ok" if result.passed else "wait", "Not worse, safe at every look", worst)


# What all of the above end with.


def _keep(
    question: Question,
    outcome: Outcome,
    reason: str,
    *,
    checks: tuple[Check, ...] | None = None,
    gap: Gap | None = None,
    to_go: VotesToGo | None = None,
    proposes: str | None = None,
) -> RouteDecision:
    """The incumbent goes on. One that the policy set, and that votes cannot judge yet, is `default` still."""
    incumbent = question.incumbent
    assert incumbent is not None
    enough = vote_checks(question)
    by_default = incumbent.basis == "default" and any(check.state != "ok" for check in enough)
    if by_default:
        outcome, reason = "default", f"Set by {question.policy} {_UNTIL_VOTES}. {reason}"
    return RouteDecision(
        outcome,
        incumbent.model,
        incumbent.model,
        reason,
        basis="default" if by_default else "votes",
        checks=tuple(enough) if checks is None else checks,
        gap=gap,
        to_go=to_go,
        proposes=proposes,
    )


def _waits_for(checks: Iterable[Check]) -> str:
    missing = [f"{check.label.lower()} ({check.value})" for check in checks if check.state != "ok"]
    return f"It waits for {listed(missing)}."


def _votes_to_go_sentence(go: VotesToGo) -> str:
    """With a space before it: `routing.decisions.explain` takes exactly this off a stored reason."""
    words = describe_votes_to_go(go)
    return f" {words[:1].upper()}{words[1:]}."


# Which contenders are surely good enough for an objective, and what it says of them.


@dataclass(frozen=True)
class ObjectiveTest:
    """`values` are the objective's figures (less is better) of the rated contenders that are measured for it, and
    `results` whether each is surely within the margin."""

    objective: Objective
    margin: float
    values: Mapping[str, float]
    results: Mapping[str, NonInferiority]

    def winner(self, question: Question) -> str | None:
        """The best figure among the surely good enough, equals by rating; None if there are none."""
        enough = [slug for slug in self.values if self.results[slug].passed]
        return min(enough, key=lambda slug: (self.values[slug], question.rated.index(slug)), default=None)

    @property
    def within(self) -> str:
        return f"surely within {points(self.margin)} points of the best"


def evaluate_objective(question: Question) -> ObjectiveTest | None:
    """None if no contender that may be routed is rated."""
    standings, terms = question.standings, question.terms
    if standings is None or not question.rated:
        return None
    when = question.route_rules.when.as_dict()
    found = {slug: objective_value(question.candidates[slug], terms.objective, when) for slug in question.rated}
    values = {slug: value for slug, value in found.items() if value is not None}
    results = {
        slug: non_inferiority(
            standings,
            slug,
            margin=from_points(terms.quality_margin),
            tried=len(values),
            rivals=question.rated,
            alpha=question.rules.gate.alpha,
        )
        for slug in values
    }
    return ObjectiveTest(terms.objective, terms.quality_margin, values, results)


def objective_name(objective: str) -> str:
    return objective.replace("_", " ")


def format_value(objective: str, value: float) -> str:
    if objective == "cheapest":
        return f"{money(value)} per success"
    return milliseconds(value) if objective == "fastest" else f"{share(1 - value)} of schemas hold"
