"""What a Router is made with: checked, and turned into what the rest needs. All of it raises ConfigurationError."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import httpx

from arena_routing._errors import ConfigurationError
from arena_routing._signatures import PublicKeys

__all__ = ["check_positive", "check_url", "client_maker", "trusted_keys"]

log = logging.getLogger("arena_routing")


def check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"url is {url!r}; write it as https://arena.example, without /api.")


def check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise ConfigurationError(f"{name} is {value!r}; it must be above 0.")


def trusted_keys(public_keys: Mapping[str, Any] | str | bytes | None, url: str, *, verify: bool) -> PublicKeys | None:
    """None: signatures are not checked, which must have been said."""
    if not verify:
        log.warning("Tables of %s are used without checking their signatures.", url)
        return None
    if public_keys is None:
        raise ConfigurationError(
            f"public_keys is missing. Fetch {url.rstrip('/')}/api/v1/routing/keys once, keep it with your "
            "configuration, and hand it over; or say verify_signatures=False and trust whoever answers."
        )
    return PublicKeys(public_keys)


def client_maker(
    *,
    token: str | None,
    timeout_s: float,
    keep_s: float,
    user_agent: str,
    transport: Callable[[], httpx.AsyncBaseTransport] | None,
) -> Callable[[], httpx.AsyncClient]:
    """A client for each process: connections do not survive a fork."""
    headers = {"User-Agent": user_agent}
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
            # A connection that is kept saves each poll its handshake.
            limits=httpx.Limits(max_connections=4, keepalive_expiry=keep_s),
        )

    return make_client


@cache
def _tls() -> ssl.SSLContext:
    """Loading the authorities takes some 30 ms; done once, it costs no forked child's first request anything."""
    return httpx.create_ssl_context()
