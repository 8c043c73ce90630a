"""The proxy that calls to other networks take, where the operator names one.

Only `ARENA_OUTBOUND_PROXY` decides, with `NO_PROXY`: variables that other programs read (`HTTPS_PROXY`) change nothing.
Calls through it are https alone, in a tunnel (CONNECT), so that the proxy sees a host's name and no prompt or key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from arena.net.rules import OutboundRefused

__all__ = ["Proxy", "ProxyError", "parse_proxy", "refused_by_proxy"]

_PORTS = {"http": 80, "https": 443}


class ProxyError(ValueError):
    """What is wrong with the address of a proxy. Never repeats it: it may hold a password."""


@dataclass(frozen=True)
class Proxy:
    """`url` is without the credentials, which never show in a repr. `bypass` are the entries of NO_PROXY."""

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bypass: tuple[str, ...] = ()

    @property
    def credentials(self) -> tuple[str, str] | None:
        return (self.username, self.password) if self.username or self.password else None

    def takes(self, host: str, port: int) -> bool:
        """False for what NO_PROXY names.

        As curl reads it: a name stands for itself and everything below it, with or without a dot or `*.` before it;
        an address or a network (10.0.0.0/8) for addresses that are written as such; `*` for everything; and any of
        them may end in a port.
        """
        host = host.lower().strip("[]").rstrip(".")
        return not any(_matches(entry, host, port) for entry in self.bypass)


def parse_proxy(url: str, *, bypass: Iterable[str] = ()) -> Proxy:
    """Raises ProxyError unless `url` is an http or https address, with or without user and password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ProxyError("not the address of a proxy") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ProxyError("not an http:// or https:// address")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ProxyError("an address with more than a host and a port")
    if port == 0 or any(char.isspace() or not char.isprintable() for char in url):
        raise ProxyError("not the address of a proxy")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(
        f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        tuple(entry.strip().lower() for entry in bypass if entry.strip()),
    )


def refused_by_proxy(proxy: Proxy, status: int, host: str) -> OutboundRefused | None:
    """What an answer to CONNECT means, if asking again would not help; None if it might (a proxy out of order)."""
    if status == 407:
        what = "wants a user and a password, or other ones"
        how = "write them into ARENA_OUTBOUND_PROXY as http://user:password@host:port (characters such as @ as %40)"
    elif 300 <= status < 500 and status not in (408, 429):
        what, how = f"does not let calls to {host} pass", "have it allowed there, or name the host in NO_PROXY"
    else:
        return None
    return OutboundRefused(f"the proxy {proxy.url} {what} (it answered {status}): {how}, and start Arena again")


def _matches(entry: str, host: str, port: int) -> bool:
    entry, only_port = _split_port(entry)
    if only_port is not None and only_port != port:
        return False
    if entry == "*":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = entry.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
    return address in network


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, None  # an IPv6 address
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and not name.endswith(":"):
        return name, int(port)
    return entry, None
