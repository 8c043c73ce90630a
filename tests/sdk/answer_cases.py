"""Run by a Python that has the wheel installed and nothing else of Arena: answers the shared cases.

Reads `{"selection", "estimates"}` from standard input and writes what the client makes of each case, by name; with it
where the package came from and which modules were loaded.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import httpx

import arena_routing
from arena_routing import NoEligibleModel, Router


def routers(table: dict[str, Any], now: list[float]) -> Router:
    body = json.dumps(table)
    return Router(
        "http://arena.test",
        verify_signatures=False,
        transport=lambda: httpx.MockTransport(lambda request: httpx.Response(200, content=body)),
        clock=lambda: now[0],
    )


def answer(router: Router, ask: dict[str, Any]) -> dict[str, Any]:
    try:
        decision = router.route(**ask)
    except NoEligibleModel:
        return {"error": "NoEligibleModel"}
    return {
        "model": decision.model,
        "fallbacks": list(decision.fallbacks),
        "route_id": decision.route_id,
        "escalate_to": decision.escalate_to,
        "unmet": list(decision.unmet),
        "stale": decision.stale,
        "reason": decision.reason,
        "table_version": decision.table_version,
        "target": dict(decision.target),
    }


def estimates(table: dict[str, Any], cases: dict[str, Any], now: list[float]) -> dict[str, Any]:
    """By routes that part the estimates: `complexity` through all three, tokens from both sides."""
    when = [{"complexity": name} for name in ("simple", "medium", "complex")]
    counts = sorted({case["tokens"] + more for case in cases["cases"] for more in (0, 1)})
    whens = [*when, *({"label": "tokens", "prompt_tokens_lt": count} for count in counts if count)]
    model = next(iter(table["models"]))
    routes = [{"id": json.dumps(one), "when": one, "primary": model} for one in whens]
    bare = table | {"complexity": {**table["complexity"], **cases["thresholds"]}, "categories": {}}
    answers = {}
    with (
        routers(bare | {"default": {"candidates": [], "routes": routes[:3]}}, now) as by_complexity,
        routers(bare | {"default": {"candidates": [], "routes": routes[3:]}}, now) as by_tokens,
    ):
        for case in cases["cases"]:
            messages = [{"role": "user", "content": piece * times} for piece, times in case["texts"]]
            told = by_complexity.route("x", messages=messages).route_id
            below = by_tokens.route("x", messages=messages, label="tokens").route_id
            answers[case["name"]] = {
                "complexity": json.loads(told)["complexity"],
                "fewest_not_below": json.loads(below)["prompt_tokens_lt"],
            }
    return answers


def main() -> None:
    given = json.load(sys.stdin)
    shared = given["selection"]
    now = [0.0]
    made: dict[str, Router] = {}
    answers = {}
    for case in shared["cases"]:
        table = shared["table"] | case.get("with", {})
        now[0] = datetime.fromisoformat(case.get("now", table["published_at"])).timestamp()
        key = json.dumps(case.get("with"))
        if key not in made:
            made[key] = routers(table, now)
        answers[case["name"]] = answer(made[key], case["ask"])
    told = estimates(shared["table"], given["estimates"], now)
    for router in made.values():
        router.close(timeout=0)
    json.dump(
        {
            "answers": answers,
            "estimates": told,
            "file": arena_routing.__file__,
            "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
