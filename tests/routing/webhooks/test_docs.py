"""The receiver and the commands of docs/webhooks.md, as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.core.management import call_command

from evals.models import Category
from routing.models import Delivery
from routing.publishing.publisher import publish
from routing.webhooks import queue
from routing.webhooks.delivery import deliver
from tests.processes import free_port, listens, wait_until
from tests.routing.conftest import FLIPPED, cast

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
(RECEIVER,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def port(settings: Any) -> int:
    port = free_port()
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    return port


@pytest.fixture
def secret(db: None, port: int, capsys: pytest.CaptureFixture[str]) -> str:
    """As the documented command prints it: alone on the last line."""
    (command,) = re.findall(r"^    manage\.py (webhooks add) https://example.com/hooks/arena", PAGE, re.MULTILINE)
    call_command(*command.split(), f"http://127.0.0.1:{port}/hooks/arena")
    return capsys.readouterr().out.splitlines()[-1]


@pytest.fixture
def running(tmp_path: Path, port: int, secret: str) -> Iterator[Path]:
    """The documented receiver; what it printed."""
    program, printed = tmp_path / "receiver.py", tmp_path / "printed"
    program.write_text(RECEIVER, encoding="utf-8")
    environment = {**os.environ, "ARENA_WEBHOOK_SECRET": secret, "PORT": str(port)}
    with printed.open("wb") as out:
        process = subprocess.Popen([sys.executable, str(program)], env=environment, stdout=out, stderr=out)
        try:
            wait_until(lambda: listens(port), "the receiver listens")
            yield printed
        finally:
            process.kill()
            process.wait()


@pytest.mark.runs_once(on="sqlite", because="the receiver is the subject; what is sent to it is tested on both")
def test_the_receiver_fetches_each_version_once(running: Path, voted: Category, port: int):
    publish(actor="Mara")
    cast(voted, FLIPPED)
    publish(actor="Mara")
    assert deliver() == 2
    Delivery.objects.update(state="waiting")
    assert deliver() == 2

    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    told = [line for line in running.read_text().splitlines() if line.startswith("fetch")]
    assert told == ["fetch version 1", "fetch version 2"]


@pytest.mark.runs_once(on="sqlite", because="the receiver is the subject; what is sent to it is tested on both")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"},
        {"webhook-id": "msg_1", "webhook-timestamp": "x", "webhook-signature": "nonsense"},
    ],
)
def test_the_receiver_believes_nobody_else(running: Path, port: int, headers: dict[str, str]):
    body = json.dumps({"type": "routing_table.published", "data": {"version": 99}}).encode()
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"http://127.0.0.1:{port}/", data=body, headers=headers), timeout=10)
    assert refused.value.code == 400
    assert "fetch" not in running.read_text()


def test_the_waits_are_those_that_the_page_tells():
    (told,) = re.findall(r"at\s+once,\s+then\s+after (.*?), each\s+up\s+to\s+a\s+tenth\s+longer", PAGE, re.DOTALL)
    units = {"s": 1, "min": 60, "h": 3600}
    waits = [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)\b", told)]

    assert waits == list(queue._WAITS_S)


def test_the_example_message_has_the_fields_of_a_real_one(secret: str, voted: Category):
    publish(actor="Mara")
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    shown, real = json.loads(example), json.loads(Delivery.objects.get().body)

    assert list(shown) == list(real)
    assert list(shown["data"]) == list(real["data"])
    assert list(shown["data"]["changes"][0]) == list(real["data"]["changes"][0])
