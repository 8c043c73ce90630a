"""Ed25519 signatures over a table's bytes, checked against the JWK set (RFC 8037) that the caller passed.

The header reads `ed25519:<key id>:<base64>`. While a key is being replaced it has several of these, separated by
commas; one by a known key is enough.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from arena_routing._errors import ConfigurationError, Refused

__all__ = ["PublicKeys", "trusted_keys"]

log = logging.getLogger("arena_routing")


def trusted_keys(public_keys: Mapping[str, Any] | str | bytes | None, url: str, *, verify: bool) -> PublicKeys | None:
    """None if signatures are not to be checked. Raises ConfigurationError."""
    if not verify:
        log.warning("The signatures of routing tables from %s are not checked.", url)
        return None
    if public_keys is None:
        raise ConfigurationError(
            f"public_keys is missing. Fetch {url.rstrip('/')}/api/v1/routing/keys once, keep it with your "
            "configuration, and hand it over; or say verify_signatures=False and trust whoever answers."
        )
    return PublicKeys(public_keys)


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

    def verify(self, body: bytes, header: str | None) -> None:
        """Raises Refused unless a known key has signed exactly these bytes."""
        if not header:
            raise Refused("It has no Arena-Table-Signature. Something between this process and Arena drops headers.")
        signed_by = []
        for signature in header.split(","):
            scheme, _, rest = signature.strip().partition(":")
            kid, _, encoded = rest.partition(":")
            signed_by.append(kid)
            if scheme == "ed25519" and kid in self._keys and _is_signed(self._keys[kid], body, encoded):
                return
        if not self._keys.keys() & set(signed_by):
            raise Refused(
                f"It is signed by key {', '.join(signed_by)}, and public_keys has {', '.join(self._keys)}. If Arena's "
                "key was replaced, pass the new set of GET /api/v1/routing/keys."
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


def _is_signed(key: Ed25519PublicKey, body: bytes, encoded: str) -> bool:
    try:
        key.verify(base64.b64decode(encoded, validate=True), body)
    except (InvalidSignature, ValueError):
        return False
    return True
