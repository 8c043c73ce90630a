"""What holds for every export of every table."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from routing.gateways import FORMATS, export
from routing.gateways.reading import Table
from routing.publishing.selection import Ask, NoEligibleModel, select
from tests.routing.gateways.gateway_rules import Refused, models, resolve
from tests.routing.gateways.litellm_fields import checked
from tests.routing.gateways.tables import ASKS, body, metadata, tables

many = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def routes(document: Any) -> list[Any]:
    named = [route for entry in document["categories"].values() for route in entry["routes"]]
    return named + document["default"]["routes"]


def exported_routes(name: str, text: str) -> set[str]:
    """The ids of the routes that can be asked for."""
    if name == "litellm":
        return {entry["model_info"].get("arena_route") for entry in checked(text)["model_list"]} - {None}
    made = json.loads(text)
    if name == "openrouter":
        return set(made["presets"])
    branches = [branch["name"] for target in made["config"]["targets"] for branch in target["targets"]]
    return {branch.partition(": ")[0] for branch in branches if not branch.endswith(": refused")}


@pytest.mark.parametrize("name", FORMATS)
@many
@given(document=tables())
def test_every_route_is_exported_or_named(name: str, document: Any):
    made = export(name, body(document))
    there = exported_routes(name, made.text)
    assert there <= {route["id"] for route in routes(document)}
    for route in routes(document):
        assert route["id"] in there or any(note.startswith(f"Route {route['id']} ") for note in made.notes)


@pytest.mark.parametrize("name", FORMATS)
@many
@given(document=tables())
def test_the_same_table_makes_the_same_text_and_names_itself_in_it(name: str, document: Any):
    data = body(document)
    made = export(name, data)
    assert made == export(name, bytes(data))
    assert f"sha256:{Table.of(data).sha256}" in made.text
    assert document["decision_digest"] in made.text
    written = made.text if name == "litellm" else json.loads(made.text)["arena"]["notes"]
    assert all(note in written for note in made.notes)


@many
@given(document=tables())
def test_a_litellm_config_is_as_documented_and_asks_whom_the_table_would(document: Any):
    config = checked(export("litellm", body(document)).text)
    entries = {entry["model_name"]: entry for entry in config["model_list"]}
    fallbacks = {
        name: others for one in config.get("router_settings", {}).get("fallbacks", []) for name, others in one.items()
    }
    keys: dict[str, set[str]] = {entry["provider"]: set() for entry in document["models"].values()}
    for entry in entries.values():
        model = document["models"][entry["model_info"]["arena_contender"]]
        params = dict(entry["litellm_params"])
        assert params["model"] == f"openai/{model['model_name']}"
        assert params["api_base"] == model["base_url"]
        assert (
            params.pop("extra_body", {}) | {key: params[key] for key in set(params) & set(model["settings"])}
            == model["settings"]
        )
        keys[model["provider"]].add(params["api_key"])
    named = [key for used in keys.values() for key in used]
    assert len(set(named)) == len(named), "two providers share a key"
    for route in routes(document):
        if route["id"] not in entries:
            continue
        chain = [
            entries[name]["model_info"]["arena_contender"] for name in (route["id"], *fallbacks.get(route["id"], []))
        ]
        assert set(chain) <= {route["primary"], *route["fallbacks"]}
        if route["when"].get("local_only"):
            assert {document["models"][slug]["locality"] for slug in chain} == {"local"}
        for slug in chain:
            assert set(route["when"].get("needs", ())) <= set(document["models"][slug]["capabilities"])
    # A name that is no route's falls back nowhere.
    assert not [name for name in fallbacks if name.startswith("contender/")]


@many
@given(document=tables())
def test_an_openrouter_preset_asks_only_what_openrouter_was_asked(document: Any):
    presets = json.loads(export("openrouter", body(document)).text)["presets"]
    there = {
        model["model_name"]: model
        for model in document["models"].values()
        if model["locality"] == "hosted" and "openrouter.ai" in model["base_url"]
    }
    for route in routes(document):
        if route["id"] in presets:
            preset = presets[route["id"]]
            assert 1 <= len(preset["models"]) <= 3
            assert set(preset["models"]) <= set(there)
            assert not route["when"].get("local_only")
            for name in preset["models"]:
                system = (
                    [{"role": "system", "content": text}] if (text := there[name]["settings"].get("system")) else []
                )
                wanted = {key: value for key, value in there[name]["settings"].items() if key != "system"}
                assert preset == {"models": preset["models"], **wanted} | ({"messages": system} if system else {})


@many
@given(document=tables())
def test_a_portkey_config_holds_the_tables_models_alone_and_keeps_local_routes_local(document: Any):
    config = json.loads(export("portkey", body(document)).text)["config"]
    there = {model["model_name"]: model for model in document["models"].values()}
    local = {route["id"] for route in routes(document) if route["when"].get("local_only")}
    for branch in (branch for target in config["targets"] for branch in target["targets"]):
        for asked in branch.get("targets", [branch] if "provider" in branch else []):
            model = there[asked["override_params"]["model"]]
            assert (asked["provider"], asked["custom_host"]) == ("openai", model["base_url"])
            assert re.fullmatch(r"\$\{[A-Z_][A-Z0-9_]*\}", asked["api_key"])
            assert asked["override_params"].items() <= {**model["settings"], "model": model["model_name"]}.items()
            assert model["locality"] == "local" or branch["name"].partition(": ")[0] not in local


@settings(many, max_examples=60)
@given(document=tables(), ask=ASKS)
def test_a_portkey_config_sends_a_request_where_the_table_does_or_nowhere(document: Any, ask: Ask):
    expressible = {
        slug
        for slug, model in document["models"].items()
        if model["base_url"] not in ("", "http://[::1]:8000/v1")
        and model["settings"] not in ({"top_k": 5}, {"temperature": 3.5})
    }
    try:
        chosen = select(document, ask)
        order = [slug for slug in (chosen.model, *chosen.fallbacks) if slug in expressible]
        expected = order if chosen.model in expressible else []
    except NoEligibleModel:
        expected = []
    config = json.loads(export("portkey", body(document)).text)["config"]
    try:
        asked = models(resolve(config, metadata(ask, document)))
    except Refused:
        asked = []
    assert asked == [document["models"][slug]["model_name"] for slug in expected]
