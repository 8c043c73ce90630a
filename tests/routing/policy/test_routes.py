"""What the policy says of a route beyond whom it goes to: limits, pins, fallbacks, a second provider, approval."""

from __future__ import annotations

from typing import Any

from routing.decisions.evidence import DecisionEvidence
from routing.decisions.plan import Approvals, Route
from routing.decisions.planner import Planned, make_plan
from routing.policy.parse import parse
from tests.routing.boards import NOW, evidence_of, measured, model

EAGER = {"min_votes": 10, "dwell_hours": 0}
# a before b before c before d, surely.
LADDER = {("a", "b"): (90, 10, 5), ("b", "c"): (90, 10, 5), ("c", "d"): (90, 10, 5)}
EVEN = {("a", "b"): (410, 390, 50), ("a", "c"): (400, 400, 50), ("b", "c"): (400, 400, 50)}
AT = {"a": "one", "b": "one", "c": "one", "d": "two"}


def known(wins: Any = LADDER, at: dict[str, str] = AT, **more: Any) -> DecisionEvidence:
    slugs = {slug for pair in wins for slug in pair} if wins else set(at)
    models = [model(slug, provider=at[slug], **more.pop(slug, {})) for slug in sorted(slugs)]
    return evidence_of(wins, models=models, **more)


def planned(of: DecisionEvidence, *, approvals: Approvals | None = None, default: Any = (), **rules: Any) -> Planned:
    document = {"every_category": {"gate": EAGER} | rules, "default": list(default)}
    more = {} if approvals is None else {"approvals": approvals}
    return make_plan(parse(document), of, policy_version=1, previous=None, published={}, now=NOW, **more)


def routes(made: Planned) -> dict[str, Route]:
    return {route.id: route for some in made.plan.routes().values() for route in some}


def test_a_routes_limits_add_to_its_categorys():
    seen = {slug: measured(error_rate=rate) for slug, rate in (("a", 0.2), ("b", 0.0), ("c", 0.0), ("d", 0.0))}
    made = planned(
        known(seen=seen, c={"locality": "local"}),
        limits={"max_error_rate": 0.1},
        routes=[{"name": "here", "when": {"label": "here"}, "limits": {"locality": "local"}}, {}],
    )
    assert routes(made)["code"].primary == "b"
    assert (routes(made)["code-here"].primary, routes(made)["code-here"].fallbacks) == ("c", ())


def test_a_route_lifts_a_limit_by_null():
    seen = {slug: measured(error_rate=0.2) for slug in "abcd"}
    route = {"name": "any", "when": {"label": "any"}, "limits": {"max_error_rate": None}}
    made = planned(known(seen=seen), limits={"max_error_rate": 0.1}, routes=[route, {}])
    assert list(routes(made)) == ["code-any"]


def test_a_pin_goes_before_votes_but_not_past_a_limit():
    rules = {"limits": {"locality": "hosted"}, "routes": [{"pin": "d"}]}
    assert routes(planned(known(), **rules))["code"].primary == "d"
    made = planned(known(d={"locality": "local"}), **rules)
    assert routes(made)["code"].primary == "a"
    assert "d, pinned by policy 1, may not be routed (locality: local)." in made.decisions[0].decision.reason


def test_a_retired_pin_gives_way_to_the_votes():
    made = planned(known(d={"retired": True}), routes=[{"pin": "d"}])
    assert routes(made)["code"].primary == "a"


def test_everybody_falls_back_to_the_named_one_first():
    made = planned(known(), fallback_to="b", routes=[{"name": "long", "when": {"label": "long"}, "pin": "d"}, {}])
    assert routes(made)["code-long"].fallbacks == ("b", "a")
    assert routes(made)["code"].fallbacks == ("b", "d")


