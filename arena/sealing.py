"""Secrets at rest: sealed with ARENA_ENCRYPTION_KEY, opened only to be used."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

__all__ = ["SealError", "seal", "unseal"]


class SealError(Exception):
    """Sealed with another ARENA_ENCRYPTION_KEY."""


def seal(secret: str) -> str:
    return _fernet().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises SealError."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealError("stored with another ARENA_ENCRYPTION_KEY") from None


def _fernet() -> Fernet:
    return Fernet(settings.ARENA_ENCRYPTION_KEY.encode())
