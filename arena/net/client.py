"""An httpx client that connects only where the rules let it, and keeps every read and write within its deadline.

Redirects are not followed, and proxies in the environment are not used: neither could be checked. The operator's own
proxy (`arena.net.proxy`) is, for what the rules send through it.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable

import httpcore
import httpx
from django.conf import settings

from arena.net.deadlines import remaining
from arena.net.proxy import Proxy, refused_by_proxy
from arena.net.rules import OutboundRefused, allowed_addresses, tunnels
from arena.net.tls import tls_context

__all__ = ["GuardedTransport", "open_client"]

_KEEP_ALIVE_S = 30.0
_CONNECTIONS = 4


def open_client() -> httpx.Client:
    """A client of the caller's own, to be closed by it."""
    return httpx.Client(
        transport=GuardedTransport(), follow_redirects=False, trust_env=False, headers={"User-Agent": "Arena"}
    )


class GuardedTransport(httpx.BaseTransport):
    """httpx's own transports: one whose connections are made by `_GuardedBackend`, and one to the operator's proxy."""

    def __init__(self) -> None:
        # httpx has no argument for the network backend; a test holds that the guard is asked.
        self._direct = _transport(
            httpcore.ConnectionPool(
                ssl_context=tls_context(),
                max_connections=_CONNECTIONS,
                keepalive_expiry=_KEEP_ALIVE_S,
                network_backend=_GuardedBackend(),
            )
        )
        self._proxy: Proxy | None = settings.ARENA_OUTBOUND_PROXY
        self._tunnelled = None if self._proxy is None else _transport(_proxy_pool(self._proxy))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        tls = request.url.scheme == "https"
        port = request.url.port or (443 if tls else 80)
        if self._proxy is None or self._tunnelled is None or not tunnels(request.url.host, port, tls=tls):
            _threads.tls = tls
            return self._direct.handle_request(request)
        try:
            return self._tunnelled.handle_request(request)
        except httpx.ProxyError as error:
            status = str(error).partition(" ")[0]
            refused = refused_by_proxy(self._proxy, int(status) if status.isdecimal() else 0, request.url.host)
            raise refused or error from error

    def close(self) -> None:
        self._direct.close()
        if self._tunnelled is not None:
            self._tunnelled.close()


def _transport(pool: httpcore.ConnectionPool) -> httpx.HTTPTransport:
    transport = httpx.HTTPTransport(verify=tls_context(), trust_env=False)
    transport._pool = pool
    return transport


def _proxy_pool(proxy: Proxy) -> httpcore.HTTPProxy:
    return httpcore.HTTPProxy(
        proxy.url,
        proxy_auth=proxy.credentials,
        ssl_context=tls_context(),
        proxy_ssl_context=tls_context() if proxy.url.startswith("https:") else None,
        max_connections=_CONNECTIONS,
        keepalive_expiry=_KEEP_ALIVE_S,
        network_backend=_DeadlineBackend(),
    )


class _DeadlineBackend(httpcore.SyncBackend):
    """Connects where it is told to, which is the operator's proxy, within the call's deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(super().connect_tcp(host, port, _within(timeout), local_address, socket_options))


class _GuardedBackend(httpcore.SyncBackend):
    """Connects to checked addresses only, and keeps every read and write within the call's deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = allowed_addresses(host, port, tls=getattr(_threads, "tls", False))
        except OSError as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        failure: Exception | None = None
        for address in addresses:
            try:
                stream = super().connect_tcp(address, port, _within(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream)
        assert failure is not None
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise OutboundRefused(f"{path}: sockets of this machine are not reached")


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _within(timeout, over=httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(timeout, over=httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, _within(timeout)))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


_threads = threading.local()


def _within(timeout: float | None, *, over: type[Exception] = httpcore.ConnectTimeout) -> float | None:
    """The shorter of httpcore's timeout and what the call's deadline leaves; raises `over` if that is nothing."""
    left = remaining()
    if left is None:
        return timeout
    if left <= 0:
        raise over("the time for this call is over")
    return left if timeout is None else min(timeout, left)
