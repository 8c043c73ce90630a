"""Calls to other machines, whoever typed the address: where they may go, and how long they may take.

with open_client() as http, Deadline(total_s=15).applied():
    http.post("https://receiver.example/hook", json={})     # OutboundRefused, or httpx's own errors
"""

from __future__ import annotations

from arena.net.client import GuardedTransport, http_client, open_client
from arena.net.deadlines import Deadline
from arena.net.headers import retry_after
from arena.net.rules import OutboundRefused, allowed_addresses, check

__all__ = [
    "Deadline",
    "GuardedTransport",
    "OutboundRefused",
    "allowed_addresses",
    "check",
    "http_client",
    "open_client",
    "retry_after",
]
