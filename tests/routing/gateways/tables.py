"""Tables for the tests of exports: one of our own writing, and random ones with requests to go with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from routing.publishing.document import serialise
from routing.publishing.selection import Ask, complexity_of, estimate_tokens

NOTHING_MEASURED: Mapping[str, Any] = {
    "rating": None,
    "ci95": None,
    "p_best": None,
    "both_bad_rate": None,
    "n": 0,
    "success_rate": None,
    "success_basis": None,
    "schema_ok_rate": None,
    "error_rate": None,
    "refusal_rate": None,
    "ttft_ms": {"p50": None, "p95": None, "n": 0},
    "latency_ms": {"p50": None, "p95": None, "n": 0},
    "usd_per_success": None,
    "tokens_per_second": None,
}


def model(provider: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "provider": provider,
        "model_name": name,
        "base_url": f"https://{provider}.example/v1",
        "settings": {},
        "locality": "hosted",
        "tier": 1,
        "capabilities": [],
        "context_tokens": None,
        "usd_per_mtok": {"input": None, "output": None},
    } | more


def seen(slug: str, **more: Any) -> dict[str, Any]:
    return {"model": slug, **NOTHING_MEASURED, **more}


def route(route_id: str, primary: str, *fallbacks: str, when: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "id": route_id,
        "when": when or {},
        "primary": primary,
        "fallbacks": list(fallbacks),
        "reason": "Set by policy 7.",
        "since_version": 31,
    } | more


def table(models: Any, categories: Mapping[str, list[Any]], default: list[Any], **more: Any) -> dict[str, Any]:
    """`categories` and `default` are routes; nothing is measured unless `more` says otherwise."""
    candidates = [seen(slug) for slug in models]
    made = {
        "schema": "routing-table/v1",
        "version": 42,
        "previous": 41,
        "published_at": "2026-11-22T09:12:00Z",
        "expires_at": "2026-11-29T09:12:00Z",
        "on_expired": "use_last_good",
        "cause": "switched",
        "decision_digest": "sha256:" + "d" * 64,
        "policy": {"version": 7, "sha256": "e" * 64},
        "prices": {"source": "contenders", "as_of": "2026-11-22T09:12:00Z", "sha256": "f" * 64},
        "complexity": {"method": "length-and-markers/1", "medium_from": 0.35, "complex_from": 0.7},
        "models": models,
        "categories": {
            slug: {"basis": "votes", "leaderboard": None, "candidates": candidates, "routes": routes}
            for slug, routes in categories.items()
        },
        "default": {"candidates": candidates, "routes": default},
    }
    return made | more


def body(document: Mapping[str, Any]) -> bytes:
    return serialise(document).data


# Two at OpenRouter, one at home, one of which only the answers are known.
SAMPLE = table(
    {
        "gpt-x": model(
            "openrouter",
            "openai/gpt-x",
            base_url="https://openrouter.ai/api/v1",
            settings={"temperature": 0.2, "provider": {"data_collection": "deny"}},
            capabilities=["tools", "json"],
            context_tokens=128000,
            usd_per_mtok={"input": 0.4, "output": 1.6},
        ),
        "gpt-x-terse": model(
            "openrouter",
            "openai/gpt-x",
            base_url="https://openrouter.ai/api/v1/",
            settings={"temperature": 0.2, "system": "Be terse."},
            capabilities=["tools", "json"],
        ),
        "home": model(
            "lm-studio", "qwen", base_url="http://127.0.0.1:1234/v1", locality="local", capabilities=["json"]
        ),
        "elsewhere": model("imported", "elsewhere", base_url=""),
    },
    {
        "code": [
            route("code-private", "home", when={"local_only": True, "label": "sensitive"}),
            route("code-fast", "home", when={"needs": ["json"]}),
            route("code", "gpt-x", "gpt-x-terse", "home", escalate_to="gpt-x-terse"),
        ],
        "poetry": [route("poetry", "elsewhere", "gpt-x")],
    },
    [route("default", "home", "gpt-x")],
)

# One route and its fallback at home.
SHORT = table(
    {
        "big": model("one", "big-1", capabilities=["json"], settings={"temperature": 0.2, "system": "Be terse."}),
        "home": model("lm-studio", "qwen", base_url="http://10.0.0.5:1234/v1", locality="local"),
    },
    {"code": [route("code", "big", "home")]},
    [],
)

_WORDS = ("tools", "json", "c++")
_LABELS = ("sensitive", "bulk", 'a "b"')
_BUDGETS = st.sampled_from([100, 250.5, 500, 900])
_USD = st.sampled_from([0.0, 0.001, 0.25])
# What each format can say, what only some can, and what none can.
_SETTINGS = st.sampled_from(
    [{}, {"temperature": 0.2}, {"temperature": 3.5}, {"top_k": 5}, {"system": "Be terse."}, {"user": "os.environ/HOME"}]
)
_ADDRESSES = st.sampled_from(["https://openrouter.ai/api/v1", "http://10.0.0.5:8000/v1", "http://[::1]:8000/v1", ""])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Any shape a published table may have, with figures on both sides of every budget."""
    models = {}
    for slug in draw(st.sampled_from([("a",), ("a", "b"), ("a", "b", "code"), ("a", "b", "c@2", "d")])):
        models[slug] = model(
            draw(st.sampled_from(["one", "lm-studio", "lm_studio"])),
            f"{slug}-1",
            base_url=draw(st.one_of(st.just("https://one.example/v1"), _ADDRESSES)),
            locality=draw(st.sampled_from(["local", "hosted"])),
            capabilities=draw(st.lists(st.sampled_from(_WORDS), unique=True)),
            settings=draw(st.one_of(st.just({}), _SETTINGS)),
        )
    categories = draw(st.lists(st.sampled_from(["code", "chat"]), unique=True))
    routes = {slug: _routes(draw, slug, models, at_least=1) for slug in categories}
    made = table(models, routes, _routes(draw, "default", models, at_least=0))
    for entry in (*made["categories"].values(), made["default"]):
        entry["candidates"] = [_measured(draw, slug) for slug in models]
    return made


