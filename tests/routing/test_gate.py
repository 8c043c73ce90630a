"""When a route changes, when it does not, and what is said about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evals.ratings import sequence_bound
from routing.deciding.approvals import NONE, Approvals
from routing.deciding.planning import Planned, plan
from routing.facts import Facts
from routing.policies import parse
from routing.tables.document import Plan, decision_digest
from tests.routing.boards import NOW, facts, measured, model

EAGER = {"min_votes": 10, "min_reviewers": 2, "dwell_hours": 0}
CLEAR = {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5), ("b", "c"): (50, 50, 5)}
EVEN = {("a", "b"): (34, 30, 5), ("a", "c"): (33, 30, 5), ("b", "c"): (30, 30, 5)}


def planned(known: Facts, *, before: Plan | None = None, approvals: Approvals = NONE, **policy: Any) -> Planned:
    rules: dict[str, Any] = {"gate": EAGER | policy.pop("gate", {})} | policy
    return plan(
        parse({"every_category": rules}),
        known,
        policy_version=1,
        previous=before,
        published={1: NOW - timedelta(hours=2)},
        now=NOW,
        approvals=approvals,
    )


def routed_to(slug: str, *, basis: str = "votes", fallbacks: tuple[str, ...] = ()) -> Plan:
    """The newest table sends code to `slug`, since version 1."""
    route = {"id": "code", "when": {}, "primary": slug, "fallbacks": list(fallbacks), "reason": "", "since_version": 1}
    return Plan.of(
        {
            "models": {},
            "categories": {"code": {"basis": basis, "routes": [route]}},
            "default": {"routes": []},
            "policy": {"version": 0, "sha256": ""},
            "on_expired": "use_last_good",
            "complexity": {},
        }
    )


def only(made: Planned):
    (verdict,) = made.verdicts
    return verdict.verdict


def test_first_route_goes_to_the_leader():
    made = planned(facts(CLEAR))
    verdict = only(made)
    assert (verdict.outcome, verdict.to, verdict.before) == ("first", "a", None)
    assert "a leads after 315 votes by 4 reviewers" in verdict.reason
    assert made.plan.categories[0].routes[0].primary == "a"


def test_too_few_votes_leave_the_category_out_and_say_how_many_are_missing():
    made = planned(facts({("a", "b"): (2, 1, 0)}))
    verdict = only(made)
    assert (verdict.outcome, verdict.to, verdict.votes_to_go) == ("held", None, 7)
    assert "Too few to rank on: 3 of 10 votes." in verdict.reason
    assert made.plan.categories == ()


def test_one_reviewer_is_too_few_unless_one_is_declared_enough():
    assert only(planned(facts(CLEAR, reviewers=1))).outcome == "held"
    assert only(planned(facts(CLEAR, reviewers=1), gate={"single_reviewer": True})).outcome == "first"
    assert only(planned(facts(CLEAR, reviewers=1, single_reviewer=True))).outcome == "first"


def test_without_a_connected_leaderboard_there_is_no_first_route():
    verdict = only(planned(facts({("a", "b"): (20, 5, 0), ("c", "d"): (20, 5, 0)})))
    assert verdict.outcome == "held"
    assert "do not relate all" in verdict.reason


def test_the_policys_default_comes_before_the_leader():
    verdict = only(planned(facts(CLEAR), default="b"))
    assert (verdict.outcome, verdict.to, verdict.basis) == ("default", "b", "default")


def test_a_sure_lead_over_the_default_switches():
    verdict = only(planned(facts(CLEAR), before=routed_to("b", basis="default"), default="b"))
    assert (verdict.outcome, verdict.to, verdict.before) == ("switched", "a", "b")


def test_a_sure_lead_switches_and_says_by_how_much():
    verdict = only(planned(facts(CLEAR), before=routed_to("b")))
    assert (verdict.outcome, verdict.to, verdict.before) == ("switched", "a", "b")
    assert "a leads b by" in verdict.reason
    assert verdict.gap is not None
    assert verdict.gap.low > 0
    assert verdict.gap.lead > verdict.gap.needed


def test_a_lead_that_is_not_sure_is_held_with_the_votes_to_go():
    known = facts(EVEN)
    verdict = only(planned(known, before=routed_to("b")))
    assert (verdict.outcome, verdict.to) == ("held", "b")
    assert verdict.votes_to_go
    assert "more votes, likely" in verdict.reason
    assert verdict.gap is not None
    assert verdict.gap.low < 0 < verdict.gap.lead < verdict.gap.needed


def test_the_gate_is_the_sequence_bound_of_the_ratings():
    known = facts(CLEAR)
    board = known.categories[0].board
    assert board is not None
    lead = board.standings.lead("a", "b")
    bound = sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q, alpha=0.05)
    gap = only(planned(known, before=routed_to("b"))).gap
    assert gap is not None
    assert gap.low == pytest.approx(bound.low * 400 / 2.302585, rel=1e-6)


def test_a_margin_makes_the_same_lead_insufficient():
    verdict = only(planned(facts(CLEAR), before=routed_to("b"), gate={"margin": 400}))
    assert (verdict.outcome, verdict.to, verdict.votes_to_go) == ("held", "b", None)


def test_the_incumbent_that_leads_is_kept():
    verdict = only(planned(facts(CLEAR), before=routed_to("a")))
    assert (verdict.outcome, verdict.to) == ("kept", "a")
    assert "a leads by" in verdict.reason


def test_dwell_holds_a_sure_switch_and_says_how_long():
    verdict = only(planned(facts(CLEAR), before=routed_to("b"), gate={"dwell_hours": 24}))
    assert (verdict.outcome, verdict.to) == ("held", "b")
    assert "2 hours, needs 24 hours" in verdict.reason


def test_a_policy_that_asks_for_approval_holds_automatic_looks_only():
    known, before = facts(CLEAR), routed_to("b")
    held = only(planned(known, before=before, gate={"mode": "held"}))
    assert (held.outcome, held.to, held.proposes) == ("held", "b", "a")
    assert "It waits for approval" in held.reason
    approved = Approvals({"code": "a"}, by="Mara", reason="Checked.")
    given = only(planned(known, before=before, approvals=approved, gate={"mode": "held"}))
    assert (given.outcome, given.to) == ("switched", "a")
    assert given.reason.endswith("Approved by Mara: “Checked.”")
    other = Approvals({"code": "c"}, by="Mara", reason="Checked.")
    assert only(planned(known, before=before, approvals=other, gate={"mode": "held"})).outcome == "held"


def test_one_person_who_makes_the_lead_alone_flips_nothing():
    """One reviewer likes a, nine like b a little: the lead is that one person's."""
    from evals.ratings import Params, Tallies, compute
    from routing.facts import Board, CategoryFacts

    votes = [("loud", f"t{n}", "a", "b", "lo") for n in range(400)]
    votes += [(f"r{n % 9}", f"u{n}", "a", "b", "hi" if n % 20 < 11 else "lo") for n in range(180)]
    standings = compute(Tallies.from_votes(votes), Params())
    board = Board(standings, standings.digest, 580, 580, 10, NOW, "/")
    known = Facts(models={"a": model("a"), "b": model("b")}, categories=(CategoryFacts("code", "Code", board=board),))
    verdict = only(planned(known, before=routed_to("b"), gate={"alpha": 0.5}))
    checks = {check.label: check.state for check in verdict.checks}
    assert checks["No single person flips it"] == "wait"
    assert verdict.outcome == "held"


