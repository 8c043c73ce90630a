"""Which certificates are trusted in calls to other hosts."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx
from django.conf import settings

__all__ = ["tls_context"]


def tls_context() -> ssl.SSLContext:
    """For every call over TLS: the authorities in SSL_CERT_FILE alone, else those that come with certifi."""
    return _made(settings.SSL_CERT_FILE)


@lru_cache(maxsize=4)
def _made(ca_file: str) -> ssl.SSLContext:
    """Made once: loading the certificates takes 20 ms."""
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    # Without the environment: SSL_CERT_FILE was read and checked at the start.
    return httpx.create_ssl_context(trust_env=False)
