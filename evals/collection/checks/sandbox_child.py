"""The child process of `evals.collection.checks.sandbox`: answers questions on standard input until it closes.

Run by path in an isolated interpreter: imports nothing of Arena's, and reaches nothing but its own pipes.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from typing import Any

import jsonschema
from referencing import Registry

_MEMORY = 512 << 20


def matches(pattern: str, text: str, *, ignore_case: bool) -> list[Any]:
    try:
        return [re.search(pattern, text, re.IGNORECASE if ignore_case else 0) is not None, ""]
    except (re.error, RecursionError, OverflowError) as error:
        return [False, f"not a pattern: {error}"]


def conforms(schema: Any, document: Any) -> list[Any]:
    # An empty registry: a `$ref` to another document is an error, never a request.
    registry: Registry[Any] = Registry()
    try:
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        problem = jsonschema.exceptions.best_match(kind(schema, registry=registry).iter_errors(document))
    except jsonschema.exceptions.SchemaError as error:
        return [False, f"not a schema: {error.message}"[:300]]
    except MemoryError:
        raise
    except Exception as error:  # referencing has its own tree, and a bad schema must not end the child
        return [False, f"not a usable schema: {error}"[:300]]
    if problem is None:
        return [True, ""]
    return [False, f"{problem.json_path}: {problem.message}"[:300]]


def main() -> None:
    if sys.platform == "linux":  # macOS has the limit, but refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "pattern" in question:
                answer = matches(question["pattern"], question["text"], ignore_case=question["ignore_case"])
            else:
                answer = conforms(question["schema"], question["document"])
        except MemoryError:
            answer = [False, "needs too much memory"]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
