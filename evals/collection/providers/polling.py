"""Waits for work that a server does in the background, by asking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from evals.collection.providers.errors import InvalidReply, TransientError
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.wire import Endpoint

__all__ = ["check_same_origin", "poll"]

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 2.0
# Polls in a row that may fail: the work goes on meanwhile, and asking for it anew would pay for it twice.
_FAILURES = 3


async def poll(exchange: Exchange, outgoing: Outgoing, *, is_done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What `outgoing` returns once it is done. The endpoint's total time ends the wait."""
    exchange.speaks()  # there is no first token to wait for
    wait, failures = _FIRST_WAIT_S, 0
    while True:
        await asyncio.sleep(wait)
        try:
            found = await exchange.document(outgoing)
        except TransientError as error:
            failures += 1
            if failures > _FAILURES:
                raise
            wait = max(wait, error.retry_after_s or 0.0)
            continue
        if is_done(found):
            return found
        wait, failures = min(wait * 1.5, _LONGEST_WAIT_S), 0


def check_same_origin(url: Any, endpoint: Endpoint, *, what: str) -> str:
    """`url`, if it is on the endpoint's own origin. The key is sent there, so nothing else is asked."""
    try:
        found, base = httpx.URL(url), httpx.URL(endpoint.base_url)
    except (httpx.InvalidURL, TypeError):
        raise InvalidReply(f"{what} is missing, or is not an address", status_code=200) from None
    if not found.host:
        raise InvalidReply(f"{what} is missing, or is not an address", status_code=200)
    if (found.scheme, found.host, found.port) != (base.scheme, base.host, base.port) or found.userinfo:
        words = f"{what} is at {found.scheme}://{found.host}, not where the provider is: it was not asked"
        raise InvalidReply(words, status_code=200)
    return str(found)
