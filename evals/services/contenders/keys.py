"""Provider keys: encrypted at rest, decrypted only to be sent to the provider they were typed for."""

from __future__ import annotations

import os

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from evals.models import Provider

__all__ = ["KeyUnreadableError", "api_key", "encrypt"]


class KeyUnreadableError(Exception):
    """A stored key was encrypted with another ARENA_ENCRYPTION_KEY."""


def encrypt(key: str) -> str:
    return _fernet().encrypt(key.encode()).decode()


def api_key(provider: Provider) -> str | None:
    """The key to send: the typed one, else the environment's; None if the provider has neither."""
    if not provider.api_key_encrypted:
        return os.environ.get(provider.api_key_env) or None if provider.api_key_env else None
    try:
        return _fernet().decrypt(provider.api_key_encrypted.encode()).decode()
    except InvalidToken:
        raise KeyUnreadableError(
            f"The key of {provider.slug} was stored with another ARENA_ENCRYPTION_KEY. Restore it or type a new one."
        ) from None


def _fernet() -> Fernet:
    return Fernet(settings.ARENA_ENCRYPTION_KEY.encode())
