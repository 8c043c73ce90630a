"""The wheel as it is shipped, alone in an environment with its dependencies: it answers the shared cases as Arena's
own selection does."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import arena_routing
from tests.processes import ROOT
from tests.sdk.arena_double import CASES, SHARED

ESTIMATES: dict[str, Any] = json.loads((CASES / "estimates.json").read_text(encoding="utf-8"))
SDK = ROOT / "sdk"
UV = [sys.executable, "-m", "uv"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the backend that uv includes, so without a package index."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*UV, "build", "--quiet", "--offline", "--wheel", "--out-dir", folder, SDK], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment: the wheel, and links to what it requires among our own packages. Nothing
    else can be imported there, and nothing is downloaded."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([*UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    found = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", found, wheel], check=True)
    ask = [found, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    for source in required(metadata.PathDistribution(next(packages.glob("arena_routing-*.dist-info")))):
        (packages / source.name).symlink_to(source)
    return found


def required(distribution: metadata.Distribution) -> Iterator[Path]:
    """The top files and folders of all that a distribution requires, and those in turn."""
    pending, known = [distribution], {"arena_routing"}
    while pending:
        for line in pending.pop().requires or ():
            requirement = Requirement(line)
            if requirement.name in known or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            known.add(requirement.name)
            pending.append(metadata.distribution(requirement.name))
            assert pending[-1].version in requirement.specifier, f"{line}, and here is {pending[-1].version}"
            tops = {file.parts[0] for file in pending[-1].files or () if file.parts[0] not in ("..", "__pycache__")}
            yield from (Path(str(pending[-1].locate_file(top))) for top in sorted(tops))


@pytest.fixture(scope="session")
def told(python: Path) -> dict[str, Any]:
    program = Path(__file__).with_name("answer_cases.py")
    given = json.dumps({"selection": SHARED, "estimates": ESTIMATES})
    done = subprocess.run([python, "-I", program], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["name"])
def test_the_installed_client_passes_the_shared_cases(told: dict[str, Any], case: dict[str, Any]):
    answer = told["answers"][case["name"]]
    if "error" in case:
        assert answer == {"error": case["error"]}
        return
    always = {"unmet": case.get("unmet", []), "stale": case.get("stale", False), "table_version": 42}
    expected = {key: case[key] for key in answer if key in case} | always
    assert {key: answer[key] for key in expected} == expected
    assert answer["target"] == SHARED["table"]["models"][answer["model"]]
    assert answer["reason"]
    assert case.get("reason_has", "") in answer["reason"]


@pytest.mark.parametrize("case", ESTIMATES["cases"], ids=lambda case: case["name"])
def test_the_shared_estimates(told: dict[str, Any], case: dict[str, Any]):
    expected = {"complexity": case["complexity"], "fewest_not_below": case["tokens"] + 1}
    assert told["estimates"][case["name"]] == expected


def test_it_needs_nothing_of_arena(told: dict[str, Any], python: Path):
    assert Path(told["file"]).is_relative_to(python.parent.parent)
    assert not {"django", "arena", "evals", "routing", "celery", "msgspec", "jsonschema"} & set(told["modules"])


def test_it_imports_only_its_dependencies():
    project = tomllib.loads((SDK / "pyproject.toml").read_text())["project"]
    said = {Requirement(line).name for line in project["dependencies"]}
    assert said == {"httpx", "cryptography"}
    imported = set()
    for path in (SDK / "src" / "arena_routing").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == said | {"arena_routing"}


def test_the_version_is_the_same_everywhere(wheel: Path):
    project = tomllib.loads((SDK / "pyproject.toml").read_text())["project"]
    assert arena_routing.__version__ == project["version"]
    assert wheel.name == f"arena_routing-{project['version']}-py3-none-any.whl"


def test_the_wheel_is_typed_and_described(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        assert "arena_routing/py.typed" in archive.namelist()
        said = archive.read(f"arena_routing-{arena_routing.__version__}.dist-info/METADATA").decode()
    assert (SDK / "README.md").read_text().strip() in said


def test_everything_public_is_listed():
    public = {name for name in vars(arena_routing) if not name.startswith("_")} - {"annotations"}
    assert set(arena_routing.__all__) == public | {"__version__"}
