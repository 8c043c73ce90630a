"""A published table as HTTP: one immutable object, one function that answers. Pure; knows neither Django nor WSGI.

The fast lane and the Django view both answer through `respond`, so they cannot differ. The body is the stored
bytes; its SHA-256 is the ETag. The gzip form is made once and carries the weak form of the same tag, and either
form of the tag, alone or in a list, earns the 304.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

__all__ = ["FOREVER", "LATEST", "NOT_PUBLISHED", "Answer", "Headers", "Served", "problem", "respond"]

Headers = list[tuple[str, str]]

# Short, since a newer version may come at any moment; stale is better than none.
LATEST = "max-age=15, stale-while-revalidate=60, stale-if-error=86400"
# A numbered version never changes.
FOREVER = "max-age=31536000, immutable"

NOT_PUBLISHED = (
    "Nothing is published yet. Vote until a category has enough votes, or name a default in the routing policy; "
    "then publish on the routing page, or with: manage.py publish"
)


_STATUS_LINES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes

    @property
    def status_line(self) -> str:
        return _STATUS_LINES[self.status]


@dataclass(frozen=True, slots=True)
class Served:
    """Everything an answer needs, worked out beforehand. Replaced whole, never changed."""

    version: int
    sha256: str
    body: bytes
    compressed: bytes
    tag: str
    plain_headers: tuple[tuple[str, str], ...]
    gzip_headers: tuple[tuple[str, str], ...]
    unchanged_headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, *, version: int, body: bytes, sha256: str, signature: str, public: bool, cache: str = LATEST) -> Served:
        tag = f'"sha256:{sha256}"'
        # mtime 0: every worker makes the same bytes.
        compressed = gzip.compress(body, 9, mtime=0)
        common = (
            ("Cache-Control", f"{'public' if public else 'private'}, {cache}"),
            ("Vary", "Accept-Encoding, Authorization"),
            ("Arena-Table-Version", str(version)),
            ("Arena-Table-Signature", signature),
        )
        kind = (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"))
        return cls(
            version=version,
            sha256=sha256,
            body=body,
            compressed=compressed,
            tag=tag,
            plain_headers=(("ETag", tag), *common, *kind, ("Content-Length", str(len(body)))),
            gzip_headers=(
                ("ETag", f"W/{tag}"),
                *common,
                *kind,
                ("Content-Encoding", "gzip"),
                ("Content-Length", str(len(compressed))),
            ),
            unchanged_headers=(("ETag", tag), *common),
        )


def respond(served: Served, *, head: bool, if_none_match: str | None, accept_encoding: str | None) -> Answer:
    """200 with the stored bytes (plain or gzip), or 304. Headers are a fresh list: servers may add to it."""
    if if_none_match and _knows(if_none_match, served.tag):
        return Answer(304, list(served.unchanged_headers), b"")
    if accept_encoding and _takes_gzip(accept_encoding):
        return Answer(200, list(served.gzip_headers), b"" if head else served.compressed)
    return Answer(200, list(served.plain_headers), b"" if head else served.body)


def _knows(if_none_match: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: the weak comparison, over a list or `*`. Our tags hold no comma."""
    if if_none_match == tag:
        return True
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in if_none_match.split(","))


@lru_cache(maxsize=256)  # a handful of clients send the same few forms
def _takes_gzip(accept_encoding: str) -> bool:
    """RFC 9110, 12.5.3: `gzip`, `x-gzip` or `*`, unless refused by `;q=0`; the exact name goes before `*`."""
    star = False
    for one in accept_encoding.lower().split(","):
        name, _, rest = one.partition(";")
        name = name.strip()
        if name not in ("gzip", "x-gzip", "*"):
            continue
        wanted = _weight(rest) > 0
        if name != "*":
            return wanted
        star = wanted
    return star


def _weight(parameters: str) -> float:
    for one in parameters.split(";"):
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def problem(status: int, detail: str, *, headers: Headers | None = None, head: bool = False, **extra: Any) -> Answer:
    """An RFC 9457 document. Never cached: the next moment may have a table."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    body = json.dumps(document).encode()
    made: Headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept-Encoding, Authorization"),
        *(headers or []),
    ]
    return Answer(status, made, b"" if head else body)
