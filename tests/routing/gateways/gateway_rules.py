"""Portkey's conditional routing, written from its source: the gateway that `test_portkey_gateway.py` runs is what it
is held against."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_NUMBER = re.compile(r"\s*([+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))")


class Refused(Exception):  # noqa: N818 (what happened, not what went wrong)
    """The gateway answers 400: no condition held, and there is no default."""


def resolve(config: Mapping[str, Any], metadata: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """The targets asked, one after the other, while each fails."""
    mode = config.get("strategy", {}).get("mode", "single")
    if mode == "single":
        return [config]
    if mode == "fallback":
        return [asked for target in config["targets"] for asked in resolve(target, metadata)]
    assert mode == "conditional"
    named = next(
        (one["then"] for one in config["strategy"]["conditions"] if _holds(one["query"], metadata)),
        config["strategy"].get("default"),
    )
    if named is None:
        raise Refused
    return resolve(next(target for target in config["targets"] if target["name"] == named), metadata)


def _holds(query: Mapping[str, Any], metadata: Mapping[str, str]) -> bool:
    for key, value in query.items():
        if key == "$or":
            return any(_holds(one, metadata) for one in value)
        if key == "$and":
            return all(_holds(one, metadata) for one in value)
        where, _, name = key.partition(".")
        assert where == "metadata"
        if not all(_operator(op, metadata.get(name), against) for op, against in value.items()):
            return False
    return True


def _operator(op: str, value: str | None, against: Any) -> bool:
    match op:
        case "$eq":
            return value == against
        case "$in":
            return value in against
        case "$lt":
            return _float(value) < against
        case "$lte":
            return _float(value) <= against
        case "$gte":
            return _float(value) >= against
        case "$regex":
            return re.search(against, "undefined" if value is None else value) is not None
    raise AssertionError(op)


def _float(value: str | None) -> float:
    found = _NUMBER.match(value or "")
    return float(found[1]) if found else math.nan


def models(targets: Sequence[Mapping[str, Any]]) -> list[str]:
    return [target["override_params"]["model"] for target in targets]
