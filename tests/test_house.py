"""The house keeps its own rules: directions of import, pure modules, locks that pin."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("arena", "evals", "routing", "sdk", "tests", "benchmarks", "templates", "static")
LOCKS = sorted(ROOT.glob("requirements*.lock"))
IMPORTS = re.compile(r"^ *(?:from [\w.]+ import|import [\w.]+).*$", re.MULTILINE)
PURE = (
    "evals.ratings",
    "evals.catalog.cards",
    "evals.leaderboards.measurements",
    "routing.policy.parse",
    "routing.policy.describe",
    "routing.decisions.planner",
    "routing.decisions.candidates",
    "routing.publishing.document",
    "routing.publishing.selection",
    "routing.gateways",
    "routing.outcomes.report",
    "routing.outcomes.batch",
)


def sources(*suffixes: str) -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in suffixes]
    return [path for path in found if not {"migrations", "__pycache__", "vendor"} & set(path.parts)]


def test_the_maths_loads_in_a_bare_interpreter_without_django() -> None:
    """One interpreter loads them in turn, so that the first one that loads Django is named."""
    program = """
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    loaded = {name.partition(".")[0] for name in sys.modules} & {"django", "rest_framework", "celery"}
    if loaded:
        sys.exit(f"{module} loads {sorted(loaded)}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *PURE], cwd=ROOT, capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 0, done.stderr


def modules() -> dict[str, Path]:
    """Name to file, for our own packages. A package is known by its `__init__`."""
    found = {}
    for path in sources(".py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[:2] == ("sdk", "src"):
            parts = parts[2:]
        if parts[0] in ("arena", "evals", "routing", "arena_routing"):
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_at_load(path: Path, known: dict[str, Path]) -> set[str]:
    """Our modules that `path` imports when it is loaded: not in functions. The client's also count what is imported for
    the type checker alone."""
    found: set[str] = set()
    is_client = path.is_relative_to(ROOT / "sdk")
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and not is_client and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relative to itself"
            base = node.module or ""
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in known else base for name in names}
        pending += ast.iter_child_nodes(node)
    return found & known.keys()


def test_no_module_imports_itself_through_others() -> None:
    known = modules()
    graph = {name: imported_at_load(path, known) - {name} for name, path in known.items()}
    while leaves := [name for name, needed in graph.items() if not needed & graph.keys()]:
        for name in leaves:
            del graph[name]
    # What is left stands on a circle, or leads to one.
    circle = {name for name, needed in graph.items() if any(name in graph[other] for other in needed & graph.keys())}
    assert graph == {}, f"circular imports, near {sorted(circle) or sorted(graph)}"


def test_there_is_a_lock_for_everything_make_installs() -> None:
    assert [path.name for path in LOCKS] == [
        "requirements-bench.lock",
        "requirements-demo.lock",
        "requirements-test.lock",
        "requirements-uv.lock",
        "requirements.lock",
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(--index|--extra-index|--find-links|-i|-f)\b", text, re.MULTILINE)
    pins = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert pins
    assert [pin.splitlines()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_the_tests_run_on_the_versions_that_are_shipped() -> None:
    shipped, tested = (
        dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    )
    assert {name: tested.get(name) for name in shipped} == shipped


def test_every_test_that_holds_a_law_exists_once() -> None:
    written = Counter(
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.MULTILINE)
    )
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "laws.md").read_text()))
    assert named
    assert {name: written[name] for name in sorted(named) if written[name] != 1} == {}


def written_about(pattern: str) -> Iterator[tuple[Path, str]]:
    """What matches in all that people read about the code: documents, templates, comments and docstrings. Not in the
    history."""
    for path, text in prose(re.compile(pattern)):
        for name in re.findall(pattern, text):
            yield path.relative_to(ROOT), name


def prose(pattern: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    """Only files in which the pattern is found at all, other than in an import: to take a module apart is slow."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sdk").glob("*.md")]
    for path in (*documents, *sources(".md", ".html")):
        if path.name != "CHANGELOG.md":
            # An attribute `html` of a template's variable is not a file.
            yield path, re.sub(r"\{\{.*?\}\}|\{% (?:el)?if .*?%\}", "", path.read_text())
    for path in sources(".py"):
        text = path.read_text()
        if not pattern.search(IMPORTS.sub("", text)):
            continue
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
        docstrings = [ast.get_docstring(node) or "" for node in nodes]
        yield path, "\n".join(comments + docstrings)


def test_every_module_that_is_written_about_exists() -> None:
    known = {name: path.read_text() for name, path in modules().items()}

    def exists(name: str) -> bool:
        """A module, or something that a module defines. What a class in turn defines is not looked up."""
        if name in known:
            return True
        module, rest = name, ""
        while module and module not in known:
            module, _, rest = module.rpartition(".")
        return bool(module) and re.search(rf"\b{rest}\b", known[module]) is not None

    written = written_about(r"(?<![\w./-])(?:arena|evals|routing)(?:\.\w+){2,}")
    wrong = {(str(path), name) for path, name in written if not exists(name)}
    assert sorted(wrong) == []


def test_every_file_that_is_written_about_exists() -> None:
    files = [path.relative_to(ROOT).parts for path in sources(".py", ".html")] + [("manage.py",)]
    known = {"/".join(parts[n:]) for parts in files for n in range(len(parts))}
    written = written_about(r"(?<![\w./<>*-])[\w-]+(?:/[\w-]+)*\.(?:py|html)\b")
    wrong = {(str(path), name) for path, name in written if name not in known}
    assert sorted(wrong) == []


def test_parts_with_a_form_are_given_the_token_against_forged_requests() -> None:
    """A part that is included with nothing but what it is given has none otherwise, and its form is refused."""
    templates = ROOT / "templates"
    texts = {path.relative_to(templates).as_posix(): path.read_text() for path in sources(".html")}
    includes = {
        name: re.findall(r'{% include "([^"]+)"((?:(?!%}).)*)%}', text, re.DOTALL) for name, text in texts.items()
    }
    needs = {name for name, text in texts.items() if "{% csrf_token %}" in text}
    while more := {name for name, parts in includes.items() if needs & {part for part, _ in parts}} - needs:
        needs |= more
    without = [
        (name, part)
        for name, parts in includes.items()
        for part, given in parts
        if part in needs and re.search(r"\bonly\b", given) and "csrf_token=csrf_token" not in given
    ]
    assert needs
    assert without == []


def test_template_lines_hold_at_most_160_characters() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{n}"
        for path in sources(".html")
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 160
    ]
    assert long == []
