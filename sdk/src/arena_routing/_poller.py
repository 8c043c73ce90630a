"""Polling Arena for a newer table: one bounded request, what its answer means, and when to ask again."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

import httpx

from arena_routing._errors import Refused
from arena_routing._http import back_off, describe_error, jittered, read_body, retry_after, sentence
from arena_routing._table_store import MAX_BYTES, TableStore

__all__ = ["Poller"]

log = logging.getLogger("arena_routing")
_PATH = "/api/v1/routing/latest"
_MAX_PROBLEM_BYTES = 16 << 10


class Poller:
    """`problem` says why the latest poll failed, "" if it succeeded; `checked_at` is when Arena last confirmed or
    replaced the table, in seconds since the epoch."""

    def __init__(
        self, store: TableStore, *, url: str, interval_s: float, timeout_s: float, clock: Callable[[], float]
    ) -> None:
        self.problem = ""
        self.checked_at: float | None = None
        self._store = store
        self._url = url.rstrip("/") + _PATH
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._failures = 0

    async def poll(self, client: httpx.AsyncClient) -> float:
        """One request, of at most `timeout_s`. Returns the seconds until the next; never raises."""
        asked_to_wait = 0.0
        try:
            if self._store.load_newer_from_disk():
                self._log_new_table("another process, through cache_dir")
            async with asyncio.timeout(self._timeout_s):
                asked_to_wait = await self._request(client)
        except TimeoutError:
            self._failed(f"No complete answer within {self._timeout_s:g} s.")
        except Refused as error:
            self._failed(str(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._failed(describe_error(error))
        except Exception as error:  # if the thread ended here, the table would never be renewed
            log.exception("Polling for a newer routing table failed unexpectedly.")
            self._failed(describe_error(error))
        return jittered(max(asked_to_wait, back_off(self._failures, interval=self._interval_s)))

    async def _request(self, client: httpx.AsyncClient) -> float:
        """Raises Refused and httpx's errors. Returns how many seconds the server asks to wait, usually 0."""
        held = self._store.current
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if held is not None and held.etag:
            headers["If-None-Match"] = held.etag
        async with client.stream("GET", self._url, headers=headers) as response:
            if response.status_code == 304:
                if "If-None-Match" not in headers:
                    raise Refused("The answer is 304, although the request had no If-None-Match.")
                self._succeeded()
            elif response.status_code == 200:
                body = await read_body(response, MAX_BYTES)
                signature, etag = (response.headers.get(name) for name in ("Arena-Table-Signature", "ETag"))
                is_new = self._store.offer(body, signature=signature, etag=etag)
                self._succeeded()
                if is_new:
                    self._log_new_table("Arena")
            else:
                self._failed(await _describe_refusal(response))
                return retry_after(response)
        return 0.0

    def _succeeded(self) -> None:
        if self._failures:
            log.info("Arena is answering again.")
        self.problem, self._failures, self.checked_at = "", 0, self._clock()

    def _failed(self, problem: str) -> None:
        self._failures += 1
        problem = sentence(problem)
        if problem == self.problem:
            return  # logged already
        self.problem = problem
        held = self._store.current
        consequence = f"Version {held.table.version} stays in use." if held else "There is no earlier table to use."
        log.warning("No newer routing table from %s: %s %s", self._url, problem, consequence)

    def _log_new_table(self, source: str) -> None:
        held = self._store.current
        if held is not None:
            log.info("Routing table %s is now in use. It came from %s.", held.table.version, source)


async def _describe_refusal(response: httpx.Response) -> str:
    """What a status other than 200 and 304 means, in Arena's own words if it gave any (RFC 9457)."""
    status = response.status_code
    if 300 <= status < 400:
        return f"The answer is a redirect to {response.headers.get('Location', 'nowhere')!r}, which is not followed."
    try:
        detail = str(json.loads(await read_body(response, _MAX_PROBLEM_BYTES))["detail"])[:300]
    except (Refused, ValueError, LookupError, TypeError, RecursionError):
        detail = ""
    if status in (401, 403):
        detail = detail or "Make a token with manage.py create_token --name NAME --scope routing:read."
    return f"The answer is {status}. {detail}".rstrip()
