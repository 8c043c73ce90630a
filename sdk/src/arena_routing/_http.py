"""What every request to Arena has in common: the client that makes it, limits on what is read, and when to retry."""

from __future__ import annotations

import random
import ssl
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import cache

import httpx

from arena_routing._errors import Refused
from arena_routing._version import __version__

__all__ = ["back_off", "client_factory", "describe_error", "jittered", "read_body", "retry_after", "sentence"]

# However long Arena is away, it is asked at least this often (seconds), unless the interval itself is longer.
_LONGEST_BACK_OFF = 60.0
_LONGEST_RETRY_AFTER = 300.0


def client_factory(
    *, token: str | None, timeout_s: float, keepalive_s: float, transport: Callable[[], httpx.AsyncBaseTransport] | None
) -> Callable[[], httpx.AsyncClient]:
    """Makes a client for each process, since connections do not survive a fork."""
    headers = {"User-Agent": f"arena-routing/{__version__}"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.strip()}"
    tls = _tls()

    def make_client() -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=headers,
            timeout=timeout_s,
            follow_redirects=False,
            verify=tls,
            transport=transport() if transport is not None else None,
            # Keeping the connection saves every poll a handshake.
            limits=httpx.Limits(max_connections=4, keepalive_expiry=keepalive_s),
        )

    return make_client


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificate authorities takes some 30 ms. Done once here, it does not delay a forked child's first
    request."""
    return httpx.create_ssl_context()


async def read_body(response: httpx.Response, at_most: int) -> bytes:
    """The decoded body. Raises Refused if it is longer than `at_most` or its encoding is broken.

    Decoded here because httpx sets no limit, and a few kilobytes of gzip can become gigabytes.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Refused(f"It is encoded as {encoding!r}, which was not asked for.")
    unzip = zlib.decompressobj(wbits=31) if encoding != "identity" else None
    body = bytearray()
    async with aclosing(_raw(response)) as chunks:
        async for chunk in chunks:
            try:
                body += unzip.decompress(chunk, at_most + 1 - len(body)) if unzip else chunk
            except zlib.error as error:
                raise Refused(f"Its gzip encoding is broken ({error}).") from None
            if len(body) > at_most:
                raise Refused(f"It is longer than {at_most:,} bytes.")
    if unzip and not unzip.eof:
        raise Refused("Its gzip encoding ends too early.")
    return bytes(body)


async def _raw(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    if response.is_stream_consumed:  # by a transport that answers from memory, such as httpx.MockTransport
        yield response.content
    else:
        async for chunk in response.aiter_raw():
            yield chunk


def back_off(failures: int, *, interval: float) -> float:
    """Seconds until the next attempt: twice as many after each failure, up to a minute or the interval, whichever is
    longer."""
    return min(interval * 2.0 ** min(failures, 16), max(interval, _LONGEST_BACK_OFF))


def jittered(seconds: float) -> float:
    """Up to a fifth more or less, so that processes started together do not all ask at the same moment."""
    return seconds * random.uniform(0.8, 1.2)


def retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, at most five minutes; 0 if it does not ask, or gives a date."""
    seconds: str = response.headers.get("Retry-After", "")
    return min(float(seconds), _LONGEST_RETRY_AFTER) if seconds.isdecimal() else 0.0


def describe_error(error: Exception) -> str:
    return sentence(f"{type(error).__name__}: {error}".rstrip(": "))


def sentence(text: str) -> str:
    """With a full stop, which other libraries' errors often lack, since another sentence follows."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
