"""What is not a table that Arena signed, or is older than one seen before, is never used."""

from __future__ import annotations

import base64
import contextlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arena_routing import NoEligibleModel, Router
from arena_routing._document import read_document
from arena_routing._errors import Refused
from arena_routing._request import RouteRequest
from arena_routing._selection import compile_table
from tests.sdk.arena_double import SHARED, Arena, Signer, a_table

MakeRouter = Callable[..., Router]
# What is served, and its signature; None: the right one.
Forgery = tuple[bytes, str | None]

HELD = 42


def forgeries(signer: Signer) -> Iterator[Forgery]:
    """A thousand of all kinds, each a little different."""
    draw = random.Random(20261122)
    stranger, namesake = Signer("key-9"), Signer(signer.kid)
    held = a_table(HELD)
    genuine = signer.sign(held)
    newer = a_table(HELD + 1)
    for _ in range(300):
        yield _flipped(newer, draw), signer.sign(newer)
    for _ in range(150):
        yield newer[: draw.randrange(len(newer))], signer.sign(newer)
    for n in range(100):
        body = a_table(HELD + 1 + n)
        yield body, stranger.sign(body)
        yield body, namesake.sign(body)
    for _ in range(100):
        scheme, kid, encoded = signer.sign(newer).split(":")
        raw = _flipped(base64.b64decode(encoded), draw)
        yield newer, f"{scheme}:{kid}:{base64.b64encode(raw).decode()}"
    for version in range(1, HELD):
        yield a_table(version), None
    for n in range(100):
        yield a_table(HELD, cause=f"another-{n}"), None
    for n in range(59):
        yield newer + b" " * (n + 1), signer.sign(newer)
    for signature in (
        "",
        "ed25519",
        "ed25519::",
        f"ed25519:{signer.kid}:",
        f"rsa:{signer.kid}:AAAA",
        genuine,
        "," * 50,
    ):
        yield newer, signature
    for n in range(43):
        yield held[:-1] + b" " * (n + 1) + b"}", genuine


def _flipped(data: bytes, draw: random.Random) -> bytes:
    made = bytearray(data)
    made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)
    return bytes(made)


def test_none_of_a_thousand_forgeries_is_accepted(arena: Arena, make_router: MakeRouter):
    arena.publish(HELD)
    router = make_router()
    before = router.route("code")
    made = list(forgeries(arena.signer))
    assert len(made) == 1000
    for body, signature in made:
        arena.serve(body, signature=signature)
        assert not router.refresh()
        assert router.status().problem, f"{signature}: {body[-40:]!r}"
        assert router.route("code") == before
    assert len(arena.asked) == 1001
    assert set(arena.answered) == {200}
    arena.publish(HELD + 1)
    assert router.refresh()


def test_with_several_signatures_one_by_a_known_key_is_enough(arena: Arena, make_router: MakeRouter):
    body, old, new = a_table(1), arena.signer, Signer("key-2")
    arena.serve(body, signature=f"{new.sign(body)}, {old.sign(body)}")
    assert make_router().status().table_version == 1
    assert make_router(public_keys=new.jwk_set()).status().table_version == 1
    both = {"keys": [new.jwk(), old.jwk(), {"kty": "EC", "crv": "P-256", "kid": "other"}]}
    assert make_router(public_keys=both).status().table_version == 1
    unknown = make_router(public_keys=Signer("key-3").jwk_set())
    assert unknown.status().table_version is None
    assert "signed by key key-2, key-1, and public_keys has key-3" in unknown.status().problem


def _without(*path: str) -> dict[str, Any]:
    table = json.loads(json.dumps(SHARED["table"]))
    place = table
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return table