def test_a_single_reviewer_passes_the_exact_gate_only():
    few = facts({("a", "b"): (14, 4, 0)}, reviewers=1, single_reviewer=True)
    verdict = only(planned(few, before=routed_to("b")))
    assert verdict.outcome == "held"
    assert "head to head it won 14 of 18 decisive votes" in verdict.reason
    assert verdict.votes_to_go
    many = facts({("a", "b"): (60, 10, 0)}, reviewers=1, single_reviewer=True)
    assert only(planned(many, before=routed_to("b"))).outcome == "switched"


def test_a_retired_incumbent_is_replaced_without_the_gate_and_the_reason_says_so():
    models = [model("a", retired=True), model("b"), model("c")]
    known = facts(EVEN, models=models, retired=("a",))
    verdict = only(planned(known, before=routed_to("a")))
    assert (verdict.outcome, verdict.before) == ("switched", "a")
    assert verdict.to in ("b", "c")
    assert "retired" in verdict.reason


def test_a_pin_goes_before_votes():
    verdict = only(planned(facts(CLEAR), before=routed_to("a"), routes=[{"pin": "c"}]))
    assert (verdict.outcome, verdict.to, verdict.before) == ("pinned", "c", "a")


def test_missing_evidence_disqualifies():
    seen = {"a": measured(), "b": measured(usd=0.002), "c": measured(usd=0.001, n=5)}
    made = planned(facts(CLEAR, seen=seen), limits={"max_usd_per_success": 0.01})
    route = made.plan.categories[0].routes[0]
    assert route.primary == "b"
    assert route.fallbacks == ()


