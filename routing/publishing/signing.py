"""Ed25519 signatures over a table's stored bytes, and the public keys that check them.

The header says `ed25519:<key id>:<base64>`; several, separated by commas, let a key be replaced without a moment
in which a client can check none. A key's id is the start of its public half's SHA-256, so it names itself.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from arena import env

__all__ = ["Key", "current_key", "jwk_set", "sign"]


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


def jwk_set() -> dict[str, list[dict[str, str]]]:
    return {"keys": [current_key().jwk()]}
