"""The child process of `evals.collection.checks.sandbox`: answers questions on standard input until it closes.

Run by path in an isolated interpreter: imports nothing of Arena's, and reaches nothing but its own pipes. An answer is
`[verdict, words]`: true, false, null for what cannot be judged, or "error" if the child should be replaced. What takes
a noticeable time to load is loaded when it is asked for (`load`), so that its time is not the check's; a check that
takes longer than its limit of processor time ends the process.
"""

from __future__ import annotations

import ast
import importlib
import json
import logging
import os
import re
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

_MEMORY = 512 << 20
_WORDS = 300
Answer = list[Any]


def matches(question: dict[str, Any]) -> Answer:
    try:
        flags = re.IGNORECASE if question["ignore_case"] else 0
        return [re.search(question["pattern"], question["text"], flags) is not None, ""]
    except (re.error, RecursionError, OverflowError) as error:
        return [None, f"not a pattern: {error}"]


def _document(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a value of JSON")


def is_json(question: dict[str, Any]) -> Answer:
    try:
        _document(question["text"])
    except RecursionError:
        return [None, "is nested too deeply to be read"]
    except ValueError as error:
        return [False, f"is not JSON: {error}"]
    return [True, "is JSON"]


def conforms(question: dict[str, Any]) -> Answer:
    schema = question["schema"]
    jsonschema, referencing = _loaded["json_schema"]
    try:
        document = _document(question["text"])
    except RecursionError:
        return [None, "is nested too deeply to be read"]
    except ValueError as error:
        return [False, f"is not JSON: {error}"]
    # An empty registry: a `$ref` to another document is an error, never a request.
    registry = referencing.Registry()
    try:
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        problem = jsonschema.exceptions.best_match(kind(schema, registry=registry).iter_errors(document))
    except jsonschema.exceptions.SchemaError as error:
        return [None, f"not a schema: {error.message}"]
    except MemoryError:
        raise
    except Exception as error:  # referencing has its own tree, and a bad schema must not end the child
        return [None, f"not a usable schema: {error}"]
    if problem is None:
        return [True, ""]
    return [False, f"{problem.json_path}: {problem.message}"]


def _load_json_schema(_: dict[str, Any]) -> Any:
    return importlib.import_module("jsonschema"), importlib.import_module("referencing")


def similar(question: dict[str, Any]) -> Answer:
    """`[edits, ""]`, or null where there are more than `most`."""
    distance = _loaded["similar"].distance(question["text"], question["value"], score_cutoff=question["most"])
    return [distance if distance <= question["most"] else None, ""]


def _load_similar(_: dict[str, Any]) -> Any:
    return importlib.import_module("rapidfuzz.distance.Levenshtein")


def is_sql(question: dict[str, Any]) -> Answer:
    sqlglot = _loaded["sql"]
    try:
        statements = [one for one in sqlglot.parse(question["text"], read=question["dialect"] or None) if one]
    except RecursionError:
        return [None, "is nested too deeply to be read"]
    except sqlglot.errors.SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        where = f"line {first['line']}, column {first['col']}: " if first.get("line") else ""
        said = first.get("description") or str(error).split("\n", 1)[0]
        # Its messages show tokens as objects.
        return [False, f"{where}{said.split(' but got ', 1)[0].rstrip('. ')}"]
    if not statements:
        return [False, "has no statement"]
    for statement in statements:
        if isinstance(statement, sqlglot.exp.Command):
            return [None, f"{str(statement.this).upper()} statements are not read"]
        if not _is_statement(sqlglot.exp, statement):
            return [False, "text that is not a statement"]
    return [True, ""]


def _is_statement(exp: Any, statement: Any) -> bool:
    """sqlglot reads an expression by itself as well, and so takes a sentence for a name with an alias."""
    if isinstance(statement, exp.Query | exp.Values):
        return True
    return not isinstance(statement, exp.Condition | exp.Alias | exp.Aliases | exp.Tuple | exp.Table | exp.Identifier)


def _load_sql(question: dict[str, Any]) -> Any:
    sqlglot = importlib.import_module("sqlglot")
    sqlglot.parse_one("SELECT 1", read=question["dialect"] or None)
    return sqlglot


def is_code(question: dict[str, Any]) -> Answer:
    text = question["text"]
    if question["language"] == "python":
        return _is_python(text)
    if question["language"] == "json":
        verdict, words = is_json(question)
        return [verdict, words.removeprefix("is not JSON: ")]
    parser = _loaded["code", question["module"], question["function"]]
    source = text.encode("utf-8", "replace")
    root = parser.parse(source).root_node
    if not root.has_error:
        return [True, ""]
    return [False, _first_error(root, source)]


def _is_python(text: str) -> Answer:
    try:
        ast.parse(text)
    except SyntaxError as error:
        return [False, f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)]
    except ValueError as error:
        return [False, str(error)]
    except (RecursionError, MemoryError):
        return [None, "is nested too deeply to be read"]
    return [True, ""]


