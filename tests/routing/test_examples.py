"""Every example about routing in README, docs/, sdk/ and examples/ runs, in its document's order, as a reader would
type it: the shell's in a shell, with the real curl and real processes, Python's as it stands, against a live Arena.

What none of these can run is in `EXEMPT`, `TESTED_BY` or `example_runs.LEFT_OUT`, or says by a marker which test
runs it (`tests.examples`). `docs/nginx.conf` is run by `tests/routing/publishing/test_nginx.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from pytest_django.live_server_helper import LiveServer

from arena.models import ApiToken
from evals.models import Category, Contender, Provider
from routing.models import AuditEntry, Publication, ReportedOutcome, RoutingTable
from routing.policy.services import save_policy
from routing.publishing.publisher import AUTOMATIC, publish
from tests.examples import Example, documents, examples, spoken_commands
from tests.processes import ROOT, Processes
from tests.routing.conftest import EAGER, cast
from tests.routing.example_runs import RUNNERS, World
from tests.routing.gateways.running import Double, double
from tests.shells import ASK

# Blocks that nobody runs, by document and first line, and why. This list is closed: whatever is new runs, or is here.
EXEMPT = {
    ("README.md", "make run"): "not about routing: how people start; CI runs both",
    ("README.md", "task set ──> run ──> generations ──> battles ──> votes ──> tallies ──> leaderboard"): "a drawing",
    (
        "README.md",
        ".venv/bin/python manage.py import_tasks my-tasks.csv --task-set support",
    ): "about collecting, not routing: asks the providers of examples/contenders.yaml, and waits for a worker",
    ("docs/webhooks.md", "POST /hooks/arena HTTP/1.1"): "shows one message's headers; its receiver checks real ones",
}
# Languages of documents that a test of their own runs from the first block to the last.
TESTED_BY = {
    ("sdk/README.md", "python"): "tests/sdk/test_readme.py",
    ("docs/exports.md", "python"): "tests/routing/gateways/test_docs.py",
    ("docs/outcomes.md", "python"): "tests/routing/outcomes/test_docs.py",
    ("docs/outcomes.md", "sh"): "tests/routing/outcomes/test_docs.py",
    # What the call before it answers.
    ("docs/outcomes.md", ""): "tests/routing/outcomes/test_docs.py",
    ("docs/webhooks.md", "json"): "tests/routing/webhooks/test_docs.py",
    ("docs/webhooks.md", "python"): "tests/routing/webhooks/test_docs.py",
}


def elsewhere(example: Example) -> str:
    """The test that runs it, where it is another one."""
    return example.tested_by or TESTED_BY.get((example.document, example.language), "")


def exempt(example: Example) -> bool:
    return (example.document, example.first) in EXEMPT


ALL = [example for document in documents() for example in examples(document)]


@pytest.mark.parametrize("example", ALL, ids=[example.place for example in ALL])
def test_somebody_runs_it(example: Example):
    test = elsewhere(example)
    if test:
        path = ROOT / test
        assert path.is_file(), f"{example.place} names {test}, which is not there."
        assert Path(example.document).name in path.read_text(encoding="utf-8"), f"{test} does not name it."
    else:
        assert exempt(example) or example.language in RUNNERS, (
            f"{example.place}: nobody runs this. Say its language (of {', '.join(RUNNERS)}), or put "
            "<!-- tested by tests/….py --> in the line before it."
        )


def test_the_lists_name_nothing_that_is_gone():
    there = {(example.document, example.first) for example in ALL}
    assert set(EXEMPT) <= there
    assert set(TESTED_BY) <= {(example.document, example.language) for example in ALL}
    assert "nginx.conf" in (ROOT / "tests/routing/publishing/test_nginx.py").read_text(encoding="utf-8")


@pytest.fixture
def installation(django_db_reset_sequences: None, provider: Double) -> Category:
    """What documents speak of: a category code, contenders with tools at two providers and one at home, version 41 and
    version 42 that went from one to the other."""
    hosted = Provider.objects.create(
        slug="openai", name="OpenAI", base_url=provider.base_url("gpt-x"), locality="hosted"
    )
    other = Provider.objects.create(slug="other", name="Other", base_url=provider.base_url("b"), locality="hosted")
    home = Provider.objects.create(slug="home", name="Home", base_url=provider.base_url("home"), locality="local")
    for slug, at in (("gpt-x", hosted), ("b", other), ("small-tools", hosted), ("home", home)):
        Contender.objects.create(
            slug=slug, family=slug, provider=at, model_name=slug, capabilities=["tools"], context_tokens=8000
        )
    code = Category.objects.create(slug="code", name="Code")
    cast(Category.objects.create(slug="sql", name="SQL"), {("home", "b"): (90, 10, 5), ("home", "gpt-x"): (90, 10, 5)})
    save_policy(document=EAGER, reason="For the examples.")
    Publication.objects.update(newest=40)
    cast(code, {("gpt-x", "b"): (90, 10, 5), ("gpt-x", "home"): (90, 10, 5), ("b", "home"): (50, 50, 5)})
    publish(actor=AUTOMATIC)
    cast(code, {("gpt-x", "b"): (0, 300, 0), ("gpt-x", "home"): (0, 100, 0), ("b", "home"): (200, 40, 0)})
    publish(actor=AUTOMATIC)
    assert list(RoutingTable.objects.values_list("version", flat=True)) == [42, 41]
    return code


@pytest.fixture
def provider() -> Iterator[Double]:
    with double() as made:
        yield made


@pytest.fixture
def world(
    installation: Category,
    live_server: LiveServer,
    processes: Processes,
    provider: Double,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here (Debian: apt install curl)")
    settings.ARENA_ROUTING_READ = "public"
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{provider.port}"]
    folder, programs = tmp_path / "checkout", tmp_path / "bin"
    (folder / ".venv" / "bin").mkdir(parents=True)
    programs.mkdir()
    for name in ("docs", "examples", "sdk", "manage.py"):
        (folder / name).symlink_to(ROOT / name)
    _program(folder / ".venv" / "bin" / "python", f'exec {sys.executable} {ASK} "$@"')
    _program(programs / "manage.py", f'exec {sys.executable} {ASK} manage.py "$@"')
    # An answer of 400 or more is no success here.
    _program(
        programs / "curl", f'test "$1" = -f || set -- --fail-with-body "$@"; exec {curl} --silent --show-error "$@"'
    )
    scopes = ["routing:read", "routing:publish", "outcomes:write", "evals:read"]
    _, token = ApiToken.objects.create_key(name="shop", scopes=scopes)
    told = {"ARENA_URL": live_server.url, "ARENA_TOKEN": token, "OPENAI_API_KEY": "k"}
    told |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    path, allowed = f"{programs}{os.pathsep}{os.environ['PATH']}", f"127.0.0.1:{provider.port}"
    environment = processes.environment | told | {"PATH": path, "ARENA_OUTBOUND_ALLOW": allowed}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return World(folder, live_server.url, environment, processes, provider)


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def run_all(document: str, world: World) -> dict[str, Any]:
    """The names that its Python left, and what its shell printed as `stdout`. A client that it made is closed, so
    that it has reported what it had to."""
    names: dict[str, Any] = {"__name__": "example"}
    try:
        for example in examples(document):
            if not elsewhere(example) and not exempt(example):
                world.run(example, names)
    finally:
        if "router" in names:
            names["router"].close()
    return names


def with_examples() -> list[str]:
    return [
        document
        for document in documents()
        if any(not elsewhere(example) and not exempt(example) for example in examples(document))
    ]


# Two have a test of their own below, which also looks at what their examples did.
OTHERS = [document for document in with_examples() if document not in ("README.md", "docs/routing.md")]


@pytest.mark.crash
@pytest.mark.runs_once(on="sqlite", because="a reader starts there; the commands' own tests run on both")
@pytest.mark.parametrize("document", OTHERS)
def test_a_document_runs_from_its_first_example_to_its_last(document: str, world: World):
    run_all(document, world)


@pytest.mark.crash
@pytest.mark.runs_once(on="sqlite", because="a reader starts there; the commands' own tests run on both")
def test_readme_runs_from_its_first_example_to_its_last(world: World):
    names = run_all("README.md", world)
    assert names["decision"].route_id == "sql"
    assert list(ReportedOutcome.objects.values_list("ok", "model")) == [(True, names["decision"].model)]
    assert world.provider.slugs == [names["decision"].model]
    assert (world.folder / "arena-keys.json").stat().st_size


@pytest.mark.crash
@pytest.mark.runs_once(on="sqlite", because="a reader starts there; the commands' own tests run on both")
def test_the_page_about_routing_runs_from_its_first_example_to_its_last(world: World):
    names = run_all("docs/routing.md", world)
    assert [(one.kind, one.actor) for one in AuditEntry.objects.order_by("id")] == [
        (kind, "command line") for kind in ("rollback", "unfreeze", "freeze", "pin", "unpin")
    ]
    assert RoutingTable.objects.filter(cause="rollback").get().rolled_back_to == 41
    assert (world.folder / "policy.yaml").stat().st_size
    assert '"route_id"' in names["stdout"]


def test_a_command_that_is_spoken_of_is_one_and_has_its_options():
    known = get_commands()
    for document in documents():
        for name, rest in spoken_commands(document):
            assert name in known, f"{document}: manage.py {name}"
            command = load_command_class(known[name], name)
            options = command.create_parser("manage.py", name)._option_string_actions
            for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
                assert option in options, f"{document}: manage.py {name} {option}"


def test_a_marker_is_read_and_holds_for_one_block(tmp_path: Path):
    page = """# A

<!-- tested by tests/x.py -->

```json
{}
```

```json
[]
```

Text

    curl x

Text

    {}
"""
    (tmp_path / "a.md").write_text(page, encoding="utf-8")
    found = [(one.language, one.tested_by, one.line, one.text) for one in examples("a.md", tmp_path)]
    assert found == [
        ("json", "tests/x.py", 5, "{}\n"),
        ("json", "", 9, "[]\n"),
        ("sh", "", 15, "curl x\n"),
        ("", "", 19, "{}\n"),
    ]
