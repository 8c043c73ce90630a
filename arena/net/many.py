"""The guarded transport for many calls at once, on one event loop: httpx's interface on aiohttp's connections.

With a hundred calls in flight httpx's own pool asks every connection for every call: 44 s of processor time for 2,000
calls, where aiohttp's takes 1.8 s (`benchmarks/collection_speed.py`).

Redirects are not followed, environment variables are not read, and names resolve only to addresses that the rules
allow. What the rules send through the operator's proxy (`arena.net.proxy`) goes there in a tunnel, unless the request's
extensions say `direct`. Time limits are the caller's: `asyncio.timeout`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from functools import lru_cache

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream, map_aiohttp_exceptions
from yarl import URL

from arena.net.proxy import Proxy, refused_by_proxy
from arena.net.rules import allowed_addresses, tunnels
from arena.net.tls import tls_context

__all__ = ["AsyncGuardedTransport"]

_KEEP_ALIVE_S = 30.0
# Names are asked for again after this; what is remembered has passed the rules.
_NAMES_FOR_S = 10


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """For one event loop: `async with AsyncGuardedTransport() as http`. It has no limit of its own on connections.

    Requests go to the transport itself. What httpx's client does around it (cookies, redirects, authentication) is of
    no use here, and took as long as all the rest of a call.
    """

    def __init__(self) -> None:
        # One set of connections for http and one for https: the rules treat them differently.
        self._by_scheme = {scheme: _transport(tls=scheme == "https") for scheme in ("http", "https")}
        self._checked: dict[tuple[str, int, bool], float] = {}
        self._proxy: Proxy | None = settings.ARENA_OUTBOUND_PROXY
        self._tunnelled: AiohttpTransport | None = None
        # Whether calls to a host and port go through the proxy, and since when that is known.
        self._tunnels: dict[tuple[str, int], tuple[float, asyncio.Future[bool]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._by_scheme.get(request.url.scheme)
        if transport is None:
            raise httpx.UnsupportedProtocol(f"{request.url} does not begin with http:// or https://.")
        tls = request.url.scheme == "https"
        await request.aread()
        if "User-Agent" not in request.headers:
            request.headers["User-Agent"] = "Arena"
        if self._proxy is not None and tls and await self._is_tunnelled(request):
            return await self._ask_through(self._proxy, request)
        if _is_address(request.url.host):
            # aiohttp asks no resolver about these.
            self._check(request.url.host, request.url.port or (443 if tls else 80), tls=tls)
        return await transport.handle_async_request(request)

    def _check(self, host: str, port: int, *, tls: bool) -> None:
        """As long remembered as a name is."""
        now, place = time.monotonic(), (host, port, tls)
        if now - self._checked.get(place, -_NAMES_FOR_S) >= _NAMES_FOR_S:
            allowed_addresses(host, port, tls=tls)
            self._checked[place] = now

    async def _is_tunnelled(self, request: httpx.Request) -> bool:
        """As long remembered as a name is. Behind a proxy names that do not resolve take seconds to say so: a hundred
        calls wait for one look-up."""
        if request.extensions.get("direct"):
            return False
        host, port, now = request.url.host, request.url.port or 443, time.monotonic()
        since, known = self._tunnels.get((host, port), (now, None))
        if known is None or now - since >= _NAMES_FOR_S:
            known = asyncio.ensure_future(asyncio.to_thread(tunnels, host, port, tls=True))
            self._tunnels[host, port] = (now, known)
        return await asyncio.shield(known)

    async def _ask_through(self, proxy: Proxy, request: httpx.Request) -> httpx.Response:
        if self._tunnelled is None:
            self._tunnelled = _to_proxy(proxy)
        try:
            return await self._tunnelled.handle_async_request(request)
        except httpx.ProxyError as error:
            status = getattr(error.__cause__, "status", 0)
            if refused := refused_by_proxy(proxy, status, request.url.host):
                raise refused from error
            if status:
                raise httpx.ProxyError(f"the proxy {proxy.url} answered {status}") from error
            raise

    async def aclose(self) -> None:
        for transport in (*self._by_scheme.values(), self._tunnelled):
            if transport is not None:
                await transport.aclose()


def _transport(*, tls: bool) -> AiohttpTransport:
    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=tls_context(),
            resolver=_GuardedResolver(tls=tls),
            ttl_dns_cache=_NAMES_FOR_S,
            keepalive_timeout=_KEEP_ALIVE_S,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return _Connections(verify=tls_context(), trust_env=False, client=session)


def _to_proxy(proxy: Proxy) -> AiohttpTransport:
    """Connects to the proxy alone: its address is the operator's, and no rule applies to it."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, ssl=tls_context(), resolver=aiohttp.ThreadedResolver(), keepalive_timeout=_KEEP_ALIVE_S
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    headers = {"Proxy-Authorization": aiohttp.encode_basic_auth(*proxy.credentials)} if proxy.credentials else {}
    through = httpx.Proxy(proxy.url, headers=headers)
    return AiohttpTransport(verify=tls_context(), trust_env=False, client=session, proxy=through)


class _Connections(AiohttpTransport):
    """Its parent, for requests whose content is known and whose time is kept by the caller: a third of the work."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        with map_aiohttp_exceptions():
            response = await self.client.request(
                request.method,
                _url(request.url),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_timeout(request.extensions.get("timeout", {}).get("connect")),
            )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response), request=request)


class _Body(AiohttpResponseStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        with map_aiohttp_exceptions():
            async for chunk in self._aiohttp_response.content.iter_any():
                yield chunk


@lru_cache(maxsize=1024)
def _url(url: httpx.URL) -> URL:
    return URL(str(url), encoded=True)


@lru_cache(maxsize=16)
def _timeout(connect_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect_s)


class _GuardedResolver(AbstractResolver):
    """Answers with the addresses that may be connected to, so that what is checked is what is connected to."""

    def __init__(self, *, tls: bool) -> None:
        self._tls = tls

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await asyncio.to_thread(allowed_addresses, host, port, tls=self._tls)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def _is_address(host: str) -> bool:
    """What aiohttp connects to without asking the resolver, if not refused for its form."""
    return ":" in host or host.replace(".", "").isdigit()
