"""A published table as HTTP: every answer is prepared, and one function picks among them. Pure; knows neither Django
nor WSGI.

The fast lane and the Django view both answer through `respond`, so they cannot differ. The body is the stored bytes;
its SHA-256 is the ETag. The gzip form is made once and carries the weak form of the same tag, and either form of the
tag, alone or in a list, earns the 304.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

__all__ = [
    "FOREVER",
    "LATEST",
    "LATEST_PATH",
    "NOT_PUBLISHED",
    "Answer",
    "Form",
    "Headers",
    "Served",
    "problem",
    "respond",
]

Headers = tuple[tuple[str, str], ...]

LATEST_PATH = "/api/v1/routing/latest"

# Short, since a newer version may come at any moment; stale is better than none.
LATEST = "max-age=15, stale-while-revalidate=60, stale-if-error=86400"
# A numbered version never changes.
FOREVER = "max-age=31536000, immutable"

NOT_PUBLISHED = (
    "Nothing is published yet. Vote until a category has enough votes, or name a default in the routing policy; "
    "then publish on the routing page, or with: manage.py publish"
)

_VARY = ("Vary", "Accept-Encoding, Authorization")
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
# A browser's Accept-Encoding has about 30 characters. A longer one than this is neither parsed nor remembered.
_LONGEST_ACCEPTED = 200


class Answer(NamedTuple):
    """`line` is the status as WSGI wants it. Answers are shared: the sender gives the server a list of
    its own, which it may add to."""

    status: int
    line: str
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, status: int, headers: Headers, body: bytes = b"") -> Answer:
        return cls(status, f"{status} {HTTPStatus(status).phrase}", headers, body)


@dataclass(frozen=True, slots=True)
class Form:
    """A table in one encoding, in each of its answers."""

    whole: Answer
    head: Answer
    unchanged: Answer

    @classmethod
    def of(cls, body: bytes, tag: str, common: Headers, *encoding: tuple[str, str]) -> Form:
        # A 304 repeats the headers of the 200, its own form of the tag included (RFC 9110, 15.4.5).
        kept: Headers = (("ETag", tag), *common)
        content = (("Content-Type", "application/json"), _NOSNIFF, *encoding, ("Content-Length", str(len(body))))
        return cls(Answer.of(200, kept + content, body), Answer.of(200, kept + content), Answer.of(304, kept))


@dataclass(frozen=True, slots=True)
class Served:
    """Everything an answer needs, prepared. Replaced whole, never changed."""

    version: int
    sha256: str
    tag: str
    plain: Form
    gzip: Form

    @classmethod
    def of(cls, *, version: int, body: bytes, sha256: str, signature: str, public: bool, cache: str = LATEST) -> Served:
        tag = f'"sha256:{sha256}"'
        common = (
            ("Cache-Control", f"{'public' if public else 'private'}, {cache}"),
            _VARY,
            ("Arena-Table-Version", str(version)),
            ("Arena-Table-Signature", signature),
        )
        # mtime 0: every worker makes the same bytes.
        compressed = gzip.compress(body, 9, mtime=0)
        return cls(
            version=version,
            sha256=sha256,
            tag=tag,
            plain=Form.of(body, tag, common),
            gzip=Form.of(compressed, f"W/{tag}", common, ("Content-Encoding", "gzip")),
        )


def respond(served: Served, *, head: bool, if_none_match: str | None, accept_encoding: str | None) -> Answer:
    """200 with the stored bytes (plain or gzip), or 304."""
    form = served.gzip if accept_encoding and _accepts_gzip(accept_encoding) else served.plain
    if if_none_match and _knows(if_none_match, served.tag):
        return form.unchanged
    return form.head if head else form.whole


def _knows(if_none_match: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: the weak comparison, over a list or `*`. A tag holds no quotes besides its own two, so it
    is in a list, weak or not, exactly if its characters are; that search costs no more for a hostile list."""
    return tag in if_none_match or if_none_match.strip() == "*"


def _accepts_gzip(accept_encoding: str) -> bool:
    return len(accept_encoding) <= _LONGEST_ACCEPTED and _prefers_gzip(accept_encoding)


@lru_cache(maxsize=256)  # a handful of clients send the same few forms
def _prefers_gzip(accept_encoding: str) -> bool:
    """RFC 9110, 12.5.3: whether `gzip`, `x-gzip` or else `*` is accepted, weighing no less than a named `identity`."""
    weights = {}
    for one in accept_encoding.lower().split(","):
        name, _, parameters = one.partition(";")
        weights[name.strip()] = _weight(parameters)
    wanted = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return wanted > 0 and wanted >= weights.get("identity", 0.0)


def _weight(parameters: str) -> float:
    """Of `q=0.5`; 1 without a `q`, 0 for what is not a weight."""
    for one in parameters.split(";"):
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0


def problem(status: int, detail: str, *, headers: Headers = (), head: bool = False, **extra: Any) -> Answer:
    """An RFC 9457 document. Never cached: the next moment may have a table."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    body = json.dumps(document).encode()
    all_headers: Headers = (
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        _VARY,
        _NOSNIFF,
        *headers,
    )
    return Answer.of(status, all_headers, b"" if head else body)
