from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arena_routing import Router
from tests.sdk.arena_double import Arena


@pytest.fixture(autouse=True)
def _loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx takes proxies from the environment, and so does the client."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost,arena.test")


@pytest.fixture
def arena() -> Iterator[Arena]:
    """Up, with nothing published."""
    arena = Arena()
    yield arena
    arena.kill()


@pytest.fixture
def make_router(arena: Arena) -> Iterator[Callable[..., Router]]:
    """`make_router(**settings)`: polls once, and again only for `refresh()`; reports when closed."""
    made: list[Router] = []

    def make(**settings: Any) -> Router:
        quiet = {"public_keys": arena.signer.jwk_set(), "poll_seconds": 3600.0, "outcome_seconds": 3600.0}
        made.append(Router(arena.url, **(quiet | settings)))
        return made[-1]

    yield make
    for router in made:
        router.close(timeout=0.5)
