"""What the wire formats have in common: how a call is made once it is known what to send, and how its reply is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace

import httpx

from evals.collection.providers.answer import Answer
from evals.collection.providers.errors import ProviderError, TransientError
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request

__all__ = ["Format", "StreamedFormat"]

_CANCEL_S = 5.0


class Format(ABC):
    """Makes a call within the endpoint's times and the limits on its size. Fulfils `WireFormat`."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    async def ask(self, http: httpx.AsyncBaseTransport, endpoint: Endpoint, request: Request) -> Reply:
        exchange = Exchange(http, endpoint, limits=self._limits)
        try:
            return await exchange.run(self._asked(exchange, endpoint, request))
        except TransientError:
            if exchange.cancelling is not None:
                await _cancel(http, endpoint, exchange.cancelling)
            raise

    @abstractmethod
    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        """Sends what the format sends, and reads what comes back."""


async def _cancel(http: httpx.AsyncBaseTransport, endpoint: Endpoint, outgoing: Outgoing) -> None:
    """Work that nobody waits for is not to be paid for. The call has failed already, however this ends."""
    soon = replace(endpoint, first_token_timeout_s=_CANCEL_S, total_timeout_s=_CANCEL_S)
    with suppress(ProviderError):
        await Exchange(http, soon).discard(outgoing)


class StreamedFormat(Format):
    """A format of one POST, whose reply is read as a stream of events."""

    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        return await exchange.stream(self._outgoing(endpoint, request), self._answer(self._limits))

    @abstractmethod
    def _outgoing(self, endpoint: Endpoint, request: Request) -> Outgoing: ...

    @abstractmethod
    def _answer(self, limits: Limits) -> Answer: ...
