"""Secrets at rest."""

from __future__ import annotations

import pytest

from arena.sealing import SealError, seal, unseal


def test_what_is_sealed_can_be_opened_and_not_be_read():
    sealed = seal("whsec_very-secret")
    assert "very" not in sealed
    assert unseal(sealed) == "whsec_very-secret"


def test_the_same_secret_never_looks_the_same():
    assert seal("one") != seal("one")


def test_another_key_opens_nothing_and_says_so(settings):
    sealed = seal("one")
    settings.ARENA_ENCRYPTION_KEY = "A" * 43 + "="
    with pytest.raises(SealError, match="another ARENA_ENCRYPTION_KEY"):
        unseal(sealed)
