"""A policy as text, JSON or YAML, and back. Pure. Whether the text is a policy is decided by `routing.policy.parse`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import yaml

from arena.strict_text import StrictTextError, read_json, read_yaml

__all__ = ["FORMS", "LONGEST", "Form", "PolicyTextError", "form_of", "read_text", "write_text"]

Form = Literal["json", "yaml"]
FORMS: tuple[Form, ...] = ("json", "yaml")
# Characters; a policy for a thousand categories has fewer.
LONGEST = 1_000_000
_NESTING = 32


class PolicyTextError(ValueError):
    """The text is neither JSON nor YAML; the message names the place and what to write."""


def read_text(text: str) -> Any:
    """JSON if it begins with a brace, else YAML."""
    text = text.removeprefix("\ufeff")
    read = read_json if form_of(text) == "json" else read_yaml
    try:
        return read(text, nesting=_NESTING, longest=LONGEST)
    except StrictTextError as error:
        raise PolicyTextError(f"The policy {error}") from None


def form_of(text: str) -> Form:
    # YAML writes {a: 1} too, but a policy that begins so is meant as JSON.
    return "json" if text.removeprefix("\ufeff").lstrip().startswith("{") else "yaml"


def write_text(document: Mapping[str, Any], form: Form) -> str:
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)
