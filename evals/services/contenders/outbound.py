"""Where collection may connect to: the open internet, and what the operator listed.

A base URL is typed by an editor, so without this a run could read the cloud's metadata service or a database on the
internal network. The rules:

- A name is resolved once, its addresses are checked, and the connection goes to an address that was checked: a name
  that resolves differently a moment later (rebinding) gains nothing.
- Public addresses are reached by https. Private, loopback and carrier addresses, and plain http anywhere, only for a
  host and port in `ARENA_OUTBOUND_ALLOW`, written as in the base URL (`ollama:11434`) or as the address itself.
- Link-local, multicast and the clouds' metadata addresses only if the address itself is listed: a name that suddenly
  points there is an attack.
- Redirects are not followed, and proxies in the environment are not used: neither could be checked.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpcore
import httpx
from django.conf import settings

from evals.providers import NotAllowed
from evals.providers.deadlines import remaining

__all__ = ["allowed_addresses", "check", "http_client"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services on addresses that count as public or merely private.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_KEEP_ALIVE_S = 30.0


def check(base_url: str) -> None:
    """Raises NotAllowed if a call to this address would be refused now. Resolves the name."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotAllowed(f"{base_url!r} is no http or https address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        allowed_addresses(parts.hostname, port, tls=parts.scheme == "https")
    except OSError as error:
        raise NotAllowed(f"{parts.hostname} has no address: {error}") from error


def allowed_addresses(host: str, port: int, *, tls: bool) -> list[str]:
    """The addresses of `host` that may be connected to, in the resolver's order. Raises NotAllowed if there are
    none, OSError if the name has no address at all."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in addresses if _may_connect(host, address, port, tls=tls)]
    if not allowed:
        raise NotAllowed(_refusal(host, addresses, port, tls=tls))
    return allowed


def http_client() -> httpx.Client:
    """This thread's client. Kept for the thread's life, so that connections are used again."""
    client: httpx.Client | None = getattr(_threads, "client", None)
    if client is None:
        client = httpx.Client(
            transport=GuardedTransport(), follow_redirects=False, trust_env=False, headers={"User-Agent": "Arena"}
        )
        _threads.client = client
    return client


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport on a pool whose connections are made by `_GuardedBackend`."""

    def __init__(self) -> None:
        super().__init__(verify=_tls_context())
        # httpx has no argument for the network backend; a test holds that the guard is asked.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls_context(),
            max_connections=4,
            keepalive_expiry=_KEEP_ALIVE_S,
            network_backend=_GuardedBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _threads.tls = request.url.scheme == "https"
        return super().handle_request(request)


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
        raise NotAllowed(f"{path}: sockets of this machine are not reached")


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


def _may_connect(host: str, address: str, port: int, *, tls: bool) -> bool:
    listed = {entry.lower() for entry in settings.ARENA_OUTBOUND_ALLOW}
    plain = _plain(ipaddress.ip_address(address.partition("%")[0]))
    if _entry(str(plain), port) in listed or _entry(address, port) in listed:
        return True
    if plain in _METADATA or plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return False
    if _entry(host, port) in listed:
        return True
    return tls and _is_public(plain)


def _plain(address: Address) -> Address:
    """The IPv4 address that some kinds of IPv6 address stand for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
    return address


def _is_public(address: Address) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not address.is_multicast and not address.is_reserved and not site_local


def _entry(host: str, port: int) -> str:
    host = host.lower().rstrip(".")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refusal(host: str, addresses: list[str], port: int, *, tls: bool) -> str:
    plain = _plain(ipaddress.ip_address(addresses[0].partition("%")[0]))
    named = host if host == addresses[0] else f"{host} ({addresses[0]})"
    entry = _entry(host, port)
    if plain in _METADATA or plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        why, entry = "no address that serves models", _entry(str(plain), port)
    elif not _is_public(plain):
        why = "a private address"
    else:
        why = "plain http, which would send the key unencrypted: use https, or"
        return f"{named} on port {port}: {why} add {entry} to ARENA_OUTBOUND_ALLOW"
    return f"{named} on port {port} is {why}: add {entry} to ARENA_OUTBOUND_ALLOW if collection may call it"


def _tls_context() -> ssl.SSLContext:
    global _context  # noqa: PLW0603 (made once: loading the certificates takes 20 ms)
    with _context_lock:
        if _context is None:
            _context = httpx.create_ssl_context()
        return _context


_context: ssl.SSLContext | None = None
_context_lock = threading.Lock()
