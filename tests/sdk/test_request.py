"""What a caller says reaches the conditions of routes; what a caller leaves out makes none of them hold."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from arena_routing import Router
from arena_routing._request import RouteRequest
from arena_routing._selection import BUDGETS, CONDITIONS
from tests.sdk import test_same_as_arena
from tests.sdk.arena_double import SHARED, Arena

# Everything a caller can say, and the condition that it meets.
SAID: dict[str, tuple[Any, dict[str, Any]]] = {
    "prompt": ("x", {"prompt_chars_lt": 2}),
    "messages": ([{"role": "user", "content": "x"}], {"prompt_chars_lt": 2}),
    "prompt_tokens": (1, {"prompt_tokens_lt": 2}),
    "complexity": ("complex", {"complexity": "complex"}),
    "needs": (["json"], {"needs": ["json"]}),
    "local_only": (True, {"local_only": True}),
    "max_ttft_ms": (1, {"max_ttft_ms": 1}),
    "max_latency_ms": (1, {"max_latency_ms": 1}),
    "max_usd": (1, {"max_usd": 1}),
    "reasoning": (False, {"reasoning": False}),
    "label": ("", {"label": ""}),
}


def test_every_argument_reaches_its_condition(arena: Arena, make_router: Callable[..., Router]):
    whens = {str(when): when for _, when in SAID.values()} | {"otherwise": {}}
    able = SHARED["table"]["models"]["home"] | {"locality": "local", "capabilities": ["json"]}
    routes = [{"id": name, "when": when, "primary": "able"} for name, when in whens.items()]
    arena.publish(1, models={"able": able}, categories={}, default={"candidates": [], "routes": routes})
    router = make_router()
    assert router.route("code").route_id == "otherwise"
    for name, (value, when) in SAID.items():
        assert router.route("code", **{name: value}).route_id == str(when), name


def test_these_tests_cover_every_argument_and_every_condition():
    said = {name: field.default for name, field in inspect.signature(Router.route).parameters.items() if name != "self"}
    stored = {field.name: field.default for field in fields(RouteRequest) if field.init}
    differing = {"category": None, "needs": None}
    assert said | differing == stored | differing
    assert set(SAID) == set(stored) - {"category"}
    assert {name for _, when in SAID.values() for name in when} == set(CONDITIONS)
    assert set(test_same_as_arena.CONDITIONS) == set(CONDITIONS) | {"phase_of_moon"}
    assert set(BUDGETS) <= set(CONDITIONS)
