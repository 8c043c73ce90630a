"""When a route changes, when it does not, and what is said about it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from evals.leaderboards.measurements import Hallucination, Quantiles
from evals.ratings import sequence_bound
from routing.decisions.evidence import DecisionEvidence
from routing.decisions.plan import NO_APPROVALS, Approvals, Plan
from routing.decisions.planner import Planned, make_plan
from routing.policy.parse import parse
from routing.publishing.document import decision_digest
from tests.routing.boards import NOW, evidence_of, measured, model

EAGER = {"min_votes": 10, "min_reviewers": 2, "dwell_hours": 0}

CLEAR = {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5), ("b", "c"): (50, 50, 5)}
EVEN = {("a", "b"): (34, 30, 5), ("a", "c"): (33, 30, 5), ("b", "c"): (30, 30, 5)}


def planned(
    known: DecisionEvidence, *, before: Plan | None = None, approvals: Approvals = NO_APPROVALS, **policy: Any
) -> Planned:
    rules: dict[str, Any] = {"gate": EAGER | policy.pop("gate", {})} | policy
    return make_plan(
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
    (decision,) = made.decisions
    return decision.decision


def test_first_route_goes_to_the_leader():
    made = planned(evidence_of(CLEAR))
    decision = only(made)
    assert (decision.outcome, decision.to, decision.before) == ("first", "a", None)
    assert "a leads after 315 votes by 4 reviewers" in decision.reason
    assert made.plan.categories[0].routes[0].primary == "a"


def test_too_few_votes_leave_the_category_out_and_say_how_many_are_missing():
    made = planned(evidence_of({("a", "b"): (2, 1, 0)}))
    decision = only(made)
    assert (decision.outcome, decision.to, decision.votes_to_go) == ("held", None, 7)
    assert "Too few to rank on: 3 of 10 votes." in decision.reason
    assert made.plan.categories == ()


def test_one_reviewer_is_too_few_unless_one_is_declared_enough():
    assert only(planned(evidence_of(CLEAR, reviewers=1))).outcome == "held"
    assert only(planned(evidence_of(CLEAR, reviewers=1), gate={"single_reviewer": True})).outcome == "first"
    assert only(planned(evidence_of(CLEAR, reviewers=1, single_reviewer=True))).outcome == "first"


def test_without_a_connected_leaderboard_there_is_no_first_route():
    decision = only(planned(evidence_of({("a", "b"): (20, 5, 0), ("c", "d"): (20, 5, 0)})))
    assert decision.outcome == "held"
    assert "do not relate all" in decision.reason


def test_the_policys_default_comes_before_the_leader():
    decision = only(planned(evidence_of(CLEAR), default="b"))
    assert (decision.outcome, decision.to, decision.basis) == ("default", "b", "default")


def test_a_sure_lead_over_the_default_switches():
    decision = only(planned(evidence_of(CLEAR), before=routed_to("b", basis="default"), default="b"))
    assert (decision.outcome, decision.to, decision.before) == ("switched", "a", "b")


def test_a_sure_lead_switches_and_says_by_how_much():
    decision = only(planned(evidence_of(CLEAR), before=routed_to("b")))
    assert (decision.outcome, decision.to, decision.before) == ("switched", "a", "b")
    assert "a leads b by" in decision.reason
    assert decision.gap is not None
    assert decision.gap.low > 0
    assert decision.gap.lead > decision.gap.needed


def test_a_lead_that_is_not_sure_is_held_with_the_votes_to_go():
    known = evidence_of(EVEN)
    decision = only(planned(known, before=routed_to("b")))
    assert (decision.outcome, decision.to) == ("held", "b")
    assert decision.votes_to_go
    assert "more votes, likely" in decision.reason
    assert decision.gap is not None
    assert decision.gap.low < 0 < decision.gap.lead < decision.gap.needed


def test_the_gate_is_the_sequence_bound_of_the_ratings():
    known = evidence_of(CLEAR)
    board = known.categories[0].board
    assert board is not None
    lead = board.standings.lead("a", "b")
    bound = sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q, alpha=0.05)
    gap = only(planned(known, before=routed_to("b"))).gap
    assert gap is not None
    assert gap.low == pytest.approx(bound.low * 400 / 2.302585, rel=1e-6)


def test_a_margin_makes_the_same_lead_insufficient():
    decision = only(planned(evidence_of(CLEAR), before=routed_to("b"), gate={"margin": 400}))
    assert (decision.outcome, decision.to, decision.votes_to_go) == ("held", "b", None)


def test_the_incumbent_that_leads_is_kept():
    decision = only(planned(evidence_of(CLEAR), before=routed_to("a")))
    assert (decision.outcome, decision.to) == ("kept", "a")
    assert "a leads by" in decision.reason


def test_dwell_holds_a_sure_switch_and_says_how_long():
    decision = only(planned(evidence_of(CLEAR), before=routed_to("b"), gate={"dwell_hours": 24}))
    assert (decision.outcome, decision.to) == ("held", "b")
    assert "2 hours, needs 24 hours" in decision.reason


def test_a_policy_that_asks_for_approval_holds_automatic_looks_only():
    known, before = evidence_of(CLEAR), routed_to("b")
    held = only(planned(known, before=before, gate={"mode": "approval"}))
    assert (held.outcome, held.to, held.proposes) == ("held", "b", "a")
    assert "It waits for approval" in held.reason
    approved = Approvals({"code": "a"}, by="Mara", reason="Checked.")
    given = only(planned(known, before=before, approvals=approved, gate={"mode": "approval"}))
    assert (given.outcome, given.to) == ("switched", "a")
    assert given.reason.endswith("Approved by Mara: “Checked.”")
    other = Approvals({"code": "c"}, by="Mara", reason="Checked.")
    assert only(planned(known, before=before, approvals=other, gate={"mode": "approval"})).outcome == "held"


def test_one_person_who_makes_the_lead_alone_flips_nothing():
    """One reviewer likes a, nine like b a little: the lead is that one person's."""
    from evals.ratings import Params, Tallies, compute
    from routing.decisions.evidence import Board, CategoryEvidence

    votes = [("loud", f"t{n}", "a", "b", "lo") for n in range(400)]
    votes += [(f"r{n % 9}", f"u{n}", "a", "b", "hi" if n % 20 < 11 else "lo") for n in range(180)]
    standings = compute(Tallies.from_votes(votes), Params())
    board = Board(standings, standings.digest, 580, 580, 10, NOW, "/")
    known = DecisionEvidence(
        contenders={"a": model("a"), "b": model("b")}, categories=(CategoryEvidence("code", "Code", board=board),)
    )
    decision = only(planned(known, before=routed_to("b"), gate={"alpha": 0.5}))
    checks = {check.label: check.state for check in decision.checks}
    assert checks["No single person flips it"] == "wait"
    assert decision.outcome == "held"


