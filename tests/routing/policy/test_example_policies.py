"""The routers of `examples/policies/`: each plans a table from evidence, which answers as the router is told."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from evals.models import Category, Contender
from routing.decisions.evidence import DecisionEvidence
from routing.decisions.planner import make_plan
from routing.policy.parse import parse
from routing.policy.text import read_text
from routing.publishing.document import draft
from routing.publishing.schema import table_schema
from routing.publishing.selection import Ask, NoEligibleModel, Selection, select
from tests.routing.boards import NOW, evidence_of, measured, model

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "policies"
LONG = "Tell me of the sea. " * 10
Table = dict[str, Any]


def planned(name: str, known: DecisionEvidence) -> Table:
    """The table that a policy's file comes to, checked against its schema."""
    rules = parse(read_text((EXAMPLES / name).read_text(encoding="utf-8")))
    made = make_plan(rules, known, policy_version=1, previous=None, published={}, now=NOW).plan
    document = draft(made, known).stamped(version=1, previous=None, published_at=NOW, expires_at=NOW, cause="first")
    Draft202012Validator(table_schema()).validate(document)
    return document


def served(table: Table, ask: Ask) -> Selection | None:
    try:
        return select(table, ask)
    except NoEligibleModel:
        return None


def named(chosen: Selection) -> set[str]:
    return {chosen.model, *chosen.fallbacks, *filter(None, [chosen.escalate_to])}


def needing(*words: str, **more: Any) -> Ask:
    return Ask("code", needs=frozenset(words), **more)


# (a) small: slow and quick; balanced: middle before other; large: great before grand.


@cache
def by_length() -> Table:
    tiers = {"slow": 1, "quick": 1, "middle": 2, "other": 2, "great": 3, "grand": 3}
    wins = {
        ("slow", "quick"): (150, 150, 30),
        ("middle", "other"): (90, 40, 5),
        ("great", "grand"): (90, 40, 5),
        ("slow", "middle"): (30, 30, 5),
        ("middle", "great"): (30, 30, 5),
    }
    models = [model(slug, provider=f"provider-{n % 2}", tier=tier) for n, (slug, tier) in enumerate(tiers.items())]
    seen = {slug: measured(p95=p95) for slug, p95 in (("slow", 900), ("quick", 300), ("middle", 1500))}
    return planned("short-or-reasoned.yaml", evidence_of(wins, models=models, seen=seen))


def test_a_short_prompt_goes_to_the_fast_one():
    assert select(by_length(), Ask("code", prompt="x" * 119)).model == "quick"


def test_at_120_characters_it_is_short_no_more():
    assert select(by_length(), Ask("code", prompt="x" * 120)).model == "middle"


def test_stated_reasoning_goes_to_the_strong_one():
    assert select(by_length(), Ask("code", prompt=LONG, reasoning=True)).model == "great"


@pytest.mark.parametrize(
    "ask",
    [
        Ask("code"),
        Ask("code", prompt=LONG),
        Ask("code", prompt=LONG, reasoning=False),
        Ask("a category nobody voted on", prompt=LONG),
    ],
)
def test_everything_else_goes_to_the_balanced_one(ask: Ask):
    assert select(by_length(), ask).model == "middle"


def test_the_balanced_one_is_everybodys_first_fallback():
    for ask in (Ask("code", prompt="Hi"), Ask("code", prompt=LONG, reasoning=True)):
        assert select(by_length(), ask).fallbacks[0] == "middle"


# (b) small-tools is fine-tuned for calls, quick answers within a second, general is the best by votes.


@cache
def by_call() -> Table:
    wins = {
        ("general", "quick"): (90, 40, 5),
        ("general", "late"): (90, 40, 5),
        ("general", "small-tools"): (90, 40, 5),
        ("quick", "late"): (60, 60, 10),
    }
    models = [
        model("general", provider="one", capabilities=("tools",)),
        model("quick", provider="two"),
        model("late", provider="two"),
        model("small-tools", provider="here", capabilities=("tools",)),
    ]
    seen = {"general": measured(p95=4000), "quick": measured(p95=700), "late": measured(p95=1500)}
    return planned("calls-and-budgets.yaml", evidence_of(wins, models=models, seen=seen))


@pytest.mark.parametrize(
    "ask", [needing("tools", prompt="What is the weather?"), needing("tools", complexity="simple", max_ttft_ms=None)]
)
def test_a_simple_call_goes_to_the_fine_tuned_one(ask: Ask):
    chosen = select(by_call(), ask)
    assert (chosen.model, chosen.route_id, chosen.escalate_to) == ("small-tools", "code-calls", "general")


@pytest.mark.parametrize(
    "ask",
    [
        needing("tools", complexity="complex"),
        needing("tools", complexity="medium"),
        needing("tools", prompt="Refactor, debug and analyse this, then prove the algorithm step by step. " * 60),
    ],
)
def test_a_call_above_the_complexity_goes_to_the_general_one(ask: Ask):
    assert select(by_call(), ask).model == "general"


def test_a_budget_under_a_second_goes_to_the_fast_one_and_to_no_slower_fallback():
    chosen = select(by_call(), Ask("code", max_latency_ms=900))
    assert (chosen.model, chosen.route_id, chosen.fallbacks) == ("quick", "code-quick", ())


@pytest.mark.parametrize("ask", [Ask("code"), Ask("code", max_latency_ms=5000), Ask("poetry")])
def test_more_time_or_none_said_goes_to_the_general_one(ask: Ask):
    assert select(by_call(), ask).model == "general"


