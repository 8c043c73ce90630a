"""How long the client takes for a decision in memory, beside Arena's own selection on the same table as fetched.

A table of 50 categories with 20 candidates each; requests of several kinds, spread over the categories. Each figure is
the median of single calls; the two sides take turns of 500, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sdk" / "src"))

import httpx

from arena_routing import Router
from routing.publishing.selection import Ask, select

CATEGORIES, CANDIDATES = 50, 20
TURNS, CALLS = 40, 500
PROMPT = "Refactor this module, keep its constraints, and explain why each step is safe. " * 12
PROSE = "The quick brown fox jumps over the lazy dog while nobody looks at it. " * 14
REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "a category, nothing else": {},
    "a prompt of 950 characters to be measured": {"prompt": PROMPT},
    "one without any marker of work": {"prompt": PROSE},
    "needs and a budget": {"needs": {"tools"}, "max_ttft_ms": 700},
    "three budgets, a need, a prompt": {
        "prompt": PROMPT,
        "needs": {"json"},
        "max_ttft_ms": 600,
        "max_latency_ms": 4000,
        "max_usd": 0.004,
    },
    "local only": {"local_only": True},
    "a budget that nobody keeps": {"max_latency_ms": 1},
}


def table() -> dict[str, Any]:
    draw = random.Random(20261101)
    slugs = [f"model-{n:02}" for n in range(CANDIDATES)]

    def candidate(slug: str) -> dict[str, Any]:
        first, whole = draw.uniform(200, 900), draw.uniform(900, 6000)
        return {
            "model": slug,
            "n": 400,
            "usd_per_success": draw.uniform(0.0005, 0.01),
            "ttft_ms": {"p50": first / 2, "p95": first, "n": 400},
            "latency_ms": {"p50": whole / 2, "p95": whole, "n": 400},
        }

    def route(name: str, when: Mapping[str, Any]) -> dict[str, Any]:
        primary, *fallbacks = draw.sample(slugs, 4)
        return {"id": name, "when": when, "primary": primary, "fallbacks": fallbacks, "escalate_to": slugs[0]}

    def category(slug: str) -> dict[str, Any]:
        routes = [
            route(f"{slug}-private", {"local_only": True, "label": "sensitive"}),
            route(f"{slug}-fast", {"max_ttft_ms": 500}),
            route(f"{slug}-short", {"prompt_tokens_lt": 200}),
            route(f"{slug}-simple", {"complexity": "simple"}),
            route(slug, {}),
        ]
        return {"basis": "votes", "leaderboard": None, "candidates": [*map(candidate, slugs)], "routes": routes}

    return {
        "schema": "routing-table/v1",
        "version": 1,
        "published_at": "2026-11-01T00:00:00Z",
        "expires_at": "2999-01-01T00:00:00Z",
        "on_expired": "use_last_good",
        "complexity": {"method": "length-and-markers/1", "medium_from": 0.35, "complex_from": 0.7},
        "models": {
            slug: {
                "provider": f"provider-{n % 4}",
                "model_name": slug,
                "base_url": "https://models.example/v1",
                "settings": {},
                "locality": "local" if n % 5 == 0 else "hosted",
                "capabilities": ["tools", "json"] if n % 3 else ["json"],
            }
            for n, slug in enumerate(slugs)
        },
        "categories": {f"category-{n:02}": category(f"category-{n:02}") for n in range(CATEGORIES)},
        "default": {"candidates": [*map(candidate, slugs)], "routes": [route("default", {})]},
    }


def microseconds(*sides: Callable[[str], object]) -> list[float]:
    """The median call of each side, over all the categories."""
    taken: list[list[int]] = [[] for _ in sides]
    for _ in range(TURNS):
        for side, times in zip(sides, taken, strict=True):
            for n in range(CALLS):
                category = f"category-{n % CATEGORIES:02}"
                began = time.perf_counter_ns()
                side(category)
                times.append(time.perf_counter_ns() - began)
    return [statistics.median(times) / 1000 for times in taken]


def main() -> None:
    document = table()
    body = json.dumps(document).encode()
    now = datetime.now(UTC)

    class Arena(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=httpx.ByteStream(body))

    with Router("http://arena", verify_signatures=False, report_outcomes=False, transport=Arena) as router:
        print(f"{'a decision, ' + f'{CATEGORIES} categories × {CANDIDATES} candidates':<48} {'client':>9}  peer")
        for name, request in REQUESTS.items():
            wishes = dict(request)
            asked = wishes | {"needs": frozenset(wishes.get("needs", ()))}
            ours, peer = microseconds(
                lambda category, wishes=wishes: router.route(category, **wishes),
                lambda category, asked=asked: select(document, Ask(category, **asked), now=now),
            )
            peer_said = f"routing.selection on the table as fetched: {peer:,.0f} µs, {peer / ours:.1f} times as long"
            print(f"{name:<48} {ours:>6.1f} µs  {peer_said}")


if __name__ == "__main__":
    main()
