"""Sends one request and reads its reply, under limits of time and size. What is sent and how it is read is the wire
format's; every failure leaves as a ProviderError with what was measured until then."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import aiohttp
import httpx

from arena.net.headers import retry_after
from arena.net.rules import OutboundRefused
from evals.collection.providers.answer import Answer
from evals.collection.providers.errors import (
    LONGEST_PAUSE_S,
    ConnectionFailed,
    ConnectTimedOut,
    FirstTokenTimedOut,
    InvalidReply,
    NotAllowed,
    NotText,
    ProviderError,
    RequestRefused,
    StreamTruncated,
    TimedOut,
    TooLarge,
    TransientError,
)
from evals.collection.providers.framing import Frames, document
from evals.collection.providers.pace import Pace
from evals.collection.providers.refusals import asked_wait_s, refusal
from evals.collection.providers.sse import Event
from evals.collection.providers.texts import detail
from evals.collection.providers.wire import Endpoint, Limits, Reply

__all__ = ["Exchange", "Outgoing"]

T = TypeVar("T")

_CONNECT_TIMEOUT_S = 10.0
# Once the answer has ended, only its counts may follow; after those, the stream is read on for its connection's sake.
_COUNTS_S = 5.0
_DRAIN_S = 0.25
# The status says what happened; the words beside it are not worth more.
_REFUSAL_S = 2.0
# How often an image is asked for that the answer names, and how long after a fetch that broke.
_FETCHES = 3
_FETCH_AGAIN_S = 0.5


@dataclass(frozen=True)
class Outgoing:
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    method: str = "POST"


class Exchange:
    """One call: its clock, its limits, and what was measured.

    exchange = Exchange(http, endpoint)
    return await exchange.run(exchange.stream(Outgoing(url, headers, body), ChatCompletion(exchange.limits)))
    """

    def __init__(self, http: httpx.AsyncBaseTransport, endpoint: Endpoint, *, limits: Limits | None = None) -> None:
        self.http = http
        self.endpoint = endpoint
        self.limits = limits or Limits()
        # What tells a server to end work that it does in the background, should nobody wait for it any longer.
        self.cancelling: Outgoing | None = None
        self.answer: Answer | None = None
        self.status_code: int | None = None
        self.ttft_ms: float | None = None
        self._started = time.monotonic()
        self._last_ms = 0.0
        self._pace = Pace()
        self._events = 0
        self._spoken = self._counting = False
        # What the timer was last set for.
        self._timed = (False, False)

    async def run(self, work: Awaitable[T]) -> T:
        """`work` within the endpoint's times; raises ProviderError alone, redacted."""
        first = min(self.endpoint.first_token_timeout_s, self.endpoint.total_timeout_s)
        try:
            try:
                async with asyncio.timeout(first) as self._timeout:
                    return await work
            except TimeoutError:
                if self.answer is not None and self.answer.ended and not self.answer.lacks_images:
                    return cast(T, self._reply())
                raise self._late() from None
        except ProviderError as error:
            self._measure(error)
            raise

    def speaks(self) -> None:
        """The model is at work: from here on only the total time counts."""
        self._spoken = True
        self._set_timer()

    def _set_timer(self) -> None:
        """Once for all events that came together: a timer costs as much as reading one of them."""
        if self._timed != (self._spoken, self._counting):
            self._timed = (self._spoken, self._counting)
            left = min(_COUNTS_S, self._left()) if self._counting else self._left()
            self._timeout.reschedule(asyncio.get_running_loop().time() + left)

    async def stream(self, outgoing: Outgoing, answer: Answer) -> Reply:
        """Reads events into `answer` until it is complete."""
        self.answer = answer
        async with self._response(outgoing) as response:
            frames = Frames(self.limits)
            chunks = self._chunks(response)
            async for chunk in chunks:
                for event in frames.feed(chunk):
                    if self._take(event, answer):
                        self._pace.chunk(answer.chars, time.monotonic())
                        await self._drain(chunks)
                        return await self._whole_reply()
                self._pace.chunk(answer.chars, time.monotonic())
                self._set_timer()
            self._take_last(list(frames.close()), answer)
            self._pace.chunk(answer.chars, time.monotonic())
        if not self._events:
            raise InvalidReply("the reply is empty", status_code=200)
        return await self._whole_reply()

    async def document(self, outgoing: Outgoing) -> dict[str, Any]:
        """The whole reply, a JSON object."""
        return document(Event("", await self.text(outgoing)))

    async def text(self, outgoing: Outgoing) -> str:
        """The whole reply."""
        async with self._response(outgoing) as response:
            body = bytearray()
            async for chunk in self._chunks(response):
                body += chunk
                if len(body) > self.limits.body_bytes:
                    raise InvalidReply(f"the reply is longer than {self.limits.body_bytes:,} bytes", status_code=200)
        return body.decode("utf-8", "replace")

    async def discard(self, outgoing: Outgoing) -> None:
        """Sends it, within the endpoint's total time, and looks only at whether it was refused."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.endpoint.total_timeout_s) as self._timeout, self._response(outgoing):
                pass

    async def conclude(self, found: dict[str, Any], answer: Answer) -> Reply:
        """The reply that a whole document holds, which did not come as a stream."""
        self.answer = answer
        answer.take(found)
        self._last_ms = self.elapsed_ms()
        return await self._whole_reply()

    async def _whole_reply(self) -> Reply:
        """With the images that the answer names: until they are here, it is not."""
        assert self.answer is not None
        if self.answer.lacks_images:
            # Not only what is left for the counts: the whole call's time.
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._left())
            await self.answer.fetch_images(self._image)
            self._last_ms = self.elapsed_ms()
        return self._reply()

    async def _image(self, url: str) -> bytes:
        """The file at an address that the provider named; the key is not sent there. A fetch that breaks is tried
        again, since the answer itself has been paid for. Raises NotText if it cannot be had."""
        for left in reversed(range(_FETCHES)):
            try:
                return await self._fetched(url)
            except TooLarge:
                raise
            except ProviderError as error:
                if not left or not isinstance(error, TransientError):
                    words = f"the image that the answer names could not be fetched: {error.detail}"
                    raise NotText(words, status_code=200) from error
                await asyncio.sleep(_FETCH_AGAIN_S)
        raise AssertionError

    async def _fetched(self, url: str) -> bytes:
        body = bytearray()
        async with self._response(Outgoing(url, {"Accept": "image/*"}, method="GET")) as response:
            try:
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > self.limits.image_bytes:
                        raise TooLarge(f"an image is larger than {self.limits.image_bytes:,} bytes")
            except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
                raise StreamTruncated(f"the connection broke in the middle of the image: {_words(error)}") from error
        return bytes(body)

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self._started) * 1000

    # sending

    @asynccontextmanager
    async def _response(self, outgoing: Outgoing) -> AsyncIterator[httpx.Response]:
        response = await self._send(outgoing)
        try:
            self.status_code = response.status_code
            if not 200 <= response.status_code < 300:
                raise await self._refused(response)
            yield response
        finally:
            with suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
                await response.aclose()

    async def _send(self, outgoing: Outgoing) -> httpx.Response:
        headers = {"Accept-Encoding": "identity", **outgoing.headers}
        try:
            # As a stream of one piece: what httpx derives from a body (its length, the host), the transport does too.
            body = b""
            if outgoing.body is not None:
                body = json.dumps(outgoing.body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
                headers["Content-Type"] = "application/json"
            prepared = httpx.Request(
                outgoing.method,
                _parsed(outgoing.url),
                stream=httpx.ByteStream(body),
                headers=headers,
                extensions={"timeout": {"connect": _CONNECT_TIMEOUT_S}, "direct": self.endpoint.direct},
            )
        except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
            # A key with a line break, or settings that are not JSON: nothing was sent.
            raise RequestRefused(f"the request could not be written: {error}") from error
        try:
            try:
                return await self.http.handle_async_request(prepared)
            except (httpx.HTTPError, aiohttp.ClientError) as error:
                if not _is_dropped(error):
                    raise
                # The server closed a kept connection just as it was used; a new one tells whether it is up.
                return await self.http.handle_async_request(prepared)
        except OutboundRefused as error:
            raise NotAllowed(error.detail) from error
        except ValueError as error:
            # A key with a line break: aiohttp writes no such header.
            raise RequestRefused(f"the request could not be written: {error}") from error
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise _before_a_reply(error) from error

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        # Not `aiter_raw`, which cuts what came into pieces of the same length and counts them: work for nothing here.
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            async for chunk in response.stream:
                yield chunk
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            if self.answer is not None and self.answer.ended:
                return
            words = f"the connection broke in the middle of the answer: {_words(error)}"
            raise StreamTruncated(words, status_code=self.status_code) from error

    async def _refused(self, response: httpx.Response) -> ProviderError:
        body = await self._first_bytes(response)
        kind, words = refusal(response.status_code, body)
        status = response.status_code
        asked = retry_after(response.headers, now=datetime.now(UTC), at_most_s=LONGEST_PAUSE_S)
        return kind(
            f"{status}: {words}" if words else f"{status} without a reason",
            status_code=status,
            retry_after_s=asked_wait_s(body) if asked is None else asked,
        )

    async def _first_bytes(self, response: httpx.Response) -> str:
        """The beginning of a body that is only quoted from; the status is enough, however the body ends."""
        body = bytearray()
        with suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
            left = (self._timeout.when() or 0) - asyncio.get_running_loop().time()
            async with asyncio.timeout(min(_REFUSAL_S, left / 2)):
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) >= self.limits.error_bytes:
                        break
        return body[: self.limits.error_bytes].decode("utf-8", "replace")

    # reading

    def _take(self, event: Event, answer: Answer) -> bool:
        """True once the answer is complete."""
        self._events += 1
        if event.data.strip() == "[DONE]":
            return True
        found = document(event)
        if event.name == "error" or found.get("error") or found.get("object") == "error" or "error_code" in found:
            kind, words = refusal(None, event.data)
            raise kind(words, status_code=200)
        done = answer.take(found, name=event.name)
        self._last_ms = self.elapsed_ms()
        if answer.ended:
            self._spoken = self._counting = True
        elif answer.says_something:
            self._spoken = True
        if not answer.has_begun:
            self.ttft_ms = None
        elif self.ttft_ms is None and not (self._events == 1 and answer.ended):
            # An answer that comes in one piece has no first token.
            self.ttft_ms = self._last_ms
        return done

    def _take_last(self, events: list[Event], answer: Answer) -> None:
        """What the end of the stream closed: half an event is a stream cut short, not a malformed one."""
        for event in events:
            try:
                self._take(event, answer)
            except InvalidReply as error:
                if answer.ended:
                    return
                if self._events > 1:
                    raise StreamTruncated("the stream ended in the middle of an event", status_code=200) from error
                raise

    async def _drain(self, chunks: AsyncIterator[bytes]) -> None:
        with suppress(TimeoutError, ProviderError):
            async with asyncio.timeout(_DRAIN_S):
                async for _ in chunks:
                    pass

    def _reply(self) -> Reply:
        assert self.answer is not None
        if not self.answer.ended and not self.answer.says_something and self._events == 1:
            raise InvalidReply("the reply holds no answer", status_code=200)
        if not self.answer.ended:
            raise StreamTruncated("the stream ended without a finish reason", status_code=self.status_code)
        return self.answer.reply(
            latency_ms=self._without_loading(self._last_ms),
            ttft_ms=None if self.ttft_ms is None else self._without_loading(self.ttft_ms),
            status_code=self.status_code or 200,
            gaps=self._pace.gaps(),
        )

    # time

    def _without_loading(self, measured_ms: float) -> float:
        """Loading longer than what was measured before the first token cannot be true and is ignored."""
        loading = self.answer.loading_ms if self.answer is not None else 0.0
        before = self._last_ms if self.ttft_ms is None else self.ttft_ms
        return measured_ms - loading if 0 < loading < before else measured_ms

    def _left(self) -> float:
        return self._started + self.endpoint.total_timeout_s - time.monotonic()

    def _late(self) -> ProviderError:
        first, total = self.endpoint.first_token_timeout_s, self.endpoint.total_timeout_s
        if not self._spoken and first < total:
            return FirstTokenTimedOut(f"no first token in {first:g} s", status_code=self.status_code)
        return TimedOut(f"not finished in {total:g} s", status_code=self.status_code)

    def _measure(self, error: ProviderError) -> None:
        error.detail = detail(error.detail, key=self.endpoint.api_key)
        error.args = (error.detail,)
        error.ttft_ms, error.latency_ms = self.ttft_ms, self.elapsed_ms()
        if self.answer is not None:
            error.usage = self.answer.usage
        if error.status_code is None:
            error.status_code = self.status_code


@lru_cache(maxsize=1024)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


def _is_dropped(error: Exception) -> bool:
    return isinstance(error.__cause__ or error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError) and not (
        isinstance(error.__cause__ or error, aiohttp.ClientConnectorError)
    )


def _before_a_reply(error: Exception) -> ProviderError:
    """aiohttp's own error, which httpx's names blur, decides."""
    cause, words = error.__cause__ or error, _words(error)
    if isinstance(cause, aiohttp.ServerTimeoutError | TimeoutError):
        return ConnectTimedOut(f"no connection in {_CONNECT_TIMEOUT_S:g} s")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return ConnectionFailed(f"no connection: {words}")
    if isinstance(error, httpx.ProxyError):
        return ConnectionFailed(f"no connection: {words}")
    if isinstance(error, httpx.UnsupportedProtocol):
        return NotAllowed(f"{words} Base URLs begin with http:// or https://.")
    if isinstance(cause, aiohttp.ServerDisconnectedError | OSError):
        return ConnectionFailed(f"the connection was closed before an answer: {words}")
    if isinstance(error, httpx.LocalProtocolError):
        return RequestRefused(f"the request could not be written: {words}")
    return InvalidReply(f"not HTTP: {words}")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
