"""Where calls may go: the open internet, and what the operator listed."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from django.conf import settings

__all__ = ["OutboundRefused", "allowed_addresses", "check", "is_listed", "tunnels"]


class OutboundRefused(Exception):  # noqa: N818 (names say what happened)
    """The address is none that Arena may connect to. `detail` says why, and what to do if it should be."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services on addresses that count as public or merely private.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HOW = " (an environment variable, commas between several; it is read at the start)"


def check(url: str) -> None:
    """Raises OutboundRefused if a call to this address would be refused now. Resolves the name, which may have no
    address here only if the call goes through the proxy."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise OutboundRefused(f"{url!r} is not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OutboundRefused(f"{url!r} is not an http or https address")
    tls = parts.scheme == "https"
    try:
        if not tunnels(parts.hostname, port, tls=tls):
            allowed_addresses(parts.hostname, port, tls=tls)
    except UnicodeError:
        raise OutboundRefused(f"{parts.hostname!r} is not a host name") from None
    except OSError as error:
        raise OutboundRefused(f"{parts.hostname} has no address: {error.strerror or error}") from error


def allowed_addresses(host: str, port: int, *, tls: bool) -> list[str]:
    """The addresses of `host` that may be connected to, in the resolver's order. Raises OutboundRefused if there are
    none, OSError if the name has no address at all."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in addresses if _may_connect(host, address, port, tls=tls)]
    if not allowed:
        raise OutboundRefused(_refusal(host, addresses, port, tls=tls))
    return allowed


def tunnels(host: str, port: int, *, tls: bool) -> bool:
    """Whether a call there goes through the operator's proxy: over https alone, and neither to what
    ARENA_OUTBOUND_ALLOW lists nor to what NO_PROXY names. Raises OutboundRefused if the proxy must not be asked.
    Resolves the name.

    The proxy resolves the name itself. Here it may have no address at all, which is usual behind a proxy; but where it
    has any that is not of the open internet, the proxy is not asked: it might connect to just that one.
    """
    proxy = settings.ARENA_OUTBOUND_PROXY
    if proxy is None or not tls or is_listed(host, port) or not proxy.takes(host, port):
        return False
    plain = host.lower().rstrip(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        raise OutboundRefused(_refusal(host, ["127.0.0.1"], port, tls=True))
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OutboundRefused(f"{host!r} is not a host name") from None
    except OSError:
        if _ends_in_a_number(plain):
            # Some resolvers read 0x7f.1 as an address and some do not; the proxy's may.
            raise OutboundRefused(f"{host} is not a host name") from None
        return True
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if any(is_listed(address, port) for address in addresses):
        return False
    private = [one for one in addresses if not _may_connect(host, one, port, tls=True)]
    if private:
        raise OutboundRefused(_refusal(host, private, port, tls=True))
    return True


def is_listed(host: str, port: int) -> bool:
    """Whether ARENA_OUTBOUND_ALLOW lists this very host and port, by the name or address it is called by."""
    return _entry(host.strip("[]"), port) in {entry.lower() for entry in settings.ARENA_OUTBOUND_ALLOW}


def _ends_in_a_number(host: str) -> bool:
    last = host.rpartition(".")[2]
    return last.isdecimal() or last.startswith("0x")


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
        why, entry = "not an address of a service", _entry(str(plain), port)
    elif not _is_public(plain):
        why = "a private address"
    else:
        why = "plain http, which is not encrypted: use https, or"
        return f"{named} on port {port}: {why} add {entry} to ARENA_OUTBOUND_ALLOW{_HOW}"
    return f"{named} on port {port} is {why}: add {entry} to ARENA_OUTBOUND_ALLOW if Arena may call it{_HOW}"
