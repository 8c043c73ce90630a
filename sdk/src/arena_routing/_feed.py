"""Asking Arena for a newer table: one bounded request, its answer judged, and when to ask again."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import httpx

from arena_routing._errors import Refused
from arena_routing._keeping import MAX_BYTES, Keeper

__all__ = ["PATH", "Feed", "again_after", "jittered", "read_body", "retry_after"]

log = logging.getLogger("arena_routing")
PATH = "/api/v1/routing/latest"

# However long Arena is away, it is asked at least this often (seconds), unless polling itself is slower.
_SLOWEST = 60.0
_LONGEST_RETRY_AFTER = 300.0
_ERROR_BYTES = 16 << 10


class Feed:
    """`problem` says in words why the newest look came to nothing, "" if it did not; `checked_at` is when Arena last
    confirmed or replaced the table, seconds since the epoch."""

    def __init__(
        self, keeper: Keeper, *, url: str, poll_s: float, timeout_s: float, clock: Callable[[], float]
    ) -> None:
        self.problem = ""
        self.checked_at: float | None = None
        self._keeper = keeper
        self._url = url.rstrip("/") + PATH
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._failures = 0

    async def poll(self, client: httpx.AsyncClient) -> float:
        """One look, of at most `timeout_s`. Returns the seconds until the next; never raises."""
        wait = 0.0
        try:
            if self._keeper.look_on_disk():
                self._tell_of_news("another process, through cache_dir")
            async with asyncio.timeout(self._timeout_s):
                wait = await self._ask(client)
        except TimeoutError:
            self._failed(f"No whole answer within {self._timeout_s:g} s.")
        except (httpx.HTTPError, httpx.InvalidURL, Refused) as error:
            self._failed(str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}")
        except Exception as error:  # a thread that ends here would serve an old table for ever
            log.exception("Looking for a newer routing table failed.")
            self._failed(f"{type(error).__name__}: {error}")
        return jittered(max(wait, again_after(self._failures, at_first=self._poll_s, at_most=_SLOWEST)))

    async def _ask(self, client: httpx.AsyncClient) -> float:
        """Raises Refused and httpx's errors. Returns how long the server asks to be left alone, usually 0."""
        held = self._keeper.current
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if held is not None and held.etag:
            headers["If-None-Match"] = held.etag
        async with client.stream("GET", self._url, headers=headers) as response:
            if response.status_code == 304:
                if "If-None-Match" not in headers:
                    raise Refused("The answer is 304 to a request without condition.")
                self._confirmed()
            elif response.status_code == 200:
                body = await read_body(response, MAX_BYTES)
                signature, etag = (response.headers.get(name) for name in ("Arena-Table-Signature", "ETag"))
                news = self._keeper.offer(body, signature=signature, etag=etag)
                self._confirmed()
                if news:
                    self._tell_of_news("Arena")
            else:
                self._failed(await _refusal(response))
                return retry_after(response)
        return 0.0

    def _confirmed(self) -> None:
        if self._failures:
            log.info("Arena answers again.")
        self.problem, self._failures, self.checked_at = "", 0, self._clock()

    def _failed(self, problem: str) -> None:
        self._failures += 1
        problem = sentence(problem)
        if problem == self.problem:
            return  # told already
        self.problem = problem
        held = self._keeper.current
        goes_on = f"Version {held.table.version} goes on" if held else "There is none to go on with"
        log.warning("No newer routing table from %s: %s %s.", self._url, problem, goes_on)

    def _tell_of_news(self, source: str) -> None:
        held = self._keeper.current
        if held is not None:
            log.info("Routing table %s is in force, from %s.", held.table.version, source)


async def read_body(response: httpx.Response, at_most: int) -> bytes:
    """The identity-coded body. Decoded here, since a decoder without a limit turns kilobytes into gigabytes."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise Refused(f"It is encoded as {coding!r}, which was not asked for.")
    unzip = zlib.decompressobj(wbits=31) if coding != "identity" else None
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


async def _refusal(response: httpx.Response) -> str:
    """What a status other than 200 and 304 means, with Arena's own words if it gave any (RFC 9457)."""
    status = response.status_code
    if 300 <= status < 400:
        return f"The answer is a redirect to {response.headers.get('Location', 'nowhere')!r}, which is not followed."
    try:
        detail = str(json.loads(await read_body(response, _ERROR_BYTES))["detail"])[:300]
    except (Refused, ValueError, LookupError, TypeError, RecursionError):
        detail = ""
    if status in (401, 403):
        detail = detail or "manage.py create_token --name NAME --scope routing:read makes a token."
    return f"The answer is {status}. {detail}".rstrip()


def sentence(text: str) -> str:
    """With a full stop, which errors of others often lack, since another sentence follows."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def again_after(failures: int, *, at_first: float, at_most: float) -> float:
    """Seconds: twice as long after each failure, to a limit that `at_first` may exceed."""
    return min(at_first * 2.0 ** min(failures, 16), max(at_first, at_most))


def jittered(seconds: float) -> float:
    """A fifth more or less, so that a fleet started at once does not ask at once."""
    return seconds * random.uniform(0.8, 1.2)


def retry_after(response: httpx.Response) -> float:
    """Seconds, as far as a polite client goes; 0 if the server asked for nothing, or by a date."""
    asked: str = response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_RETRY_AFTER) if asked.isdecimal() else 0.0