def test_a_local_route_holds_local_contenders_only_fallbacks_included():
    models = [model("a"), model("b", locality="local"), model("c", locality="local")]
    routes = [{"name": "private", "when": {"local_only": True}, "escalate_to": "best"}, {}]
    made = planned(facts(CLEAR, models=models), routes=routes)
    private, always = made.plan.categories[0].routes
    assert (private.id, {private.primary, *private.fallbacks}, private.escalate_to) == (
        "code-private",
        {"b", "c"},
        None,
    )
    assert (always.id, always.primary) == ("code", "a")


def test_a_condition_on_time_is_a_limit_for_its_route():
    seen = {"a": measured(p95=4000), "b": measured(p95=300), "c": measured(p95=450)}
    routes = [{"name": "fast", "when": {"max_ttft_ms": 500}, "escalate_to": "best"}, {}]
    fast, always = planned(facts(CLEAR, seen=seen), routes=routes).plan.categories[0].routes
    assert {fast.primary, *fast.fallbacks} == {"b", "c"}
    assert (fast.escalate_to, always.primary) == ("a", "a")


def test_cheapest_takes_over_once_it_is_surely_good_enough():
    wins = {("a", "b"): (1000, 1000, 200), ("a", "c"): (1500, 500, 100), ("b", "c"): (1500, 500, 100)}
    seen = {"a": measured(usd=0.01), "b": measured(usd=0.001), "c": measured(usd=0.0001)}
    verdict = only(planned(facts(wins, seen=seen), before=routed_to("a"), objective="cheapest"))
    assert (verdict.outcome, verdict.to) == ("switched", "b")
    assert "surely within 50 points of the best" in verdict.reason


def test_cheapest_is_held_while_it_may_be_worse():
    seen = {"a": measured(usd=0.01), "b": measured(usd=0.001), "c": measured(usd=0.01)}
    verdict = only(planned(facts(EVEN, seen=seen), before=routed_to("a"), objective="cheapest"))
    assert (verdict.outcome, verdict.to) == ("held", "a")
    assert "b is cheaper, but may be up to" in verdict.reason


def test_a_gain_too_small_changes_nothing():
    wins = {("a", "b"): (1000, 1000, 200)}
    seen = {"a": measured(usd=0.0100), "b": measured(usd=0.0095)}
    verdict = only(planned(facts(wins, seen=seen), before=routed_to("a"), objective="cheapest"))
    assert (verdict.outcome, verdict.to) == ("kept", "a")


def test_fallbacks_prefer_another_provider_and_stay_while_the_primary_does():
    models = [model("a", provider="x"), model("b", provider="x"), model("c", provider="y")]
    wins = {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5), ("b", "c"): (70, 30, 5)}
    first = planned(facts(wins, models=models)).plan
    assert first.categories[0].routes[0].fallbacks == ("c", "b")
    same = [model("a", provider="x"), model("b", provider="y"), model("c", provider="x")]
    again = planned(facts(wins, models=same), before=first).plan
    assert again.categories[0].routes[0].fallbacks == ("c", "b")


def test_the_same_question_has_the_same_answer_and_evidence_alone_changes_no_decision():
    known = facts(CLEAR)
    first = planned(known).plan
    more = facts({pair: (wins + 1, losses, ties) for pair, (wins, losses, ties) in CLEAR.items()})
    assert decision_digest(planned(known, before=first).plan) == decision_digest(first)
    assert decision_digest(planned(more, before=first).plan) == decision_digest(first)


def test_the_default_route_stays_where_it_is_while_a_category_goes_there():
    made = planned(facts(CLEAR)).plan
    assert made.default[0].primary == "a"
    again = planned(facts(CLEAR), before=made).plan
    assert again.default[0].primary == "a"
    assert again.default[0].since_version is None or again.default[0].since_version == made.default[0].since_version
