"""Ed25519 signatures over a table's bytes, checked against the JWK set (RFC 8037) that the caller passed.

The header reads `ed25519:<key id>:<base64>`. While a key is being replaced it has several of these, separated by
commas; one by a known key is enough.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
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
    try:
        if public_keys is None:
            raise ConfigurationError("public_keys is missing. (verify_signatures=False trusts whatever answers.)")
        return PublicKeys(public_keys)
    except ConfigurationError as error:
        raise ConfigurationError(
            f'{error} Fetch the keys with: curl -f -o arena-keys.json -H "Authorization: Bearer $ARENA_TOKEN" '
            f"{url.rstrip('/')}/api/v1/routing/keys, and pass the contents of that file."
        ) from None


class PublicKeys:
    """Keys by id. Keys of other kinds in the set are ignored."""

    def __init__(self, jwk_set: Mapping[str, Any] | str | bytes) -> None:
        """Raises ConfigurationError, which says what this is if it is not a JWK set."""
        document = _parse(jwk_set) if isinstance(jwk_set, str | bytes) else jwk_set
        self._keys = _ed25519_keys(_list_of_keys(document))

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


def _parse(text: str | bytes) -> Any:
    """JSON, or an error that says what was saved in its place."""
    if not text.strip():
        raise ConfigurationError("public_keys is empty. curl -f writes nothing if Arena refuses the token.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        given = error.doc.strip()
        if given.startswith("<"):
            problem = "is a web page, not JSON. Check the address: a proxy or a sign-in page may have answered"
        elif given.endswith(".json"):
            problem = f"is {given!r}, which looks like the name of a file. Pass what is in it"
        elif given.startswith("{") and (error.pos >= len(given) or not given.endswith("}")):
            problem = f"is JSON that was cut off ({error})"
        else:
            problem = f"is not JSON ({error})"
        raise ConfigurationError(f"public_keys {problem}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"public_keys is not JSON ({error}).") from None


def _list_of_keys(document: Any) -> list[Any]:
    if not isinstance(document, Mapping):
        raise ConfigurationError(f"public_keys is a {type(document).__name__}, but a JWK set is an object.")
    keys = document.get("keys")
    if isinstance(keys, list):
        return keys
    if "detail" in document or {"status", "title"} <= document.keys():
        # The API's error document (RFC 9457), which curl without -f saves like any other answer.
        status = " ".join(str(document[name]) for name in ("status", "title") if document.get(name))
        refusal = ". ".join(part for part in (status, str(document.get("detail") or "")[:300]) if part)
        raise ConfigurationError(f"public_keys is Arena's refusal of a request, not its keys: {refusal.rstrip('.')}.")
    raise ConfigurationError("public_keys lacks the list `keys` that a JWK set has.")


def _ed25519_keys(entries: list[Any]) -> dict[str, Ed25519PublicKey]:
    found, other_kinds = {}, set()
    for at, jwk in enumerate(entries):
        if not isinstance(jwk, Mapping) or jwk.get("crv") != "Ed25519":
            other_kinds.add(str(jwk.get("crv") or jwk.get("kty")) if isinstance(jwk, Mapping) else repr(jwk))
            continue
        place = f"public_keys.keys[{at}]"
        kid, x = jwk.get("kid"), jwk.get("x")
        if not isinstance(kid, str) or not isinstance(x, str):
            raise ConfigurationError(f"{place} lacks kid or x.")
        try:
            found[kid] = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
        except ValueError as error:
            raise ConfigurationError(f"{place}.x is not an Ed25519 key ({error}).") from None
    if not found:
        instead = f"only {', '.join(sorted(other_kinds))}" if other_kinds else "because its list `keys` is empty"
        raise ConfigurationError(f"public_keys has no Ed25519 key, {instead}.")
    return found


def _is_signed(key: Ed25519PublicKey, body: bytes, encoded: str) -> bool:
    try:
        key.verify(base64.b64decode(encoded, validate=True), body)
    except (InvalidSignature, ValueError):
        return False
    return True
