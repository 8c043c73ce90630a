"""The tokens in use, kept in memory: for who must answer without a query, and also while the database is away."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection

from arena.accounts.tokens import NOT_KNOWN, find_token, token_wanted
from arena.models import ApiToken

__all__ = ["CannotAskError", "KnownTokens", "RefusedError"]

# Far longer than any token of ours: what is longer is not hashed, let alone looked up.
_LONGEST = 300


class CannotAskError(Exception):
    """A token never seen before, and a database that cannot be asked about it just now. Try again."""


class RefusedError(Exception):
    """`status` 401: send a token that is known. 403: this one lacks the scope."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Grant:
    """A token that was found. `expires` in seconds since 1970."""

    pk: str
    may: bool
    expires: float | None


class KnownTokens:
    """Which `Authorization` headers carry the scope. Kept by their hashes: no token's text stays in memory."""

    KNOWN_AT_MOST = 10_000
    UNKNOWN_FOR_S = 1.0
    # Strangers' tokens must not bind all of a server's threads to a database that hangs.
    ASKING_AT_ONCE = 2
    TURN_S = 0.25

    def __init__(self, scope: str, *, may_ask: Callable[[], bool] = lambda: True) -> None:
        """`may_ask`: whether it is worth asking the database about a token not seen before."""
        self._scope = scope
        self._may_ask = may_ask
        self._grants: dict[bytes, _Grant] = {}
        self._unknown: dict[bytes, float] = {}
        self._turns = threading.BoundedSemaphore(self.ASKING_AT_ONCE)

    def check(self, authorization: str) -> None:
        """Returns if the header's token has the scope. One query for a token not seen before. Raises RefusedError, or
        CannotAskError."""
        if len(authorization) > _LONGEST:
            raise _unknown()
        try:
            # Of the header's text as it is: a known one needs no parsing. BLAKE2 is Python's own code; SHA-256 comes
            # from OpenSSL, which takes twice as long where others have had the processor meanwhile.
            digest = hashlib.blake2s(authorization.encode()).digest()
        except UnicodeEncodeError:
            raise _unknown() from None
        grant = self._grants.get(digest)
        if grant is None:
            grant = self._find(authorization, digest)
        if grant.expires is not None and grant.expires <= time.time():
            raise _unknown()
        if not grant.may:
            raise RefusedError(403, f"This token lacks the scope {self._scope}.")

    def _find(self, authorization: str, digest: bytes) -> _Grant:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise RefusedError(401, token_wanted(self._scope))
        if not (key.isascii() and key.isprintable()):
            raise _unknown()
        refused_at = self._unknown.get(digest)
        if refused_at is not None and time.monotonic() - refused_at < self.UNKNOWN_FOR_S:
            raise _unknown()
        if not self._may_ask() or not self._turns.acquire(timeout=self.TURN_S):
            raise CannotAskError
        try:
            token = _ask(key.strip())
        finally:
            self._turns.release()
        if token is None:
            _room_in(self._unknown, self.KNOWN_AT_MOST)
            self._unknown[digest] = time.monotonic()
            raise _unknown()
        _room_in(self._grants, self.KNOWN_AT_MOST)
        grant = self._grants[digest] = self._grant(token)
        return grant

    def _grant(self, token: ApiToken) -> _Grant:
        expires = token.expiry_date.timestamp() if token.expiry_date else None
        return _Grant(token.pk, self._scope in token.scopes, expires)

    def look_again(self) -> None:
        """Forgets what was revoked and takes over changed scopes. One query, none while no token is in use."""
        held = list(self._grants.items())
        if not held:
            return
        valid = ApiToken.objects.filter(revoked=False).in_bulk({grant.pk for _, grant in held})
        for digest, grant in held:
            token = valid.get(grant.pk)
            if token is None:
                self._grants.pop(digest, None)
            else:
                self._grants[digest] = self._grant(token)


def _ask(key: str) -> ApiToken | None:
    try:
        if not connection.in_atomic_block:
            # Outside a Django request nobody else drops a connection that died meanwhile.
            connection.close_if_unusable_or_obsolete()
        return find_token(key)
    except Error as error:
        raise CannotAskError from error


def _unknown() -> RefusedError:
    return RefusedError(401, NOT_KNOWN)


def _room_in(known: dict[bytes, Any], most: int) -> None:
    if len(known) >= most:
        known.clear()