def _with(value: Any, *path: str | int) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(json.dumps(SHARED["table"]))
    place: Any = table
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return table


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "not a JSON"),
        (b"null", "is not an object"),
        (b"[]", "is not an object"),
        (b"{}", "lacks schema"),
        (b"\xff\xfe{}", "not a JSON"),
        (b"[" * 100_000, "not a JSON"),
        (json.dumps(_with("routing-table/v2", "schema")), "knows routing-table/v1"),
        (json.dumps(_with(float("nan"), "version")), "NaN is not a JSON number"),
        (json.dumps(_with(0, "version")), "start at 1"),
        (json.dumps(_with(True, "version")), "version is not an integer"),
        (json.dumps(_with("42", "version")), "version is not an integer"),
        (json.dumps(_without("expires_at")), "lacks expires_at"),
        (json.dumps(_with("soon", "expires_at")), "expires_at is not a time"),
        (json.dumps(_with("2026-11-29T09:12:00", "expires_at")), "expires_at has no time zone"),
        (json.dumps(_with("use_anything", "on_expired")), "on_expired is 'use_anything'"),
        (json.dumps(_with("cloud", "models", "big", "locality")), "models.big.locality is 'cloud'"),
        (json.dumps(_without("models", "big", "base_url")), "models.big lacks base_url"),
        (
            json.dumps(_with(["tools", 1], "models", "big", "capabilities")),
            "models.big.capabilities[1] is not a string",
        ),
        (json.dumps(_without("models", "home")), "names 'home', which is not among the table's models"),
        (
            json.dumps(_with("ghost", "categories", "code", "routes", 3, "escalate_to")),
            "categories.code.routes[3].escalate_to names 'ghost'",
        ),
        (json.dumps(_with("code", "default", "routes", 0, "id")), "'code', which is another route's id already"),
        (json.dumps(_with("high", "complexity", "medium_from")), "complexity.medium_from is not a number"),
        (json.dumps(_with(1e999, "categories", "code", "candidates", 0, "usd_per_success")), "Infinity"),
        (
            json.dumps(_with("310", "categories", "code", "candidates", 1, "ttft_ms", "p95")),
            "categories.code.candidates[1].ttft_ms.p95 is not a number",
        ),
        (json.dumps(_with({}, "default", "routes")), "default.routes is not a list"),
    ],
)
def test_a_signed_document_that_breaks_the_contract_is_refused_with_the_field(
    arena: Arena, make_router: MakeRouter, document: str | bytes, told: str
):
    arena.serve(document.encode() if isinstance(document, str) else document)
    router = make_router()
    assert router.status().table_version is None
    assert told in router.status().problem


ODD: tuple[Any, ...] = (None, True, -1, 0.5, 1e400, "", "x", "\ud800", [], ["x"], [None], {}, {"x": []}, [[]], 10**400)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path to everything in a document."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def test_a_document_with_odd_values_is_refused_or_can_be_used():
    """`compile_table` relies on what `read_document` has checked, so nothing else may be raised on the way."""
    refused = decided = 0
    for path in places(SHARED["table"]):
        for value in ODD:
            body = json.dumps(_with(value, *path)).encode()
            try:
                table = compile_table(read_document(body))
            except Refused:
                refused += 1
                continue
            for category in ("code", "poetry"):
                request = RouteRequest(category, prompt="x", needs=frozenset({"json"}), max_ttft_ms=500, max_usd=1)
                with contextlib.suppress(NoEligibleModel):
                    decided += bool(table.choose(request, 0.0).targets)
    assert refused > 1000
    assert decided > 1000


def test_keys_that_are_not_known_yet_are_ignored(arena: Arena, make_router: MakeRouter):
    table = _with({"new": True}, "models", "big", "something")
    table |= {"another": [1, 2, 3]}
    # Values of kinds that version 1 does not have: as with unknown keys, the condition never holds.
    table["categories"]["code"]["routes"].insert(
        0, {"id": "later", "when": {"max_ttft_ms": {"p99": 3}, "needs": "tools"}, "primary": "home"}
    )
    arena.serve(json.dumps(table).encode())
    decision = make_router().route("code", max_ttft_ms=1000, needs={"tools"})
    assert decision.route_id == "code-tools"
    assert decision.target["something"] == {"new": True}
