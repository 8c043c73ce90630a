"""The examples of docs/exports.md, as they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from evals.models import Category, Contender
from routing.gateways import FORMATS, export
from routing.gateways.branches import METADATA
from routing.publishing.publisher import publish
from tests.routing.gateways.running import Double, double, gateway
from tests.routing.gateways.tables import body, model, route, table

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")
OPENROUTER, PORTKEY = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with double() as made:
        yield made


def test_the_commands_work(voted: Category, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Contender.objects.update(context_tokens=8000)
    publish(actor="Mara")
    commands = re.findall(r"^    manage\.py (routing_table .*?) > (\S+)$", PAGE, re.MULTILINE)
    assert {command.split()[-1] for command, _ in commands} == set(FORMATS)
    for command, _ in commands:
        call_command(*command.replace("--version 41", "--version 1").split())
        assert "sha256:" in capsys.readouterr().out


def test_the_page_names_what_callers_may_say():
    rows = re.findall(r"^\| (`.*?) \| `", PAGE, re.MULTILINE)
    assert tuple(name for row in rows for name in re.findall(r"`(\w+)`", row)) == METADATA


def test_the_openrouter_example(
    provider: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    terse = model("openrouter", "x/a", base_url="https://openrouter.ai/api/v1", settings={"system": "Be terse."})
    made = export("openrouter", body(table({"a": terse}, {"code": [route("code", "a")]}, [])))
    (tmp_path / "openrouter.json").write_text(made.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENROUTER_API_KEY", "k")
    there = provider.base_url("openrouter")
    exec(compile(OPENROUTER.replace("https://openrouter.ai/api/v1", there), "docs/exports.md", "exec"), {})
    assert capsys.readouterr().out == "I am openrouter.\n"
    (asked,) = provider.asked
    assert (asked.key, asked.body["models"]) == ("k", ["x/a"])
    assert [one["role"] for one in asked.body["messages"]] == ["system", "user"]


def test_the_portkey_example(
    provider: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    models = {
        "plain": model("one", "plain", base_url=provider.base_url("plain")),
        "able": model("one", "able", base_url=provider.base_url("able"), capabilities=["json"]),
    }
    made = export("portkey", body(table(models, {"code": [route("code", "plain", "able")]}, [])))
    assert json.loads(made.text)["arena"]["environment"] == {"ONE_API_KEY": "one"}
    (tmp_path / "portkey.json").write_text(made.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONE_API_KEY", 'a "key"')
    with gateway(tmp_path / "log") as running:
        example = PORTKEY.replace("http://127.0.0.1:8787/v1/chat/completions", running.url)
        exec(compile(example, "docs/exports.md", "exec"), {})
    assert capsys.readouterr().out == "I am able.\n"
    assert [one.key for one in provider.asked] == ['a "key"']