def _first_error(root: Any, source: bytes) -> str:
    node = root
    while not (node.is_error or node.is_missing):
        worse = next((child for child in node.children if child.has_error or child.is_missing), None)
        if worse is None:
            break
        node = worse
    line = f"line {node.start_point[0] + 1}"
    if node.is_missing:
        return f"{line}: “{node.type}” is missing"
    around = source[node.start_byte : min(node.end_byte, node.start_byte + 40)].decode("utf-8", "replace")
    return f"{line}: is not understood at “{' '.join(around.split())}”"


def _load_code(question: dict[str, Any]) -> Any:
    if not question["module"]:
        return None
    tree_sitter = importlib.import_module("tree_sitter")
    grammar = getattr(importlib.import_module(question["module"]), question["function"])
    return tree_sitter.Parser(tree_sitter.Language(grammar()))


_CODE = re.compile(r"(?m)^[ \t]*(```|~~~)[^\n]*\n(?:(?![ \t]*\1)[^\n]*\n?)*(?:[ \t]*\1[^\n]*)?")
_INLINE = re.compile(r"`[^`\n]*`")
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+|\S+@\S+")
_QUOTED = re.compile(r"“[^”„“]{0,300}”|„[^“„]{0,300}[“”]|«[^»«]{0,300}»|\"[^\"]{0,300}\"")
# With fewer letters outside of quotations, the quotations are what the answer consists of.
_LETTERS = 20
_SEEN_BY_DETECTOR = 20_000
# Measured on short answers in twenty languages: with these, none was wrong, and one in eight was not told.
_SURE, _SURE_OF_ANOTHER = 0.5, 0.6
# What the detector tells apart and a check need not: Wu and Cantonese, the two written Norwegians, and dialects of
# languages that it often takes for them.
_SAME = {"wuu": "zh", "yue": "zh", "nb": "no", "nn": "no", "oc": "", "lij": "", "ext": "", "zxx": ""}


def language(question: dict[str, Any]) -> Answer:
    """`[true or false or null, the most likely language]`; empty where there is nothing to tell it by."""
    text = question["text"][:_SEEN_BY_DETECTOR]
    for what in (_CODE, _INLINE, _ADDRESS):
        text = what.sub(" ", text)
    own = _QUOTED.sub(" ", text)
    text = own if sum(map(str.isalpha, own)) >= _LETTERS else text
    if not any(map(str.isalpha, text)):
        return [None, ""]
    shares: dict[str, float] = {}
    for told, share in _loaded["language"].rank(text):
        code = _SAME.get(told, told)
        shares[code] = shares.get(code, 0.0) + float(share)
    best = max(shares, key=lambda code: shares[code])
    if best == question["value"]:
        return [True if shares[best] >= _SURE else None, best]
    return [False if best and shares[best] >= _SURE_OF_ANOTHER else None, best]


def _load_language(_: dict[str, Any]) -> Any:
    langid = importlib.import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


_LOAD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "json_schema": _load_json_schema,
    "similar": _load_similar,
    "sql": _load_sql,
    "code": _load_code,
    "language": _load_language,
}
_DO: dict[str, Callable[[dict[str, Any]], Answer]] = {
    "pattern": matches,
    "json": is_json,
    "json_schema": conforms,
    "similar": similar,
    "sql": is_sql,
    "code": is_code,
    "language": language,
}
_loaded: dict[Any, Any] = {}


def _load(question: dict[str, Any]) -> None:
    kind = question["do"]
    key = (kind, question["module"], question["function"]) if kind == "code" else kind
    _loaded[key] = _LOAD[kind](question)


def _answered(question: dict[str, Any]) -> Answer:
    try:
        if question.pop("load", False):
            _load(question)
            return [True, ""]
        # The signal ends this process wherever it is, also within a library that does not return to Python.
        signal.setitimer(signal.ITIMER_PROF, question["time_limit_s"])
        return _DO[question["do"]](question)
    except MemoryError:
        return ["error", "needs too much memory"]
    except ImportError as error:
        return ["error", f"cannot be loaded: {error}"]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> None:
    # Before anything is loaded that asks: each thread of numpy's would reserve memory of its own.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if sys.platform == "linux":  # macOS has the limit, but refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # A number of any length is JSON; how long reading it may take is limited for all.
    sys.set_int_max_str_digits(0)
    warnings.simplefilter("ignore")
    logging.disable()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        verdict, words = _answered(json.loads(line))
        sys.stdout.write(json.dumps([verdict, str(words)[:_WORDS]]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
