"""For any table and request, the client decides and estimates as Arena's own selection does."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_routing import NoEligibleModel, TableExpired
from arena_routing._document import read_document
from arena_routing._request import RouteRequest, Thresholds, complexity_of, estimate_tokens
from arena_routing._selection import compile_table
from routing.publishing import selection
from routing.publishing.schema import table_schema
from tests.sdk.arena_double import SHARED

T = TypeVar("T")
SLUGS = ("a", "b", "c", "d", "e")
CATEGORIES = ("code", "chat")
CAPABILITIES = ("tools", "json", "vision")
EXPIRES = datetime(2026, 11, 29, 9, 12, tzinfo=UTC)
# Few values, so that budgets, conditions and evidence are often equal.
FIGURES = (100, 250.5, 500, 1000)
USD = (0, 0.001, 0.01, 0.5)
CONDITIONS: dict[str, tuple[Any, ...]] = {
    "max_ttft_ms": FIGURES,
    "max_latency_ms": FIGURES,
    "max_usd": USD,
    "local_only": (True, False),
    "needs": ([], ["tools"], ["json", "vision"]),
    "prompt_chars_lt": (1, 5, 12, 4000),
    "prompt_tokens_lt": (1, 3, 4, 1000),
    "complexity": ("simple", "medium", "complex"),
    "reasoning": (True, False),
    "label": ("sensitive", "bulk"),
    "phase_of_moon": ("full",),
}
# Pieces of markers, whole and broken, and letters that lower() and the expression treat differently.
PIECES = (
    *("prove ", "step by step", " by step", "edge cases", "trade-offs", "tradeoff", "analyse", "optimize", "class"),
    *("select", "SELECT ", "```", "`", "$$", "$", "_", "é", "de\u017fign", "\u0130", "ma\u212be", "\u0131", "x" * 700),
    *("explain why", "Compare,", "constraint", "\u00a0", "\n", " ", "architecture\u0301", "\U0001f642", "debug", "def"),
)


class Draw(Random):
    """Random tables and requests, the same ones each time."""

    def some(self, values: Sequence[T]) -> T | None:
        return self.choice([None, *values])

    def part(self, values: Sequence[T], at_least: int = 0) -> list[T]:
        return self.sample(values, self.randint(at_least, len(values)))

    def text(self) -> str:
        return "".join(self.choices(PIECES, k=self.randrange(6)))

    def model(self) -> dict[str, Any]:
        card = SHARED["table"]["models"]["big"]
        return card | {"locality": self.choice(("local", "hosted")), "capabilities": self.part(CAPABILITIES)}

    def candidates(self) -> list[dict[str, Any]]:
        known = SHARED["table"]["default"]["candidates"][0]

        def spread() -> dict[str, Any]:
            return {"p50": None, "p95": self.some(FIGURES), "n": self.choice((0, 19, 20, 400))}

        return [
            known
            | {"model": slug, "ttft_ms": spread(), "latency_ms": spread(), "usd_per_success": self.some(USD)}
            | self.choice(({}, {"n": 0}, {"n": 19}, {"n": 20}))
            for slug in self.part(SLUGS)
        ]

    def routes(self, name: str, at_least: int) -> list[dict[str, Any]]:
        made = []
        for n in range(self.randint(at_least, 4)):
            primary, *fallbacks = self.part(SLUGS, 1)
            keys = self.sample(list(CONDITIONS), self.choice((0, 1, 1, 2)))
            route = {
                "id": f"{name}-{n}",
                "when": {key: self.choice(CONDITIONS[key]) for key in keys},
                "primary": primary,
                "fallbacks": fallbacks,
                "reason": self.choice(("", "Best by votes.")),
                "since_version": 1,
            }
            made.append(route | self.choice(({}, {"escalate_to": self.choice(SLUGS)})))
        return made

    def table(self) -> dict[str, Any]:
        return SHARED["table"] | {
            "on_expired": self.choice(("use_last_good", "use_default", "refuse")),
            "complexity": {
                "method": self.choice(("length-and-markers/1", "length-and-markers/2")),
                "medium_from": self.choice((0.1, 0.35)),
                "complex_from": self.choice((0.35, 0.7)),
            },
            "models": {slug: self.model() for slug in SLUGS},
            "categories": {
                slug: {
                    "basis": "votes",
                    "leaderboard": None,
                    "candidates": self.candidates(),
                    "routes": self.routes(slug, 1),
                }
                for slug in self.part(CATEGORIES)
            },
            "default": {"candidates": self.candidates(), "routes": self.routes("default", 0)},
        }

    def message(self) -> dict[str, Any]:
        parts = [self.choice(({"type": "text", "text": self.text()}, {"type": "image"})) for _ in range(2)]
        return {"role": "user", "content": self.choice((self.text(), None, parts))}

    def ask(self) -> dict[str, Any]:
        return {
            "category": self.choice((*CATEGORIES, "poetry")),
            "prompt": self.choice((None, self.text())),
            "messages": self.choice((None, [self.message() for _ in range(self.randrange(3))])),
            "needs": frozenset(self.choice(([], [], ["tools"], ["json"], ["tools", "vision"], ["audio"]))),
            "local_only": self.choice((True, False, False)),
            "max_ttft_ms": self.some((*FIGURES, 1, 99_999)),
            "max_latency_ms": self.some((*FIGURES, 1, 99_999, math.nan)),
            "max_usd": self.some((*USD, 9)),
            "prompt_tokens": self.some((0, 2, 3, 4, 5000)),
            "complexity": self.some(("simple", "medium", "complex")),
            "reasoning": self.some((True, False)),
            "label": self.some(("sensitive", "bulk", "")),
        }


FIELDS = [name for name in selection.Selection.__dataclass_fields__ if name != "target"]


@pytest.mark.parametrize("seed", range(10))
def test_the_client_decides_as_arena_does(seed: int):
    draw, decided = Draw(seed), 0
    for _ in range(60):
        table = draw.table()
        compiled = compile_table(read_document(json.dumps(table).encode()))
        for _ in range(20):
            ask, now = draw.ask(), EXPIRES + timedelta(seconds=draw.choice((-1, 0, 1)))
            try:
                theirs = selection.select(table, selection.Ask(**ask), now=now)
            except selection.NoEligibleModel as error:
                why = str(error)
                with pytest.raises(NoEligibleModel) as refused:
                    compiled.choose(RouteRequest(**ask), now.timestamp())
                # Of an expired table only the client says why it may have no newer one.
                assert isinstance(refused.value, TableExpired) or str(refused.value) == why
                continue
            ours = compiled.choose(RouteRequest(**ask), now.timestamp())
            assert {name: getattr(ours, name) for name in FIELDS} == {name: getattr(theirs, name) for name in FIELDS}
            assert ours.target == theirs.target
            decided += 1
    assert decided > 300


def test_the_drawn_tables_are_valid():
    validator = jsonschema.Draft202012Validator(table_schema())
    draw = Draw(0)
    for _ in range(20):
        validator.validate(draw.table())


texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8).map("".join)


@settings(max_examples=200)
@given(st.lists(texts, max_size=3), st.sampled_from((0.1, 0.35)), st.sampled_from((0.35, 0.7)))
def test_the_client_estimates_as_arena_does(given_texts: list[str], medium_from: float, complex_from: float):
    thresholds = {"medium_from": medium_from, "complex_from": complex_from}
    assert complexity_of(given_texts, Thresholds(**thresholds)) == selection.complexity_of(given_texts, thresholds)
    tokens = selection.estimate_tokens(given_texts)
    assert estimate_tokens(given_texts) == tokens
    for value in (tokens, tokens + 1, tokens + 0.5, 0, 7):
        request = RouteRequest("code", messages=[{"content": text} for text in given_texts])
        assert request.has_fewer_tokens_than(value) == (tokens < value)


def test_the_client_reads_the_same_texts():
    draw = Draw(1)
    for _ in range(500):
        prompt, messages = draw.ask()["prompt"], draw.ask()["messages"]
        assert (
            RouteRequest("code", prompt=prompt, messages=messages).texts
            == selection.Ask("code", prompt=prompt, messages=messages).texts
        )
