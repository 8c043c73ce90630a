"""The examples of docs/outcomes.md, as they stand there, before the real application."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from arena.models import ApiToken
from evals.models import Category
from routing.models import ReportedOutcome
from routing.outcomes.batch import MOST_OUTCOMES, Outcome
from routing.outcomes.queries import MOST_DAYS, MOST_OTHERS
from routing.publishing.publisher import publish
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(CURL,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def arena(live_server: LiveServer, voted: Category, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    publish(actor="Mara")
    scopes = re.findall(r"--scope (\S+?)`?(?=[ .])", PAGE)
    assert set(scopes) == {"routing:read", "outcomes:write"}
    _, key = ApiToken.objects.create_key(name="shop", scopes=scopes)
    bearer = {"Authorization": f"Bearer {key}"}
    keys = httpx.get(f"{live_server.url}/api/v1/routing/keys", headers=bearer, trust_env=False, timeout=60)
    (tmp_path / "arena-keys.json").write_bytes(keys.content)
    monkeypatch.chdir(tmp_path)
    names = {"ARENA_URL": live_server.url, "ARENA_TOKEN": key, "NO_PROXY": "*", "no_proxy": "*"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return names


@pytest.mark.runs_once(on="sqlite", because="the page's example is the subject; storing outcomes is tested on both")
def test_the_clients_example(arena: dict[str, str]):
    exec(compile(PYTHON, "docs/outcomes.md", "exec"), {})
    told = ReportedOutcome.objects.order_by("latency_ms").values_list("ok", "error", "latency_ms", "cost_usd")
    assert list(told) == [(True, "", 1840.0, 0.0031), (False, "Timeout", 30_000.0, None)]


@pytest.mark.runs_once(on="sqlite", because="the page's example is the subject; storing outcomes is tested on both")
@pytest.mark.skipif(not shutil.which("curl") or not Path("/proc/sys/kernel/random/uuid").exists(), reason="no curl")
def test_the_curl_example(arena: dict[str, str]):
    done = subprocess.run(["sh", "-c", CURL], env={**os.environ, **arena}, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"stored": 1, "repeated": 0}
    assert done.stdout in PAGE
    assert ReportedOutcome.objects.get().tokens == 412


def test_the_page_names_every_field_and_the_limits():
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Outcome.__struct_fields__)
    assert f"{MOST_OUTCOMES:,} outcomes and 1 MiB" in PAGE
    assert f"`days` is {MOST_DAYS} at most" in PAGE
    assert (MOST_OTHERS, "the five with most" in PAGE) == (5, True)
