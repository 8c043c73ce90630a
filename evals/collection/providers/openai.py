"""The OpenAI-compatible wire format: what OpenAI, Ollama, LM Studio, vLLM, llama.cpp and most others speak."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from arena.net.headers import retry_after
from arena.net.rules import OutboundRefused
from evals.collection.providers.deadlines import AnswerDeadline
from evals.collection.providers.errors import (
    LONGEST_PAUSE_S,
    ConnectionFailed,
    LastingError,
    Malformed,
    NotAllowed,
    ProviderError,
    RequestRefused,
    StreamCut,
    TimedOut,
    TooLarge,
    TransientError,
)
from evals.collection.providers.openai_answer import Answer
from evals.collection.providers.refusals import refusal
from evals.collection.providers.sse import Decoder, Event
from evals.collection.providers.texts import detail
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request

__all__ = ["OpenAIFormat", "request_body"]

log = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 10.0
# Once the answer is complete, the stream is read to its end only so that the connection can be reused.
_DRAIN_S = 0.25
# Base URLs of servers that refuse `stream_options`: each gets it only once.
_refuse_usage: set[str] = set()
_ANSWER_TYPES = ("text/event-stream", "application/json", "text/plain", "application/x-ndjson", "")


class OpenAIFormat:
    """Asks `POST {base_url}/chat/completions`, streamed. One per thread, so that connections are reused.

    `http` decides where a call may go (`arena.net`); it must follow no redirects.
    """

    def __init__(self, http: httpx.Client, *, limits: Limits | None = None) -> None:
        self._http = http
        self._limits = limits or Limits()

    def ask(self, endpoint: Endpoint, request: Request) -> Reply:
        deadline = AnswerDeadline(first_token_s=endpoint.first_token_timeout_s, total_s=endpoint.total_timeout_s)
        call = _Call(deadline, Answer(self._limits))
        try:
            with deadline.applied():
                try:
                    return self._send(endpoint, request, call, usage=endpoint.base_url not in _refuse_usage)
                except RequestRefused as error:
                    if endpoint.base_url in _refuse_usage or not _is_about_usage(error.detail):
                        raise
                    _refuse_usage.add(endpoint.base_url)
                    return self._send(endpoint, request, call, usage=False)
        except ProviderError as error:
            error.detail = detail(error.detail, key=endpoint.api_key)
            error.args = (error.detail,)
            error.ttft_ms, error.latency_ms = call.ttft_ms, deadline.elapsed_ms()
            error.tokens_in, error.tokens_out = call.answer.tokens_in, call.answer.tokens_out
            error.tokens_in_cached = call.answer.tokens_in_cached
            raise

    def _send(self, endpoint: Endpoint, request: Request, call: _Call, *, usage: bool, again: bool = True) -> Reply:
        try:
            url = httpx.URL(endpoint.base_url.rstrip("/") + "/chat/completions")
            prepared = self._http.build_request(
                "POST",
                url,
                json=request_body(request, usage=usage),
                headers=_headers(endpoint),
                timeout=httpx.Timeout(endpoint.total_timeout_s, connect=_CONNECT_TIMEOUT_S),
            )
        except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
            # A key with a line break, or settings that are not JSON: nothing was sent.
            raise RequestRefused(f"the request could not be written: {error}") from error
        try:
            response = self._http.send(prepared, stream=True)
            try:
                return self._read(response, call)
            finally:
                response.close()
        except OutboundRefused as error:
            raise NotAllowed(error.detail) from error
        except httpx.HTTPError as error:
            if call.complete:
                return call.reply()
            if again and call.status_code is None and _is_dropped(error):
                # The server closed a kept connection just as it was used. A new one tells whether the server is up.
                return self._send(endpoint, request, call, usage=usage, again=False)
            raise _as_ours(error, call) from error

    def _read(self, response: httpx.Response, call: _Call) -> Reply:
        call.status_code = response.status_code
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise Malformed(
                "the reply is compressed, although that was not requested", status_code=response.status_code
            )
        if response.status_code != 200:
            raise self._refused(response)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _ANSWER_TYPES:
            beginning = self._first_bytes(response)
            raise Malformed(f"expected an event stream, got {kind}: {beginning[:120]}", status_code=200)
        if kind == "application/json":
            return self._read_whole(response, call)
        decoder = Decoder(line_bytes=self._limits.line_bytes)
        chunks = self._chunks(response, call)
        for chunk in chunks:
            for event in decoder.feed(chunk):
                if self._take(event, call):
                    self._drain(chunks, call)
                    return call.reply()
        for event in decoder.close():
            self._take_last(event, call)
        if not call.events:
            raise Malformed("the stream ended without an event", status_code=200)
        return call.reply()

    def _chunks(self, response: httpx.Response, call: _Call) -> Iterator[bytes]:
        for chunk in response.iter_raw():
            call.body_bytes += len(chunk)
            if call.body_bytes > self._limits.body_bytes:
                raise TooLarge(f"the reply is longer than {self._limits.body_bytes:,} bytes", status_code=200)
            yield chunk
            # The transport checks before it reads; this covers one that does not.
            if call.deadline.remaining() <= 0:
                if call.complete:
                    return
                raise TimedOut(call.deadline.words(), status_code=200)

    def _take(self, event: Event, call: _Call) -> bool:
        """True once the answer is complete."""
        call.events += 1
        if event.data.strip() == "[DONE]":
            return True
        try:
            chunk: Any = json.loads(event.data)
        except (ValueError, RecursionError):
            raise Malformed(f"not JSON in the stream: {event.data[:120]}", status_code=200) from None
        if event.name == "error" or (isinstance(chunk, dict) and chunk.get("error")):
            kind, words = refusal(None, event.data)
            raise kind(words, status_code=200)
        call.take(chunk)
        return False

    def _take_last(self, event: Event, call: _Call) -> None:
        """The event that the end of the stream closed: half an event is a cut stream, not a malformed one."""
        try:
            self._take(event, call)
        except Malformed as error:
            if call.events > 1 and not call.complete:
                raise StreamCut("the stream ended in the middle of an event", status_code=200) from error
            if not call.complete:
                raise

    def _read_whole(self, response: httpx.Response, call: _Call) -> Reply:
        """Reads the reply of a server that does not stream, which gives no time to the first token."""
        body = b"".join(self._chunks(response, call))
        try:
            whole: Any = json.loads(body)
        except (ValueError, RecursionError):
            raise Malformed(f"not JSON: {body[:120].decode('utf-8', 'replace')}", status_code=200) from None
        if isinstance(whole, dict) and whole.get("error"):
            kind, words = refusal(None, body.decode("utf-8", "replace"))
            raise kind(words, status_code=200)
        if not isinstance(whole, dict) or not isinstance(whole.get("choices"), list):
            raise Malformed("a JSON reply without choices", status_code=200)
        call.take(whole, streamed=False)
        return call.reply()

    def _drain(self, chunks: Iterator[bytes], call: _Call) -> None:
        call.deadline.shorten(_DRAIN_S)
        try:
            for _ in chunks:
                pass
        except (httpx.HTTPError, ProviderError):
            log.debug("A stream did not end after [DONE]; its connection is not reused.")

    def _refused(self, response: httpx.Response) -> ProviderError:
        kind, words = refusal(response.status_code, self._first_bytes(response))
        return kind(
            f"{response.status_code}: {words}" if words else f"{response.status_code} without a reason",
            status_code=response.status_code,
            retry_after_s=retry_after(response.headers, now=datetime.now(UTC), at_most_s=LONGEST_PAUSE_S),
        )

    def _first_bytes(self, response: httpx.Response) -> str:
        """The beginning of a body that is only quoted from; the status is enough, however the body ends."""
        body = bytearray()
        try:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) >= self._limits.error_bytes:
                    break
        except httpx.HTTPError:
            log.debug("An error body was cut.")
        return body[: self._limits.error_bytes].decode("utf-8", "replace")


class _Call:
    """The state of one call."""

    def __init__(self, deadline: AnswerDeadline, answer: Answer) -> None:
        self.deadline = deadline
        self.answer = answer
        self.status_code: int | None = None
        self.body_bytes = 0
        self.events = 0
        self.ttft_ms: float | None = None
        self.last_ms = 0.0

    @property
    def complete(self) -> bool:
        """The answer is complete; only the count of tokens may still follow."""
        return bool(self.answer.finish_reason)

    def take(self, chunk: Any, *, streamed: bool = True) -> None:
        self.answer.take(chunk)
        self.last_ms = self.deadline.elapsed_ms()
        if self.answer.says_something:
            self.deadline.first_token_seen()
        if streamed and self.ttft_ms is None and self.answer.has_begun:
            self.ttft_ms = self.last_ms

    def reply(self) -> Reply:
        if not self.complete:
            raise StreamCut("the stream ended without a finish reason", status_code=self.status_code)
        return self.answer.reply(latency_ms=self.last_ms, ttft_ms=self.ttft_ms, status_code=self.status_code or 200)


def request_body(request: Request, *, usage: bool) -> dict[str, Any]:
    settings = {name: value for name, value in request.settings.items() if name != "system"}
    body = settings | {
        "model": request.model_name,
        "messages": _messages(request),
        "stream": True,
    }
    if usage:
        body["stream_options"] = {"include_usage": True}
    return body


def _messages(request: Request) -> list[dict[str, Any]]:
    """The contender's own instructions come first, in one message with the task's: many chat templates accept only one
    system message, at the beginning."""
    messages = [dict(message) for message in request.messages]
    system = request.settings.get("system")
    if not isinstance(system, str) or not system.strip():
        return messages
    if messages and messages[0].get("role") == "system" and isinstance(messages[0].get("content"), str):
        return [{"role": "system", "content": f"{system}\n\n{messages[0]['content']}"}, *messages[1:]]
    return [{"role": "system", "content": system}, *messages]


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return headers


def _is_about_usage(words: str) -> bool:
    return "stream_options" in words or "include_usage" in words


def _is_dropped(error: httpx.HTTPError) -> bool:
    return isinstance(error, httpx.ReadError | httpx.WriteError) or (
        isinstance(error, httpx.RemoteProtocolError) and "disconnected" in str(error)
    )


def _as_ours(error: httpx.HTTPError, call: _Call) -> TransientError | LastingError:
    status, words = call.status_code, str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout):
        return ConnectionFailed(f"no connection: {words}")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(call.deadline.words(), status_code=status)
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailed(f"no connection: {words}")
    if isinstance(error, httpx.UnsupportedProtocol):
        return NotAllowed(f"{words} Base URLs begin with http:// or https://.")
    if isinstance(error, httpx.LocalProtocolError):
        return RequestRefused(f"the request could not be written: {words}")
    if status is not None:
        return StreamCut(f"the connection broke in the middle of the answer: {words}", status_code=status)
    if isinstance(error, httpx.RemoteProtocolError) and not _is_dropped(error):
        return Malformed(f"not HTTP: {words}")
    return ConnectionFailed(f"the connection was closed before an answer: {words}")
