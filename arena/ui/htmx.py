"""The request as htmx makes it, typed."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

__all__ = ["HtmxHttpRequest"]


class HtmxHttpRequest(HttpRequest):
    """Views that answer a part of a page to htmx annotate their request with this."""

    htmx: HtmxDetails
