"""The Portkey export in the real gateway, in front of a provider double."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from routing.gateways import export
from routing.gateways.portkey import HANDED_ON
from routing.publishing.selection import Ask
from tests.routing.gateways.running import Double, Gateway, double, gateway
from tests.routing.gateways.tables import body, metadata, model, route, table
from tests.routing.gateways.test_shared_cases import CASES, TABLE

KEYS = {"ONE_API_KEY": "key-of-one", "TWO_API_KEY": "key-of-two"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("gateway") / "log") as started:
        yield started


@pytest.fixture
def provider() -> Iterator[Double]:
    with double() as made:
        yield made


@pytest.fixture
def config(provider: Double) -> Any:
    """`config(document)`: the exported config with its models at the double, and keys filled in."""

    def made(document: Mapping[str, Any]) -> dict[str, Any]:
        there = {
            slug: entry | ({"base_url": provider.base_url(slug)} if entry["base_url"] else {})
            for slug, entry in document["models"].items()
        }
        written: dict[str, Any] = json.loads(export("portkey", body({**document, "models": there})).text)["config"]
        fill_in(written)
        return written

    return made


def fill_in(target: dict[str, Any]) -> None:
    if "api_key" in target:
        target["api_key"] = KEYS.get(target["api_key"][2:-1], "any")
    for inner in target.get("targets", ()):
        fill_in(inner)


def small(**more: Any) -> dict[str, Any]:
    """Two hosted models at two providers, and one at home."""
    return table(
        {
            "big": model("one", "big-1", **more),
            "quick": model("two", "quick-1"),
            "local": model("home", "local-1", locality="local"),
        },
        {
            "code": [
                route("code-private", "local", when={"label": "sensitive"}),
                route("code", "big", "quick", "local"),
            ]
        },
        [route("default", "quick", "local")],
    )


def said(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


def test_it_listens_on_loopback_alone(running: Gateway):
    listening = [one.laddr.ip for one in psutil.Process(running.pid).net_connections() if one.status == "LISTEN"]
    assert listening == ["127.0.0.1"]


def test_the_primary_answers_and_when_it_fails_the_fallback(running: Gateway, provider: Double, config: Any):
    exported = config(small())
    assert said(running.ask(exported, {"category": "code"})) == "I am big."
    provider.down.add("big")
    assert said(running.ask(exported, {"category": "code"})) == "I am quick."
    provider.down.add("quick")
    assert said(running.ask(exported, {"category": "code"})) == "I am local."
    assert provider.slugs == ["big", "big", "quick", "big", "quick", "local"]
    provider.down.add("local")
    assert running.ask(exported, {"category": "code"}).status_code == 503


def test_a_provider_that_cannot_be_reached_has_failed(running: Gateway, provider: Double, config: Any):
    exported = json.loads(json.dumps(config(small())).replace(provider.base_url("big"), "http://127.0.0.1:1/v1"))
    assert said(running.ask(exported, {"category": "code"})) == "I am quick."


def test_conditions_pick_their_target(running: Gateway, provider: Double, config: Any):
    exported = config(small())
    assert said(running.ask(exported, {"category": "code", "label": "sensitive"})) == "I am local."
    assert said(running.ask(exported, {"category": "code", "label": "bulk"})) == "I am big."
    assert said(running.ask(exported, {"category": "poetry"})) == "I am quick."
    assert said(running.ask(exported)) == "I am quick."


@pytest.mark.parametrize("stated", ["true", True, "True", "1", "yes"])
def test_what_must_stay_local_never_leaves_however_it_is_said(
    running: Gateway, provider: Double, config: Any, stated: Any
):
    provider.down = {"local"}
    assert running.ask(config(small()), {"category": "code", "local_only": stated}).status_code == 503
    assert set(provider.slugs) == {"local"}


def test_each_provider_gets_its_own_key_its_name_and_its_settings(running: Gateway, provider: Double, config: Any):
    provider.down = {"big"}
    running.ask(config(small(settings={"temperature": 0.2})), {"category": "code"}, model="code", temperature=1)
    assert [(one.slug, one.key, one.body["model"], one.body["temperature"]) for one in provider.asked] == [
        ("big", "key-of-one", "big-1", 0.2),
        ("quick", "key-of-two", "quick-1", 1),
    ]


def test_one_categorys_target_is_a_config_of_its_own(running: Gateway, provider: Double, config: Any):
    code = next(target for target in config(small())["targets"] if target["name"] == "code")
    assert said(running.ask(code)) == "I am big."
    assert said(running.ask(code, {"local_only": "true"})) == "I am local."


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_shared_cases_are_answered_as_the_table_has_it(
    running: Gateway, provider: Double, config: Any, case: dict[str, Any]
):
    """Everybody is down, so that the whole order is seen."""
    document = TABLE | case.get("with", {})
    provider.down = set(document["models"])
    ask = Ask(**(case["ask"] | {"needs": frozenset(case["ask"].get("needs", ()))}))
    answer = running.ask(config(document), metadata(ask, document))
    if "error" in case:
        assert (answer.status_code, provider.asked) == (400, [])
    else:
        assert answer.status_code == 503
        assert provider.slugs[0] == case["model"]
        assert provider.slugs[1:] == case.get("fallbacks", provider.slugs[1:])


def test_a_model_that_cannot_be_exported_is_refused_not_replaced(running: Gateway, provider: Double, config: Any):
    exported = config(small(base_url=""))
    assert running.ask(exported, {"category": "code"}).status_code == 400
    assert said(running.ask(exported, {"category": "code", "local_only": "true"})) == "I am local."


def test_a_table_without_routes_refuses_everything(running: Gateway, provider: Double, config: Any):
    assert running.ask(config(table({}, {}, [])), {"category": "code"}).status_code == 400
    assert provider.asked == []


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ([("user", "Hi.")], [("system", "Be terse.\n\n"), ("user", "Hi.")]),
        (
            [("system", "Speak Latin."), ("user", "Hi.")],
            [("system", "Be terse.\n\nSpeak Latin."), ("user", "Hi.")],
        ),
    ],
)
def test_a_system_text_goes_first_and_to_its_own_model_alone(
    running: Gateway, provider: Double, config: Any, messages: Any, sent: Any
):
    provider.down = {"big"}
    given = [{"role": role, "content": content} for role, content in messages]
    running.ask(config(small(settings={"system": "Be terse."})), {"category": "code"}, messages=given)
    big, quick = provider.asked
    assert [(one["role"], one["content"]) for one in big.body["messages"]] == sent
    assert quick.body["messages"] == given


def test_what_is_said_to_be_handed_on_is_and_the_rest_is_not(running: Gateway, provider: Double, config: Any):
    given = {name: bounds[0] if bounds else f"a {name}" for name, bounds in HANDED_ON.items()}
    exported = config(small(settings=given))
    dropped = {"top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1, "chat_template_kwargs": {"enable_thinking": False}}
    running.ask(exported, {"category": "code"}, **dropped)
    sent = {name: value for name, value in provider.asked[0].body.items() if name not in ("model", "messages")}
    assert sent == given
    for name, (low, high) in ((name, bounds) for name, bounds in HANDED_ON.items() if bounds):
        running.ask(exported_with(exported, name, low - 1), {"category": "code"})
        assert provider.asked[-1].body[name] == low
        if high != float("inf"):
            running.ask(exported_with(exported, name, high + 1), {"category": "code"})
            assert provider.asked[-1].body[name] == high


def exported_with(exported: Any, name: str, value: float) -> Any:
    made = json.loads(json.dumps(exported))
    for target in made["targets"]:
        for branch in target["targets"]:
            for asked in branch.get("targets", [branch]):
                asked["override_params"][name] = value
    return made


@pytest.mark.parametrize(
    ("address", "claim"),
    [
        ("https://models.example/v1", "accepted"),
        ("http://8.8.8.8:8000/v1", "accepted"),
        ("http://ollama:11434/v1", "accepted"),
        ("http://localhost:11434/v1", "accepted"),
        ("http://host.docker.internal:11434/v1", "accepted"),
        ("http://10.0.0.5:8000/v1", "trusted"),
        ("http://192.168.1.5:8000/v1", "trusted"),
        ("http://100.64.0.1:8000/v1", "trusted"),
        ("http://gpu.internal:8000/v1", "trusted"),
        ("http://gpu.lan/v1", "trusted"),
        ("http://[::1]:8000/v1", "refused"),
        ("http://under_score.example/v1", "refused"),
        ("http://models.example./v1", "refused"),
        ("http://a.b.c.d.e.f.g.h.i.j.example/v1", "refused"),
    ],
)
def test_the_gateway_takes_the_addresses_that_the_export_says_it_takes(
    running: Gateway, provider: Double, config: Any, address: str, claim: str
):
    """Nobody is asked there: the first model answers, and the gateway checks all addresses before."""
    document = small()
    document["models"]["quick"] |= {"base_url": address}
    made = export("portkey", body(document))
    arena, written = json.loads(made.text)["arena"], json.loads(made.text)["config"]
    if claim == "refused":
        assert f"Contender quick is left out: the gateway refuses its address, {address}." in made.notes
        written = json.loads(json.dumps(written).replace("https://one.example/v1", address))
    else:
        assert any("TRUSTED_CUSTOM_HOSTS" in note for note in made.notes) == (claim == "trusted")
        if claim == "trusted":
            assert urlsplit(address).hostname in arena["trusted_custom_hosts"]
        written = json.loads(json.dumps(written).replace("https://one.example/v1", provider.base_url("big")))
    answer = running.ask(written, {"category": "code"})
    if claim == "accepted":
        assert said(answer) == "I am big."
    else:
        assert (answer.status_code, provider.asked) == (400, [])
        assert "Invalid custom host" in answer.text


def test_nobody_was_asked_to_install_anything_from_an_address_of_ours():
    for path in (Path(__file__).parent / "gateway").iterdir():
        assert "://" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({}, "no node in PATH"),
        ({"node": "exit 0"}, "no npm in PATH"),
        (
            {"node": "exit 0", "npm": "echo the registry is away >&2; exit 1"},
            "cannot be installed: the registry is away",
        ),
    ],
)
def test_where_there_is_no_gateway_to_be_had_the_reason_is_told(
    programs: dict[str, str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(pytest.skip.Exception, match=reason), gateway(tmp_path / "log"):
        pass
    assert not list((tmp_path / "cache").glob("*/*"))
