"""Ed25519 signatures over a table's stored bytes, and the public keys that check them.

The header says `ed25519:<key id>:<base64>`; several, separated by commas, let a key be replaced without a moment
in which a client can check none. A key's id is the start of its public half's SHA-256, so it names itself.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from arena import env

__all__ = ["Key", "current_key", "jwk_set", "sign", "verify"]


class Key(NamedTuple):
    id: str
    private: Ed25519PrivateKey
    public: bytes

    def jwk(self) -> dict[str, str]:
        """RFC 8037."""
        x = base64.urlsafe_b64encode(self.public).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id, "use": "sig", "alg": "EdDSA"}


@cache
def _key(seed: str) -> Key:
    private = Ed25519PrivateKey.from_private_bytes(env.key_bytes("ARENA_SIGNING_KEY", seed))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Key(hashlib.sha256(public).hexdigest()[:16], private, public)


def current_key() -> Key:
    return _key(settings.ARENA_SIGNING_KEY)


def sign(body: bytes) -> str:
    """The Arena-Table-Signature header for these bytes."""
    key = current_key()
    return f"ed25519:{key.id}:{base64.b64encode(key.private.sign(body)).decode()}"


def verify(body: bytes, header: str, keys: dict[str, Any]) -> bool:
    """Whether any signature of `header` is by a key of the JWK set `keys` and over exactly these bytes."""
    public = {jwk["kid"]: jwk["x"] for jwk in keys["keys"] if jwk.get("crv") == "Ed25519"}
    for one in header.split(","):
        scheme, _, rest = one.strip().partition(":")
        kid, _, encoded = rest.partition(":")
        if scheme != "ed25519" or kid not in public:
            continue
        try:
            raw = base64.urlsafe_b64decode(public[kid] + "=" * (-len(public[kid]) % 4))
            Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(encoded, validate=True), body)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def jwk_set() -> dict[str, list[dict[str, str]]]:
    return {"keys": [current_key().jwk()]}
