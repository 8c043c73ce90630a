"""What a route sends to from now on: who is good enough by its objective, who gets it first, and whether another takes
over. Pure; see `routing.decisions.gate` for the bounds.

Good enough is shown, not presumed: surely no more than the quality margin behind everybody who may be routed, safe at
every look (`docs/statistics.md`, good enough and cheaper).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from arena.ui.wording import ahead, count, listed, milliseconds, money, points, share
from evals.ratings import NonInferiority, Standings, VotesToGo, from_points, non_inferiority, to_points, votes_to_go
from routing.decisions.eligibility import Check, figure
from routing.decisions.gate import (
    Gap,
    Question,
    RouteDecision,
    Weighing,
    ahead_of,
    approval_checks,
    only_approval_lacks,
    patience_checks,
    to_go_words,
    votes_checks,
    weigh,
)
from routing.policy.schema import Objective

__all__ = ["MORE", "Field", "decide", "field_of", "first", "named", "weakest_check", "written"]

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


def first(question: Question, *, before: str | None = None, lost: str = "") -> RouteDecision:
    """No incumbent that may stay. The policy's default, else whom the objective favours among the surely good enough,
    else the leader of a connected leaderboard.

    `before` was routed and may no longer be, for the reason `lost`; then votes go before the default.
    """
    voted = _leader(question, before, lost)
    if before is not None and voted.to is not None:
        return voted
    if question.may_be_routed(question.default):
        missing = f" {voted.reason}" if voted.to is None else ""
        return RouteDecision(
            "default",
            question.default,
            before,
            f"{lost}Set by {question.policy} while votes do not decide.{missing}",
            basis="default",
            checks=voted.checks,
            to_go=voted.to_go,
        )
    return voted


def _leader(question: Question, before: str | None, lost: str) -> RouteDecision:
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
        return _hold(
            question, f"{lost}No contender with votes may be routed: {_who_is_kept_out(question)}", checks, before
        )
    if any(check.state != "ok" for check in checks[:2]):
        return _hold(question, f"{lost}Too few to rank on: {_too_few(question)}.", checks, before)
    if related.state != "ok":
        return _hold(question, f"{lost}Votes do not relate all contenders yet; vote on.", checks, before)
    to, said, shown = _chosen(question, standings)
    checks += shown
    if before is not None:
        return RouteDecision("switched", to, before, f"{lost}{said}.", checks=tuple(checks))
    checks += approval_checks(question)
    if only_approval_lacks(checks):
        return _hold(question, f"{said}. A first route waits for a person's approval.", checks, None, proposes=to)
    return RouteDecision("first", to, None, f"{said}. Only later changes pass the gate.", checks=tuple(checks))


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
) -> RouteDecision:
    """Left out of the table: nothing may be routed here yet."""
    votes = question.category.board.votes if question.category.board else 0
    missing = max(0, question.rules.gate.min_votes - votes)
    to_go = VotesToGo(missing, missing, missing, more_reviewers=False) if missing else None
    return RouteDecision("held", None, before, reason, checks=tuple(checks), to_go=to_go, proposes=proposes)


def _who_is_kept_out(question: Question) -> str:
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


def decide(question: Question) -> RouteDecision:
    """First, switched, kept, held, pinned or default, with the reason and what was checked."""
    pin, incumbent = question.route.pin, question.incumbent
    before = incumbent.model if incumbent else None
    if question.may_be_routed(pin):
        return RouteDecision("pinned", pin, before, f"Pinned by {question.policy}.", basis="pin")
    decision = _by_votes(question)
    if pin is None or pin == before:
        return decision
    return replace(decision, reason=f"{_kept_out(question, pin)} {decision.reason}")


def _by_votes(question: Question) -> RouteDecision:
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
        return RouteDecision("default", question.default, incumbent.model, said, basis="default")
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
) -> RouteDecision:
    """The incumbent goes on. One that the policy set, and that votes cannot judge yet, is `default` still."""
    incumbent = question.incumbent
    assert incumbent is not None
    enough = votes_checks(question)
    by_default = incumbent.basis == "default" and any(check.state != "ok" for check in enough)
    if by_default:
        outcome, reason = "default", f"Set by {question.policy} while votes do not decide. {reason}"
    return RouteDecision(
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


def _best(question: Question, incumbent: str) -> RouteDecision:
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


def _judged(question: Question, weighing: Weighing) -> RouteDecision:
    gap = weighing.gap
    board = question.category.board
    after = f"after {count(board.votes, 'vote')} by {count(board.reviewers, 'reviewer')}" if board else ""
    lead = f"{gap.challenger} leads {gap.incumbent} by {ahead(gap.lead)}; {weighing.evidence}, {after}."
    if weighing.passed:
        return RouteDecision(
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


def _leads(question: Question, incumbent: str) -> RouteDecision:
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


def _good_enough(question: Question, incumbent: str) -> RouteDecision:
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


def _change(question: Question, incumbent: str, target: str, field: Field, behind: Weighing | None) -> RouteDecision:
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
    return RouteDecision("switched", target, incumbent, f"{said}{after}.", checks=checks)


def _test_checks(question: Question, slug: str, field: Field) -> list[Check]:
    test = field.tests[slug]
    checks = [*votes_checks(question), weakest_check(test)]
    if question.standings is not None and test.rival is not None:
        weakest = question.standings.lead(test.candidate, test.rival).weakest
        if weakest is not None:
            left = f"{points(-to_points(weakest))} behind without the closest call"
            checks.append(Check("ok" if weakest > -test.margin else "wait", "No single person flips it", left))
    return checks


def _nobody_yet(question: Question, incumbent: str, field: Field) -> RouteDecision:
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
