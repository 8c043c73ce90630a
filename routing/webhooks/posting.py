"""One POST to a receiver. Touches no database, follows no redirect, ends within its time, believes nothing it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import structlog

from arena.outbound import Deadline, OutboundRefused, open_client, retry_after
from routing.webhooks.back_off import LONGEST_S

__all__ = ["TOTAL_S", "Posted", "post"]

TOTAL_S = 15.0
# With its status the receiver has said all that counts; the rest is for the log.
_ANSWER_S = 2.0
_ANSWER_BYTES = 4096
_ANSWER_CHARS = 300
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Posted:
    """What came of it. `status` None: no answer, and `error` says why. `answer` is the start of what was said, on one
    line, else as the receiver wrote it: hostile."""

    status: int | None
    error: str = ""
    answer: str = ""
    duration_ms: float | None = None
    retry_after_s: float | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver asks never to be told again."""
        return self.status == 410

    @property
    def words(self) -> str:
        return self.error or f"status {self.status}"


def post(url: str, *, body: str, headers: Mapping[str, str], total_s: float = TOTAL_S) -> Posted:
    """Whatever a receiver sends is a result, and so is whatever keeps it from being asked."""
    deadline = Deadline(total_s=total_s)
    try:
        with open_client() as http, deadline.applied():
            request = http.build_request(
                "POST", url, content=body.encode(), headers=_HEADERS | dict(headers), timeout=total_s
            )
            response = http.send(request, stream=True)
            try:
                return _read(response, deadline)
            finally:
                response.close()
    except (OutboundRefused, httpx.HTTPError, httpx.InvalidURL) as error:
        return Posted(None, _words(error, total_s), duration_ms=deadline.elapsed_ms())


def _read(response: httpx.Response, deadline: Deadline) -> Posted:
    duration_ms = deadline.elapsed_ms()
    deadline.shorten(_ANSWER_S)
    beginning = bytearray()
    try:
        for chunk in response.iter_raw():
            beginning += chunk
            if len(beginning) >= _ANSWER_BYTES:
                break
    except httpx.HTTPError:
        log.debug("webhook_answer_cut")
    error = "it redirects, which is not followed: set the final address" if response.is_redirect else ""
    return Posted(
        response.status_code,
        error,
        _one_line(beginning[:_ANSWER_BYTES].decode("utf-8", "replace"))[:_ANSWER_CHARS],
        duration_ms,
        retry_after(response.headers, now=datetime.now(UTC), at_most_s=LONGEST_S),
    )


def _words(error: Exception, total_s: float) -> str:
    if isinstance(error, OutboundRefused):
        return error.detail[:300]
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return _one_line(f"no connection: {error}")[:300]
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in {total_s:g} s"
    return _one_line(f"no answer: {str(error) or type(error).__name__}")[:300]


def _one_line(text: str) -> str:
    """Without what is not shown: control characters, among them NUL, which PostgreSQL refuses, and marks that turn the
    direction of a text."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
