"""What two policies say otherwise, field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from routing.policy.parse import in_present_words

__all__ = ["PolicyChange", "policy_diff"]


class PolicyChange(NamedTuple):
    """`place` is `every_category`, a category's slug after `categories.`, or "" for the whole; None is not said."""

    place: str
    field: str
    before: Any
    after: Any


def policy_diff(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[PolicyChange]:
    """Of two documents as they are stored. Routes are compared by their names, so that one put in front is one change;
    their order is a field of its own."""
    before, after = (dict(_leaves(in_present_words(one))) for one in (older, newer))
    # In the order in which the policies themselves have them.
    keys = dict.fromkeys([*before, *after])
    return [PolicyChange(*key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def _leaves(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for name, value in document.items():
        if name == "every_category":
            yield from _of_place(name, value)
        elif name == "categories":
            for slug, given in value.items():
                yield from _of_place(f"categories.{slug}", given)
        elif name == "default":
            yield from _routes("", value, "default route")
        else:
            yield from _flat("", name, value)


def _of_place(place: str, rules: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for name, value in rules.items():
        if name == "routes":
            yield from _routes(place, value, "route")
        else:
            yield from _flat(place, name, value)


def _routes(place: str, routes: list[Mapping[str, Any]], word: str) -> Iterator[tuple[tuple[str, str], Any]]:
    names = [str(route.get("name") or "") for route in routes]
    if len(names) > 1:
        yield (place, f"order of {word}s"), [name or "(unnamed)" for name in names]
    for name, route in zip(names, routes, strict=True):
        called = f"{word} {name}".strip()
        # An empty one is there, too, and always holds.
        yield (place, f"{called}: when"), dict(route.get("when") or {}) or "always"
        for field, value in route.items():
            if field not in ("name", "when"):
                yield from _flat(place, f"{called}: {field}", value)


def _flat(place: str, name: str, value: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(place, f"{name}.{key}", inner)
    elif value is not None and value != []:
        yield (place, name), value
