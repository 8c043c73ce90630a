"""Ed25519 signatures over a table's bytes, checked against a JWK set (RFC 8037) that the caller handed over.

The header says `ed25519:<key id>:<base64>`, several of them separated by commas while a key is being replaced: one by
a known key is enough.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from arena_routing._errors import ConfigurationError, Refused

__all__ = ["PublicKeys"]


class PublicKeys:
    """Keys by id. Keys of other kinds in the set are passed over."""

    def __init__(self, jwk_set: Mapping[str, Any] | str | bytes) -> None:
        if isinstance(jwk_set, str | bytes):
            try:
                jwk_set = json.loads(jwk_set)
            except ValueError as error:
                raise ConfigurationError(f"public_keys is not JSON ({error}). {_WANTED}") from None
        entries = jwk_set.get("keys") if isinstance(jwk_set, Mapping) else None
        if not isinstance(entries, list):
            raise ConfigurationError(f"public_keys has no list `keys`. {_WANTED}")
        self._keys = dict(_read(entries))
        if not self._keys:
            raise ConfigurationError(f"public_keys holds no Ed25519 key. {_WANTED}")

    def check(self, body: bytes, header: str | None) -> None:
        """Raises Refused unless a known key signed exactly these bytes."""
        if not header:
            raise Refused("It carries no Arena-Table-Signature; something between here and Arena drops headers.")
        named = []
        for one in header.split(","):
            scheme, _, rest = one.strip().partition(":")
            kid, _, encoded = rest.partition(":")
            named.append(kid)
            if scheme == "ed25519" and kid in self._keys and _signed(self._keys[kid], body, encoded):
                return
        if not self._keys.keys() & set(named):
            raise Refused(
                f"It is signed by key {', '.join(named)}, and public_keys has {', '.join(self._keys)}. If Arena's key "
                "was replaced, hand over the new set of GET /api/v1/routing/keys."
            )
        raise Refused("Its signature does not match its bytes.")


_WANTED = "Hand over the JWK set of GET /api/v1/routing/keys as it is."


def _read(entries: list[Any]) -> Iterator[tuple[str, Ed25519PublicKey]]:
    for at, jwk in enumerate(entries):
        if not isinstance(jwk, Mapping) or jwk.get("crv") != "Ed25519":
            continue
        place = f"public_keys.keys[{at}]"
        kid, x = jwk.get("kid"), jwk.get("x")
        if not isinstance(kid, str) or not isinstance(x, str):
            raise ConfigurationError(f"{place} lacks kid or x. {_WANTED}")
        try:
            raw = base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))
            yield kid, Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise ConfigurationError(f"{place}.x is no Ed25519 key ({error}). {_WANTED}") from None


def _signed(key: Ed25519PublicKey, body: bytes, encoded: str) -> bool:
    try:
        key.verify(base64.b64decode(encoded, validate=True), body)
    except (InvalidSignature, ValueError):
        return False
    return True
