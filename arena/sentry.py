"""Errors sent to Sentry. Settings import this only where SENTRY_DSN is set: loading the library takes a quarter of a
second."""

from __future__ import annotations

import sentry_sdk
from sentry_sdk.integrations.argv import ArgvIntegration
from sentry_sdk.integrations.httpx import HttpxIntegration

__all__ = ["report_errors"]


def report_errors(dsn: str) -> None:
    """Leaves out the values of variables and the bodies of requests, which hold answers beside the names of who wrote
    them, and the addresses that were called or typed into a command."""
    sentry_sdk.init(
        dsn=dsn,
        include_local_variables=False,
        max_request_body_size="never",
        send_default_pii=False,
        disabled_integrations=[HttpxIntegration, ArgvIntegration],
    )
