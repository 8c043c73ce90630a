"""What each export writes, to the letter, and what it says that it cannot write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from routing.gateways import FORMATS, export
from routing.gateways.branches import GRAMMAR
from routing.policy.schema import BUDGETS, CONDITIONS
from routing.publishing.schema import table_schema
from tests.routing.gateways.gateway_rules import models as resolved
from tests.routing.gateways.gateway_rules import resolve
from tests.routing.gateways.litellm_fields import checked
from tests.routing.gateways.tables import SAMPLE, SHORT, body, model, route, seen, table

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("name", "document"),
    [("litellm", SAMPLE), ("openrouter", SAMPLE), ("portkey", SHORT)],
    ids=lambda one: str(one)[:9],
)
def test_the_text_is_as_written_down(name: str, document: Any):
    """Where this changes on purpose, write it down anew, and say in the CHANGELOG what readers of it must know."""
    golden = GOLDEN / f"{name}.{FORMATS[name].suffix}"
    assert export(name, body(document)).text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", [SAMPLE, SHORT], ids=["sample", "short"])
def test_the_tables_here_are_tables(document: Any):
    jsonschema.validate(document, table_schema())


def test_the_exports_understand_every_condition_that_a_table_may_have():
    asked = {one.how for one in CONDITIONS.values()}
    assert asked <= GRAMMAR, "routing/gateways/branches.py cannot say how these conditions hold: add them to _holding"
    bounds = {name for name, binds in BUDGETS.items() if binds.how != "at_most"}
    assert not bounds, "routing/gateways/branches.py takes a budget for an upper bound: mend _keeps and _affording"


def notes(name: str, models: Any, *routes: Any, pooled: Any = ()) -> list[str]:
    """All but the first, which is about expiry. `pooled`: what was measured."""
    document = table(models, {"code": list(routes)}, [])
    document["default"]["candidates"] = [*pooled, *document["default"]["candidates"]][: len(models)]
    return list(export(name, body(document)).notes)[1:]


def at_openrouter(name: str, **more: Any) -> dict[str, Any]:
    return model("openrouter", name, base_url="https://openrouter.ai/api/v1", **more)


def test_every_export_says_that_it_does_not_expire():
    for name in FORMATS:
        assert "2026-11-29T09:12:00Z, use_last_good" in export(name, body(SAMPLE)).notes[0]


def test_a_comment_cannot_be_broken_out_of():
    label = "a\nmodel_list: []\u2028general_settings: {}\x85b"
    made = export(
        "litellm", body(table({"a": model("one", "a")}, {"code": [route("code", "a", when={"label": label})]}, []))
    )
    assert set(checked(made.text)) == {"model_list"}
    assert len(yaml.safe_load(made.text)["model_list"]) == 1


def test_litellm_never_reads_a_variable_that_arena_did_not():
    for sent in (
        {"settings": {"metadata": {"trace": ["os.environ/AWS_SECRET_ACCESS_KEY"]}}},
        {"base_url": "os.environ/X"},
    ):
        told = notes("litellm", {"a": model("one", "a", **sent)}, route("code", "a"))
        assert "Route code is left out, because a is." in told


def test_litellm_tries_as_many_fallbacks_as_there_are():
    many = {f"m{n}": model("one", f"m{n}") for n in range(8)}
    config = checked(export("litellm", body(table(many, {"code": [route("code", *many)]}, []))).text)
    assert config["router_settings"]["max_fallbacks"] == 7


def test_two_providers_whose_names_look_alike_do_not_share_a_key():
    models = {"a": model("lm-studio", "a"), "b": model("lm_studio", "b"), "c": model("01-ai", "c")}
    config = checked(export("litellm", body(table(models, {"code": [route("code", *models)]}, []))).text)
    keys = [entry["litellm_params"]["api_key"].removeprefix("os.environ/") for entry in config["model_list"]]
    assert keys[0].startswith("LM_STUDIO_API_KEY_")
    assert keys[1].startswith("LM_STUDIO_API_KEY_")
    assert keys[0] != keys[1]
    assert keys[2] == "_01_AI_API_KEY"


def test_a_local_route_escalates_nowhere_hosted():
    models = {"home": model("one", "home", locality="local"), "big": model("two", "big")}
    private = route("code", "home", when={"local_only": True}, escalate_to="big")
    for name in FORMATS:
        assert not [note for note in notes(name, models, private) if "escalates" in note]
        assert "two.example" not in export(name, body(table(models, {"code": [private]}, []))).text


def test_a_route_whose_models_no_longer_meet_its_condition_is_told():
    fast = route("code", "slow", "quick", when={"max_ttft_ms": 500})
    measured = [
        seen("slow", ttft_ms={"p50": 1, "p95": 900, "n": 20}),
        seen("quick", ttft_ms={"p50": 1, "p95": 90, "n": 20}),
    ]
    models = {"slow": model("one", "slow"), "quick": model("one", "quick")}
    told = notes("litellm", models, fast, pooled=measured)
    assert "Route code begins with quick: slow does not meet its condition by now." in told
    told = notes("litellm", models, fast)
    assert "Route code is left out: none of its models is shown to meet its own condition." in told


def test_openrouter_takes_three_models_of_the_same_settings():
    models = {f"m{n}": at_openrouter(f"x/m{n}", settings={"top_k": 5}) for n in range(4)}
    models["hot"] = at_openrouter("x/hot", settings={"temperature": 1})
    made = export("openrouter", body(table(models, {"code": [route("code", "m0", "hot", "m1", "m2", "m3")]}, [])))
    assert json.loads(made.text)["presets"] == {"code": {"models": ["x/m0", "x/m1", "x/m2"], "top_k": 5}}
    assert any(note.startswith("Route code goes without hot: a body has one set of settings") for note in made.notes)
    assert "Route code goes without m3: OpenRouter takes 3 models at most." in made.notes


def test_openrouter_puts_a_system_text_first_and_says_so():
    made = export(
        "openrouter",
        body(table({"a": at_openrouter("x/a", settings={"system": "Be terse."})}, {"code": [route("code", "a")]}, [])),
    )
    assert json.loads(made.text)["presets"]["code"]["messages"] == [{"role": "system", "content": "Be terse."}]
    assert "Route code: a has a system text; messages go behind it, not in its place." in made.notes


def test_openrouter_knows_no_model_that_chooses_models():
    told = notes("openrouter", {"a": at_openrouter("x/a", settings={"models": ["x/b"]})}, route("code", "a"))
    assert told[0] == "Contender a is left out: its own settings choose models (models)."


def test_openrouter_is_hosted_whatever_a_contender_is_marked_as():
    models = {"a": at_openrouter("x/a", locality="local")}
    told = notes("openrouter", models, route("code", "a", when={"local_only": True}))
    assert told[:2] == [
        "Contender a is left out: it counts as local, and OpenRouter is hosted.",
        "Route code is left out, because a is.",
    ]


def test_portkey_takes_no_word_for_another_that_it_is_part_of():
    models = {
        "a": model("one", "a", capabilities=["json", "ajson", "jsonl"]),
        "b": model("one", "b", capabilities=["ajson", "jsonl"]),
    }
    routes = [route("code-json", "a", when={"needs": ["json"]}), route("code", "b", "a")]
    config = json.loads(export("portkey", body(table(models, {"code": routes}, []))).text)["config"]
    asked = {
        needs: resolved(resolve(config, {"category": "code", "needs": needs}))
        for needs in ("json", "ajson", "jsonl,json")
    }
    assert asked == {"json": ["a"], "ajson": ["b", "a"], "jsonl,json": ["a"]}


def test_portkey_says_what_callers_must():
    models = {"a": model("one", "a")}
    short, plain = route("code-short", "a", when={"prompt_chars_lt": 120, "complexity": "simple"}), route("code", "a")
    told = notes("portkey", models, short, plain)
    assert told == [
        "Route code-short holds only where the caller says complexity and prompt_chars: the gateway reads no prompt."
    ]


def test_portkey_keeps_a_route_within_bounds_and_says_what_it_cost():
    models = {
        f"m{n}": model("one", f"m{n}", capabilities=[f"c{other}" for other in range(8) if other != n]) for n in range(8)
    }
    made = export("portkey", body(table(models, {"code": [route("code", *models)]}, [])))
    code = json.loads(made.text)["config"]["targets"][0]
    assert len(code["strategy"]["conditions"]) == 63
    assert "Route code goes without its fallbacks m6 and m7." in made.notes
    assert any(note.startswith("Too large for a header") for note in made.notes)


def test_portkey_leaves_a_route_out_whose_condition_it_does_not_know():
    told = notes("portkey", {"a": model("one", "a")}, route("code", "a", when={"phase_of_moon": "full"}))
    assert told == ["Route code is left out: no caller meets its condition phase_of_moon."]
