"""What is passed as `public_keys` and is not a JWK set: the error says what it is, and how to fetch the keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arena_routing import ConfigurationError, Router
from tests.sdk.arena_double import Signer

URL = "https://arena.example"
HOW = (
    'Fetch the keys with: curl -f -o arena-keys.json -H "Authorization: Bearer $ARENA_TOKEN" '
    "https://arena.example/api/v1/routing/keys, and pass the contents of that file."
)
UNAUTHORIZED = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "detail": "Send a token with the scope routing:read.",
}
JWK_SET = json.dumps(Signer().jwk_set())


def error_for(public_keys: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Router(f"{URL}/", public_keys=public_keys)
    return str(caught.value)


@pytest.mark.parametrize(
    ("public_keys", "problem"),
    [
        (None, "public_keys is missing. (verify_signatures=False trusts whatever answers.)"),
        (
            UNAUTHORIZED,
            "public_keys is Arena's refusal of a request, not its keys: "
            "401 Unauthorized. Send a token with the scope routing:read.",
        ),
        ({"detail": "Not found."}, "refusal of a request, not its keys: Not found."),
        (
            {"status": 503, "title": "Service Unavailable"},
            "refusal of a request, not its keys: 503 Service Unavailable.",
        ),
        ("", "public_keys is empty. curl -f writes nothing if Arena refuses the token."),
        (b" \n", "public_keys is empty."),
        (
            "<!doctype html><title>Sign in</title>",
            "public_keys is a web page, not JSON. Check the address: a proxy or",
        ),
        (b"\n <html>", "public_keys is a web page"),
        (JWK_SET[:40], "public_keys is JSON that was cut off (Unterminated string"),
        ("arena-keys.json", "'arena-keys.json', which looks like the name of a file. Pass what is in it."),
        ("ssh-ed25519 AAAA", "public_keys is not JSON (Expecting value"),
        (b"\xff\xfe\xff", "public_keys is not JSON ("),
        (Path("arena-keys.json"), "Path, but a JWK set is an object."),
        (json.dumps([Signer().jwk()]), "public_keys is a list, but a JWK set is an object."),
        (Signer().jwk(), "public_keys lacks the list `keys` that a JWK set has."),
        ({"keys": {}}, "public_keys lacks the list `keys` that a JWK set has."),
        ({"keys": []}, "public_keys has no Ed25519 key, because its list `keys` is empty."),
        (
            {"keys": [{"kty": "RSA", "kid": "a", "n": "…"}, {"kty": "EC", "crv": "P-256"}]},
            "public_keys has no Ed25519 key, only P-256, RSA.",
        ),
        ({"keys": ["key-1"]}, "public_keys has no Ed25519 key, only 'key-1'."),
        ({"keys": [{"crv": "Ed25519", "kid": "a"}]}, "public_keys.keys[0] lacks kid or x."),
        ({"keys": [{"crv": "Ed25519", "kid": "a", "x": "AAAA"}]}, "public_keys.keys[0].x is not an Ed25519 key ("),
    ],
)
def test_the_error_says_what_it_is_instead_and_how_to_fetch_the_keys(public_keys: Any, problem: str):
    error = error_for(public_keys)
    assert problem in error
    assert error.endswith(f" {HOW}")


def test_a_saved_refusal_is_recognised_as_text_too():
    for text in (json.dumps(UNAUTHORIZED), json.dumps(UNAUTHORIZED).encode()):
        assert "not its keys: 401 Unauthorized. Send" in error_for(text)


def test_a_download_cut_off_anywhere_is_recognised():
    for length in range(1, len(JWK_SET)):
        assert "public_keys is JSON that was cut off (" in error_for(JWK_SET[:length]), JWK_SET[:length]
