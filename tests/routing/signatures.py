"""Checks a table's signature as a service written from the contract would, without the client."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["is_signed"]


def is_signed(body: bytes, header: str, keys: Mapping[str, Any]) -> bool:
    """Whether any signature of `header` is by a key of the JWK set `keys` and over exactly these bytes."""
    public = {jwk["kid"]: jwk["x"] for jwk in keys["keys"] if jwk.get("crv") == "Ed25519"}
    for one in header.split(","):
        scheme, kid, encoded = one.strip().split(":")
        if scheme != "ed25519" or kid not in public:
            continue
        raw = base64.urlsafe_b64decode(public[kid] + "=" * (-len(public[kid]) % 4))
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(encoded, validate=True), body)
        except InvalidSignature:
            continue
        return True
    return False