def test_a_single_reviewer_passes_the_exact_gate_only():
    few = evidence_of({("a", "b"): (14, 4, 0)}, reviewers=1, single_reviewer=True)
    decision = only(planned(few, before=routed_to("b")))
    assert decision.outcome == "held"
    assert "head to head it won 14 of 18 decisive votes" in decision.reason
    assert decision.votes_to_go
    many = evidence_of({("a", "b"): (60, 10, 0)}, reviewers=1, single_reviewer=True)
    assert only(planned(many, before=routed_to("b"))).outcome == "switched"


def test_a_retired_incumbent_is_replaced_without_the_gate_and_the_reason_says_so():
    models = [model("a", retired=True), model("b"), model("c")]
    known = evidence_of(EVEN, models=models, retired=("a",))
    decision = only(planned(known, before=routed_to("a")))
    assert (decision.outcome, decision.before) == ("switched", "a")
    assert decision.to in ("b", "c")
    assert "retired" in decision.reason


def test_a_pin_goes_before_votes():
    decision = only(planned(evidence_of(CLEAR), before=routed_to("a"), routes=[{"pin": "c"}]))
    assert (decision.outcome, decision.to, decision.before) == ("pinned", "c", "a")


def test_missing_evidence_disqualifies():
    seen = {"a": measured(), "b": measured(usd=0.002), "c": measured(usd=0.001, n=5)}
    made = planned(evidence_of(CLEAR, seen=seen), limits={"max_usd_per_success": 0.01})
    route = made.plan.categories[0].routes[0]
    assert route.primary == "b"
    assert route.fallbacks == ()


@pytest.mark.parametrize(
    ("limit", "kept", "breached", "thin"),
    [
        (
            {"max_hallucination_rate": 0.05},
            {"hallucination": Hallucination(0.04, (0.02, 0.08), 60)},
            {"hallucination": Hallucination(0.06, (0.03, 0.11), 60)},
            # However many answers there are, of those to tasks with a reference there are too few.
            {"hallucination": Hallucination(0.0, (0.0, 0.17), 19)},
        ),
        (
            {"min_tokens_per_second": 30},
            {"tokens_per_second": 41.5, "timed": 60},
            {"tokens_per_second": 12.0, "timed": 60},
            {"tokens_per_second": 41.5, "timed": 19},
        ),
        (
            {"max_gap_ms": 120},
            {"gap_ms": Quantiles(20, 90, 60)},
            {"gap_ms": Quantiles(20, 300, 60)},
            {"gap_ms": Quantiles(20, 90, 19)},
        ),
    ],
)
def test_wrong_answers_and_the_pace_can_be_limited(limit: Any, kept: Any, breached: Any, thin: Any):
    seen = {"a": measured(**thin), "b": measured(**kept), "c": measured(**breached)}
    made = planned(evidence_of(CLEAR, seen=seen), limits=limit)
    route = made.plan.categories[0].routes[0]
    assert (route.primary, route.fallbacks) == ("b", ())
    question = made.decisions[0].decision.question
    assert question is not None
    states = {slug: one.checks[2].state for slug, one in question.candidates.items()}
    assert states == {"a": "unknown", "b": "ok", "c": "fail"}
    assert question.candidates["a"].checks[2].value == "19 of 20 measurements"


