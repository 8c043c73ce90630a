"""Fields of a document from outside, by the type they should have; anything else counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["object_in", "objects_in", "text_in"]


def text_in(document: Mapping[str, Any], name: str) -> str:
    found = document.get(name)
    return found if isinstance(found, str) else ""


def object_in(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def objects_in(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Those members of a list that are objects."""
    found = document.get(name)
    return [member for member in found if isinstance(member, dict)] if isinstance(found, list) else []