def test_falling_back_to_the_best_is_to_where_the_unconditional_route_goes():
    fast = {"name": "fast", "when": {"label": "fast"}, "pin": "c"}
    made = planned(known(), fallbacks=1, fallback_to="best", routes=[fast, {"limits": {"tiers": [1]}}])
    assert routes(made)["code"].primary == "a"
    assert routes(made)["code-fast"].fallbacks == ("a",)
    assert routes(made)["code"].fallbacks == ("d",)


def test_the_named_fallback_may_be_of_another_tier_but_not_of_another_locality():
    fast = {"name": "fast", "when": {"label": "fast"}, "limits": {"tiers": [0]}}
    here = {"name": "here", "when": {"local_only": True}}
    of = known(c={"tier": 0, "locality": "local"})
    made = planned(of, fallback_to="a", routes=[fast, here, {}])
    assert (routes(made)["code-fast"].primary, routes(made)["code-fast"].fallbacks) == ("c", ("a",))
    assert (routes(made)["code-here"].primary, routes(made)["code-here"].fallbacks) == ("c", ())


def test_a_required_second_provider_is_always_among_the_fallbacks():
    made = planned(known(), fallbacks=1, second_provider="required", fallback_to="b")
    assert (routes(made)["code"].primary, routes(made)["code"].fallbacks) == ("a", ("d",))
    assert {AT[slug] for slug in routes(made)["default"].models} == {"one", "two"}


def test_without_a_second_provider_nobody_is_routed_where_one_is_required():
    of = known(at=dict.fromkeys("abcd", "one"))
    made = planned(of, second_provider="required")
    assert made.plan.categories == ()
    assert made.plan.default == ()
    assert "second provider: no fallback there" in made.decisions[0].decision.reason
    assert routes(planned(of))["code"].primary == "a"


def test_a_route_may_do_without_the_second_provider_its_category_requires():
    here = {"name": "here", "when": {"local_only": True}, "second_provider": "preferred"}
    made = planned(known(c={"locality": "local"}), second_provider="required", routes=[here, {}])
    assert routes(made)["code-here"].primary == "c"
    assert routes(made)["code"].fallbacks == ("d", "b")


def test_a_written_default_gets_the_second_provider_it_lacks():
    made = planned(known(), second_provider="required", default=[{"primary": "b", "fallbacks": ["c"]}])
    assert routes(made)["default"].fallbacks == ("c", "d")


def test_a_first_route_goes_to_whom_its_objective_favours_where_that_is_sure():
    seen = {slug: measured(usd=usd) for slug, usd in (("a", 0.01), ("b", 0.001), ("c", 0.02))}
    cheap = {"name": "bulk", "when": {"label": "bulk"}, "objective": "cheapest", "quality_margin": 100}
    made = planned(known(EVEN, seen=seen), routes=[cheap, {}])
    assert routes(made)["code-bulk"].primary == "b"
    assert "b is the cheapest ($0.001" in routes(made)["code-bulk"].reason
    assert "surely within 100 points of the best" in routes(made)["code-bulk"].reason


def test_a_first_route_goes_to_the_leader_while_nobody_is_surely_good_enough():
    seen = {slug: measured(usd=usd) for slug, usd in (("a", 0.01), ("b", 0.001), ("c", 0.02), ("d", 0.0001))}
    made = planned(known(seen=seen), objective="cheapest", quality_margin=5)
    assert routes(made)["code"].primary == "a"
    assert planned(known(), objective="cheapest").decisions[0].decision.reason.count("No contender is measured") == 1


def test_a_first_route_waits_for_approval_where_the_policy_asks_for_one():
    held = planned(known(), gate=EAGER | {"mode": "approval"})
    (told,) = held.decisions
    assert (told.decision.outcome, told.decision.to, told.decision.proposes) == ("held", None, "a")
    given = Approvals({"code": None}, by="Mara", reason="Looks right.")
    made = planned(known(), approvals=given, gate=EAGER | {"mode": "approval"})
    assert (made.decisions[0].decision.outcome, routes(made)["code"].primary) == ("first", "a")
    assert routes(made)["code"].reason.endswith("Approved by Mara: “Looks right.”")
