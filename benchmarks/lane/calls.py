"""A call of the lane without a network: what is ours alone of a request, in microseconds."""

from __future__ import annotations

import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from arena.machine.fast_lane import FastLane
from routing.publishing.serving import LATEST_PATH

__all__ = ["calls"]

# Batches shorter than a turn on the processor: the median is one that nobody interrupted.
BATCH, BATCHES = 200, 301


class _Answer:
    """What granian hands over as `start_response`."""

    __slots__ = ("headers", "status")

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status = status
        self.headers = headers


def _environ(**headers: str) -> dict[str, Any]:
    """As granian makes one: the process's environment and the request's headers are in it."""
    return {
        **os.environ,
        "REQUEST_METHOD": "GET",
        "PATH_INFO": LATEST_PATH,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8001",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "HTTP_HOST": "127.0.0.1:8001",
        "HTTP_ACCEPT": "*/*",
        "HTTP_USER_AGENT": "python-httpx/0.28.1",
        "HTTP_CONNECTION": "keep-alive",
        **headers,
    }


def calls(authorization: str, *, batches: int = BATCHES) -> dict[str, float]:
    """By what is asked: the median microseconds of a call. Asks the database that the environment names."""
    found = {"an empty WSGI function": _microseconds(_empty, _environ(), "200 OK", batches)}
    for token, public in (({}, True), ({"HTTP_AUTHORIZATION": authorization}, False)):
        lane = FastLane(_empty, public=public, poll_s=3600)
        try:
            with_token = ", with token" if token else ""
            answer = _Answer()
            lane(_environ(**token), answer)
            known = {"HTTP_IF_NONE_MATCH": dict(answer.headers)["ETag"]}
            packed = {"HTTP_ACCEPT_ENCODING": "gzip, deflate"}
            for name, headers, status in (
                ("200", {}, "200 OK"),
                ("200 gzip", packed, "200 OK"),
                ("304", known | packed, "304 Not Modified"),
            ):
                environ = _environ(**token, **headers)
                found[name + with_token] = _microseconds(lane, environ, status, batches)
        finally:
            lane.stop()
    return found


def _microseconds(application: Callable[..., Any], environ: dict[str, Any], status: str, batches: int) -> float:
    answer = _Answer()
    times = []
    for _ in range(batches):
        began = time.perf_counter()
        for _ in range(BATCH):
            application(environ, answer)
        times.append((time.perf_counter() - began) / BATCH * 1e6)
        assert answer.status == status, answer.status
    return statistics.median(times)


def _empty(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]
