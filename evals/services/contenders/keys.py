"""Provider keys: encrypted at rest, decrypted only to be sent to the provider they were typed for."""

from __future__ import annotations

import os

from arena.sealing import SealError, unseal
from evals.models import Provider

__all__ = ["KeyUnreadableError", "api_key"]


class KeyUnreadableError(Exception):
    """A stored key was encrypted with another ARENA_ENCRYPTION_KEY."""


def api_key(provider: Provider) -> str | None:
    """The key to send: the typed one, else the environment's; None if the provider has neither."""
    if not provider.api_key_encrypted:
        return os.environ.get(provider.api_key_env) or None if provider.api_key_env else None
    try:
        return unseal(provider.api_key_encrypted)
    except SealError as error:
        raise KeyUnreadableError(f"The key of {provider.slug} was {error}. Restore it or type a new one.") from None