def test_a_limit_goes_by_the_figure_over_all_categories_where_the_categorys_own_is_thin():
    here = {"a": measured(usd=0.5), "b": measured(usd=0.001, n=19), "c": measured(usd=0.5, n=19)}
    everywhere = {"a": measured(usd=0.001), "b": measured(usd=0.002, n=20), "c": measured(usd=0.002, n=19)}
    known = dataclasses.replace(evidence_of(CLEAR, seen=here), pooled=everywhere)
    made = planned(known, limits={"max_usd_per_success": 0.01})
    question = made.decisions[0].decision.question
    assert question is not None
    checks = {slug: one.checks[2] for slug, one in question.candidates.items()}
    assert {slug: (check.state, check.value) for slug, check in checks.items()} == {
        "a": ("fail", "$0.50, limit $0.010"),
        "b": ("ok", "$0.0020 over all categories, limit $0.010"),
        "c": ("unknown", "19 of 20 measurements"),
    }
    assert only(made).to == "b"


def test_a_local_route_holds_local_contenders_only_fallbacks_included():
    models = [model("a"), model("b", locality="local"), model("c", locality="local")]
    routes = [{"name": "private", "when": {"local_only": True}, "escalate_to": "best"}, {}]
    made = planned(evidence_of(CLEAR, models=models), routes=routes)
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
    fast, always = planned(evidence_of(CLEAR, seen=seen), routes=routes).plan.categories[0].routes
    assert {fast.primary, *fast.fallbacks} == {"b", "c"}
    assert (fast.escalate_to, always.primary) == ("a", "a")


def test_cheapest_takes_over_once_it_is_surely_good_enough():
    wins = {("a", "b"): (1000, 1000, 200), ("a", "c"): (1500, 500, 100), ("b", "c"): (1500, 500, 100)}
    seen = {"a": measured(usd=0.01), "b": measured(usd=0.001), "c": measured(usd=0.0001)}
    decision = only(planned(evidence_of(wins, seen=seen), before=routed_to("a"), objective="cheapest"))
    assert (decision.outcome, decision.to) == ("switched", "b")
    assert "surely within 50 points of the best" in decision.reason


def test_cheapest_is_held_while_it_may_be_worse():
    seen = {"a": measured(usd=0.01), "b": measured(usd=0.001), "c": measured(usd=0.01)}
    decision = only(planned(evidence_of(EVEN, seen=seen), before=routed_to("a"), objective="cheapest"))
    assert (decision.outcome, decision.to) == ("held", "a")
    assert "b is cheaper, but may be up to" in decision.reason


def test_a_gain_too_small_changes_nothing():
    wins = {("a", "b"): (1000, 1000, 200)}
    seen = {"a": measured(usd=0.0100), "b": measured(usd=0.0095)}
    decision = only(planned(evidence_of(wins, seen=seen), before=routed_to("a"), objective="cheapest"))
    assert (decision.outcome, decision.to) == ("kept", "a")


def test_fallbacks_prefer_another_provider_and_stay_while_the_primary_does():
    models = [model("a", provider="x"), model("b", provider="x"), model("c", provider="y")]
    wins = {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5), ("b", "c"): (70, 30, 5)}
    first = planned(evidence_of(wins, models=models)).plan
    assert first.categories[0].routes[0].fallbacks == ("c", "b")
    same = [model("a", provider="x"), model("b", provider="y"), model("c", provider="x")]
    again = planned(evidence_of(wins, models=same), before=first).plan
    assert again.categories[0].routes[0].fallbacks == ("c", "b")


def test_the_same_question_has_the_same_answer_and_evidence_alone_changes_no_decision():
    known = evidence_of(CLEAR)
    first = planned(known).plan
    more = evidence_of({pair: (wins + 1, losses, ties) for pair, (wins, losses, ties) in CLEAR.items()})
    assert decision_digest(planned(known, before=first).plan) == decision_digest(first)
    assert decision_digest(planned(more, before=first).plan) == decision_digest(first)


def test_the_default_route_stays_where_it_is_while_a_category_goes_there():
    made = planned(evidence_of(CLEAR)).plan
    assert made.default[0].primary == "a"
    again = planned(evidence_of(CLEAR), before=made).plan
    assert again.default[0].primary == "a"
    assert again.default[0].since_version is None or again.default[0].since_version == made.default[0].since_version