def _routes(draw: st.DrawFn, prefix: str, models: Any, *, at_least: int) -> list[Any]:
    made = []
    for n in range(draw(st.integers(at_least, 3))):
        named = draw(st.lists(st.sampled_from(sorted(models)), unique=True, min_size=1))
        when = draw(_WHEN)
        escalate = draw(st.one_of(st.none(), st.sampled_from(sorted(models))))
        more = {"escalate_to": escalate} if escalate else {}
        made.append(route(f"{prefix}-{n}" if n else prefix, *named, when=when, **more))
    return made


_WHEN = st.fixed_dictionaries(
    {},
    optional={
        "max_ttft_ms": _BUDGETS,
        "max_latency_ms": _BUDGETS,
        "max_usd": _USD,
        "local_only": st.booleans(),
        "needs": st.lists(st.sampled_from(_WORDS), unique=True),
        "prompt_chars_lt": st.sampled_from([5, 120]),
        "prompt_tokens_lt": st.sampled_from([5, 120]),
        "complexity": st.sampled_from(["simple", "medium"]),
        "reasoning": st.booleans(),
        "label": st.sampled_from(_LABELS),
        "phase_of_moon": st.just("full"),
    },
).flatmap(lambda when: st.one_of(st.just({}), st.just(dict(list(when.items())[:2])), st.just(when)))


def _measured(draw: st.DrawFn, slug: str) -> dict[str, Any]:
    ttft, latency = (
        {"p50": 50, "p95": draw(st.one_of(st.none(), _BUDGETS)), "n": draw(st.sampled_from([19, 20]))} for _ in range(2)
    )
    usd = draw(st.one_of(st.none(), _USD))
    return seen(slug, n=draw(st.sampled_from([0, 19, 20])), ttft_ms=ttft, latency_ms=latency, usd_per_success=usd)


ASKS = st.builds(
    Ask,
    category=st.sampled_from(["code", "chat", "unheard-of"]),
    prompt=st.sampled_from([None, "", "Hi", "Hello", "Refactor and debug this, then prove it step by step." * 4]),
    needs=st.frozensets(st.sampled_from((*_WORDS, "audio")), max_size=2),
    local_only=st.booleans(),
    max_ttft_ms=st.one_of(st.none(), _BUDGETS),
    max_latency_ms=st.one_of(st.none(), st.none(), _BUDGETS),
    max_usd=st.one_of(st.none(), st.none(), _USD),
    prompt_tokens=st.sampled_from([None, None, 3, 120]),
    complexity=st.sampled_from([None, None, "simple", "complex"]),
    reasoning=st.sampled_from([None, True, False]),
    label=st.sampled_from([None, *_LABELS]),
)


def metadata(ask: Ask, document: Mapping[str, Any]) -> dict[str, str]:
    """What a caller of Portkey's gateway says for `ask`, as docs/exports.md has it: texts, and nothing unsaid."""
    said: dict[str, Any] = {
        "category": ask.category,
        "label": ask.label,
        "local_only": "true" if ask.local_only else None,
        "needs": ",".join(sorted(ask.needs)) or None,
        "reasoning": None if ask.reasoning is None else str(ask.reasoning).lower(),
        "complexity": ask.complexity,
        "prompt_tokens": ask.prompt_tokens,
        "max_ttft_ms": ask.max_ttft_ms,
        "max_latency_ms": ask.max_latency_ms,
        "max_usd": ask.max_usd,
    }
    texts = ask.texts
    if texts is not None:
        said["prompt_chars"] = sum(map(len, texts))
        if ask.prompt_tokens is None:
            said["prompt_tokens"] = estimate_tokens(texts)
        if ask.complexity is None and document["complexity"]["method"] == "length-and-markers/1":
            said["complexity"] = complexity_of(texts, document["complexity"])
    return {name: str(value) for name, value in said.items() if value is not None}