# (c) home and barn are local; cheap is the cheapest, strict the most compliant, best the best by votes.

AT = {"best": "one", "cheap": "two", "strict": "two", "home": "here", "barn": "there"}
LOCAL = {"home", "barn"}


@cache
def guarded(gone: str = "") -> Table:
    """With the contender `gone` retired."""
    wins = {("best", other): (90, 40, 5) for other in LOCAL}
    wins |= {("best", other): (510, 490, 100) for other in ("cheap", "strict")}
    wins |= {("cheap", "strict"): (250, 250, 50), ("home", "barn"): (60, 60, 10)}
    models = [
        model(
            slug,
            provider=provider,
            locality="local" if slug in LOCAL else "hosted",
            capabilities=("json",),
            retired=slug == gone,
        )
        for slug, provider in AT.items()
    ]
    usd = {"best": 0.01, "cheap": 0.0005, "strict": 0.004, "home": 0.002, "barn": 0.002}
    schema = {"best": 0.95, "cheap": 0.9, "strict": 0.999, "home": 0.8, "barn": 0.8}
    seen = {slug: measured(usd=usd[slug], p95=800, schema_ok_rate=schema[slug]) for slug in AT}
    retired = (gone,) if gone else ()
    return planned("guarded.yaml", evidence_of(wins, models=models, seen=seen, retired=retired))


def test_sensitive_requests_stay_local_fallbacks_included():
    chosen = select(guarded(), Ask("code", local_only=True))
    assert (chosen.route_id, named(chosen)) == ("code-sensitive", LOCAL)


def test_high_volume_goes_to_the_cheapest_good_enough():
    assert select(guarded(), Ask("code", label="bulk")).model == "cheap"


def test_extraction_goes_to_the_most_compliant():
    assert select(guarded(), needing("json")).model == "strict"


def test_the_rest_goes_to_the_best():
    assert select(guarded(), Ask("code")).model == "best"


def test_every_route_has_a_fallback_at_a_second_provider():
    routes = [*guarded()["categories"]["code"]["routes"], *guarded()["default"]["routes"]]
    assert [route["id"] for route in routes] == ["code-sensitive", "code-bulk", "code-extraction", "code", "default"]
    for route in routes:
        assert len({AT[slug] for slug in (route["primary"], *route["fallbacks"])}) >= 2, route["id"]


def test_without_a_second_local_provider_there_is_no_sensitive_route_and_nothing_leaves():
    table = guarded("barn")
    assert "code-sensitive" not in [route["id"] for route in table["categories"]["code"]["routes"]]
    chosen = served(table, Ask("code", local_only=True))
    assert chosen is None or named(chosen) == {"home"}


# (d) small is cheap and reads documents well enough; best is so by votes; strong is the one of the third tier.


@cache
def escalating(category: str) -> Table:
    wins = {
        ("best", "small"): (520, 480, 100),
        ("best", "strong"): (520, 480, 100),
        ("small", "strong"): (250, 250, 50),
    }
    models = [
        model("small", provider="one", tier=1, capabilities=("json", "tools")),
        model("best", provider="two", tier=2, capabilities=("json", "tools")),
        model("strong", provider="one", tier=3, capabilities=("json", "tools")),
    ]
    usd = {"small": 0.0002, "best": 0.01, "strong": 0.05}
    seen = {slug: measured(usd=usd[slug], p95=900, schema_ok_rate=0.9) for slug in usd}
    return planned("escalating.yaml", evidence_of(wins, slug=category, models=models, seen=seen))


def test_a_document_goes_to_the_cheap_one_and_what_it_misreads_to_the_best():
    chosen = select(escalating("extraction"), Ask("extraction", needs=frozenset({"json"})))
    assert (chosen.route_id, chosen.model, chosen.escalate_to) == ("extraction-documents", "small", "best")


def test_research_goes_to_a_strong_one():
    table = escalating("research")
    assert select(table, Ask("research", label="research")).model == "strong"
    assert select(table, Ask("research")).model == "best"


@given(
    st.builds(
        Ask,
        category=st.sampled_from(["code", "poetry"]),
        prompt=st.none() | st.sampled_from(["Hi", LONG]),
        needs=st.sets(st.sampled_from(["json", "vision"])).map(frozenset),
        local_only=st.just(True),
        label=st.none() | st.sampled_from(["bulk", "other"]),
        max_latency_ms=st.none() | st.sampled_from([1.0, 900.0]),
        max_usd=st.none() | st.sampled_from([0.0001, 1.0]),
        reasoning=st.none() | st.booleans(),
    ),
    st.sampled_from(["", "home", "barn", "best", "strict"]),
)
def test_whatever_else_a_local_request_says_it_is_never_sent_away(ask: Ask, gone: str):
    chosen = served(guarded(gone), ask)
    assert chosen is None or named(chosen) <= LOCAL


# As files


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_an_example_is_checked_and_imported_as_its_readme_says(
    code: Category, contenders: dict[str, Contender], file: str
):
    small = {"slug": "small-tools", "family": "small-tools", "model_name": "small-tools"}
    Contender.objects.create(provider=contenders["c"].provider, **small)
    out = io.StringIO()
    call_command("policy", "--check", str(EXAMPLES / file), stdout=out)
    assert "code: " in out.getvalue()
    call_command("policy", "--import", str(EXAMPLES / file), "--reason", "As an example.", stdout=out)
    assert "Policy 1 saved" in out.getvalue()
    assert f"`{file}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_there_are_four():
    assert len(list(EXAMPLES.glob("*.yaml"))) == 4
