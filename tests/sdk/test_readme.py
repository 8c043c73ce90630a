"""Every example of the client's README runs, one after the other, as a reader would type them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import arena_routing
from tests.processes import ROOT
from tests.sdk.arena_double import SHARED, Arena

README = (ROOT / "sdk" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_examples_run(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    models = {slug: card | {"base_url": f"{arena.url}/v1"} for slug, card in SHARED["table"]["models"].items()}
    arena.publish(42, models=models)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARENA_URL", arena.url)
    monkeypatch.setenv("ARENA_TOKEN", "a-token")
    Path("arena-keys.json").write_text(json.dumps(arena.signer.jwk_set()))
    names: dict[str, Any] = {"__name__": "example"}
    for number, example in enumerate(EXAMPLES):
        exec(compile(example, f"example {number} of sdk/README.md", "exec"), names)
    names["router"].close()
    assert len(EXAMPLES) == 9
    assert "small Fast." in capsys.readouterr().out
    assert names["model"] == "my-own-default"
    assert arena.asked[0]["authorization"] == "Bearer a-token"
    assert [outcome["model"] for outcome in arena.outcomes] == ["small", "big", "home", "home", "small"]
    assert list(Path("arena-cache").glob("*-42.json"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_command_fetches_the_keys_or_saves_nothing(arena: Arena, tmp_path: Path):
    (command,) = re.findall(r"^    (curl .*)$", README, re.MULTILINE)
    keys = tmp_path / "arena-keys.json"

    def run(token: str) -> int:
        environment = os.environ | {"ARENA_URL": arena.url, "ARENA_TOKEN": token, "NO_PROXY": "127.0.0.1"}
        return subprocess.run(command, shell=True, cwd=tmp_path, env=environment, check=False).returncode

    assert run("a-revoked-token") != 0
    assert not keys.exists()
    assert run("a-token") == 0
    assert json.loads(keys.read_text()) == arena.signer.jwk_set()


def test_every_argument_and_every_error_is_documented():
    signatures = (arena_routing.Router.__init__, arena_routing.Router.route)
    told = {name for made in signatures for name in made.__annotations__} - {"return", "url", "category"}
    told |= {
        name for name, kind in vars(arena_routing).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert {name for name in told if f"`{name}" not in README} == set()
