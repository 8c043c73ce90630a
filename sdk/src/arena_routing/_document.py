"""A routing table's document: parsed, and checked against the contract before anything relies on it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

from arena_routing._errors import Refused
from arena_routing._request import METHOD

__all__ = ["SCHEMA", "read_document"]

SCHEMA = "routing-table/v1"


def read_document(body: bytes) -> Mapping[str, Any]:
    """Raises Refused, whose message names the field that is wrong. Keys that are not known here are left alone, and so
    are the conditions of routes, which cannot do more harm than never to hold."""
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"It is not a JSON document ({error}).") from None
    table = _Node(document, "")
    schema = table["schema"].value
    if schema != SCHEMA:
        raise Refused(f"Its schema is {schema!r}, and this version knows {SCHEMA}. Update arena_routing.")
    version = table["version"].integer()
    if version < 1:
        raise Refused(f"version is {version}, but versions start at 1.")
    table["published_at"].time()
    table["expires_at"].time()
    table["on_expired"].one_of("use_last_good", "use_default", "refuse")
    _check_complexity(table["complexity"])
    for _, model in table["models"].entries():
        _check_model(model)
    groups = [table["default"], *(category for _, category in table["categories"].entries())]
    for group in groups:
        for candidate in group["candidates"].items():
            _check_candidate(candidate)
    _check_routes((route for group in groups for route in group["routes"].items()), table["models"].mapping())
    return table.mapping()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_complexity(complexity: _Node) -> None:
    if complexity["method"].text() == METHOD:
        complexity["medium_from"].number()
        complexity["complex_from"].number()


def _check_model(model: _Node) -> None:
    for name in ("provider", "model_name", "base_url"):
        model[name].text()
    model["locality"].one_of("local", "hosted")
    model["settings"].mapping()
    for capability in model["capabilities"].items():
        capability.text()


def _check_candidate(candidate: _Node) -> None:
    candidate["model"].text()
    for spread in (candidate.get("ttft_ms"), candidate.get("latency_ms")):
        if spread is not None:
            _check_if_given(spread, "n", _Node.integer)
            _check_if_given(spread, "p95", _Node.number)
    _check_if_given(candidate, "n", _Node.integer)
    _check_if_given(candidate, "usd_per_success", _Node.number)


def _check_if_given(node: _Node, name: str, check: Callable[[_Node], object]) -> None:
    found = node.get(name)
    if found is not None:
        check(found)


def _check_routes(routes: Iterable[_Node], models: Mapping[str, Any]) -> None:
    """Rule 1: a route's id is unique in the table, or reported outcomes could not be told apart; and every model that
    a route names is there."""
    ids = set()
    for route in routes:
        name = route["id"].text()
        if name in ids:
            raise Refused(f"{route.path}.id is {name!r}, which is another route's id already.")
        ids.add(name)
        route["when"].mapping()
        _check_if_given(route, "reason", _Node.text)
        fallbacks, escalate_to = route.get("fallbacks"), route.get("escalate_to")
        named = [route["primary"], *(fallbacks.items() if fallbacks else ()), *([escalate_to] if escalate_to else ())]
        for model in named:
            if model.text() not in models:
                raise Refused(f"{model.path} names {model.value!r}, which is not among the table's models.")


class _Node:
    """A value, and its path in the document. Every method raises Refused with that path if the value is of another
    kind than asked for. A null counts as absent."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def __getitem__(self, name: str) -> _Node:
        found = self.get(name)
        return found if found is not None else self._refuse(f"lacks {name}")

    def get(self, name: str) -> _Node | None:
        value = self.mapping().get(name)
        return None if value is None else _Node(value, f"{self.path}.{name}" if self.path else name)

    def mapping(self) -> Mapping[str, Any]:
        return self.value if isinstance(self.value, dict) else self._refuse("is not an object")

    def entries(self) -> Iterator[tuple[str, _Node]]:
        return ((name, self[name]) for name in self.mapping())

    def items(self) -> list[_Node]:
        if not isinstance(self.value, list):
            self._refuse("is not a list")
        return [_Node(value, f"{self.path}[{at}]") for at, value in enumerate(self.value)]

    def text(self) -> str:
        return self.value if isinstance(self.value, str) else self._refuse("is not a string")

    def one_of(self, *names: str) -> str:
        text = self.text()
        return text if text in names else self._refuse(f"is {text!r}, not one of {', '.join(names)}")

    def integer(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self._refuse("is not an integer")
        return self.value

    def number(self) -> float:
        value = self.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < math.inf:
            self._refuse("is not a number")
        return value

    def time(self) -> datetime:
        try:
            time = datetime.fromisoformat(self.text())
        except ValueError:
            self._refuse("is not a time")
        return time if time.tzinfo is not None else self._refuse("has no time zone")

    def _refuse(self, what: str) -> NoReturn:
        raise Refused(f"{self.path or 'Its document'} {what}.")
