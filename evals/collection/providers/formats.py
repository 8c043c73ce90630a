"""What the wire formats have in common: how a call is made once it is known what to send, and how its reply is read."""

from __future__ import annotations

from abc import ABC, abstractmethod

import httpx

from evals.collection.providers.answer import Answer
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request

__all__ = ["Format", "StreamedFormat"]


class Format(ABC):
    """Makes a call within the endpoint's times and the limits on its size. Fulfils `WireFormat`."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    async def ask(self, http: httpx.AsyncBaseTransport, endpoint: Endpoint, request: Request) -> Reply:
        exchange = Exchange(http, endpoint, limits=self._limits)
        return await exchange.run(self._asked(exchange, endpoint, request))

    @abstractmethod
    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        """Sends what the format sends, and reads what comes back."""


class StreamedFormat(Format):
    """A format of one POST, whose reply is read as a stream of events."""

    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        return await exchange.stream(self._outgoing(endpoint, request), self._answer(self._limits))

    @abstractmethod
    def _outgoing(self, endpoint: Endpoint, request: Request) -> Outgoing: ...

    @abstractmethod
    def _answer(self, limits: Limits) -> Answer: ...
