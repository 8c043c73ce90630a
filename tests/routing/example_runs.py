"""How an example of a document is run: where it is, what it finds there, and a runner for each language."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from routing.policy.parse import parse
from routing.policy.text import read_text
from routing.publishing.schema import table_schema
from tests.examples import Example
from tests.processes import Processes, free_port, wait_until
from tests.routing.gateways.running import Double
from tests.shells import run_shell

# Lines of the shell's blocks that are left out, by how they begin, and why.
LEFT_OUT = {"pip install ./sdk": "tests/sdk/test_wheel.py builds and installs it, which takes a package index"}
# Where examples find Arena, and somebody who is told by it.
HOSTS = ("http://127.0.0.1:8000", "https://arena.example")
RECEIVER = "https://example.com"
# A command that runs until it is stopped, and where its port is.
SERVER = re.compile(r"manage\.py serve_tables\b.*--port (?P<port>\d+)")


@dataclass
class World:
    """A folder with what examples find in a checkout, and the environment they are told to have."""

    folder: Path
    url: str
    environment: dict[str, str]
    processes: Processes
    provider: Double

    def run(self, example: Example, names: dict[str, Any]) -> None:
        text = example.text
        for host in HOSTS:
            text = text.replace(host, self.url)
        text = text.replace(RECEIVER, f"http://127.0.0.1:{self.provider.port}")
        RUNNERS[example.language](self, example.place, text, names)


def shell(world: World, place: str, text: str, names: dict[str, Any]) -> None:
    lines = text.replace("\\\n", " ").splitlines()
    for line in lines:
        if SERVER.search(line):
            serve(world, line)
    script = "\n".join(line for line in lines if not SERVER.search(line) and not line.startswith(tuple(LEFT_OUT)))
    code, stdout, stderr = run_shell(script, world.folder, world.environment)
    names["stdout"] = names.get("stdout", "") + stdout
    assert code == 0, f"{place}:\n{script}\n{stdout}\n{stderr}"


def serve(world: World, line: str) -> None:
    """Starts what serves, on a port that is free, until it answers, and stops it."""
    words = shlex.split(line, comments=True)
    arguments = words[words.index(next(word for word in words if word.endswith("manage.py"))) + 1 :]
    port = str(free_port())
    arguments[arguments.index("--port") + 1] = port
    process = world.processes.manage(*arguments, ARENA_ROUTING_READ="public")

    def served() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/api/v1/routing/latest", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(lambda: served() or not process.running(), "the table is served")
    assert process.running(), process.output()
    process.signal(signal.SIGTERM)
    assert process.popen.wait(timeout=60) == 0, process.output()


def python(world: World, place: str, text: str, names: dict[str, Any]) -> None:
    exec(compile(text, place, "exec"), names)


def table_or_policy(world: World, place: str, text: str, names: dict[str, Any]) -> None:
    """A whole policy or a whole table; whatever else is written as JSON or YAML needs a test that feeds it on."""
    document = read_text(text)
    if document.get("schema") == "routing-table/v1":
        Draft202012Validator(table_schema()).validate(document)
    else:
        parse(document)


RUNNERS: dict[str, Callable[[World, str, str, dict[str, Any]], None]] = {
    "sh": shell,
    "bash": shell,
    "shell": shell,
    "python": python,
    "json": table_or_policy,
    "yaml": table_or_policy,
}
