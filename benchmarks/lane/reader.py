"""Reads the newest table again and again over kept connections, and holds every single answer against its own claims.

    python -m benchmarks.lane.reader URL READS CONNECTIONS KEYS

`KEYS` is the JWK set of the table's signers, as JSON. Says "ready", waits for a line; reads so often, and on at
leisure until every connection got the version that a second line names. At the end prints, as JSON, the moment
(`time.monotonic()`) each read was sent and the version it got. Ends with an error at the first answer that is torn:
another digest than its ETag, another version within than in its head, a signature that does not hold, a version older
than the one before it from the same worker; or if the last version does not come.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import select
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.routing.signatures import is_signed

__all__ = ["Read", "Torn", "read"]

Read = tuple[float, int]
# Who reads on and on as fast as the machine allows leaves little of it to the publishers.
_LEISURE_S = 0.01
_PATIENCE_S = 60.0


class Torn(Exception):  # noqa: N818
    """An answer that contradicts itself."""


def read(url: str, reads: int, connections: int, keys: dict[str, Any], last: Callable[[], int | None]) -> list[Read]:
    """On each connection in turn. It has one worker on its other end, so its versions never fall. `last` is the version
    to go on to, None while nobody knows it. Raises Torn."""
    where = urlsplit(url)
    found: list[Read] = []
    whole: dict[str, tuple[bytes, int]] = {}
    with contextlib.ExitStack() as open_ones:
        asking = []
        for _ in range(connections):
            connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
            asking.append(open_ones.enter_context(contextlib.closing(connection)))
        newest = [0] * connections
        while len(found) < reads or (goal := last()) is None or min(newest) < goal:
            if len(found) >= reads:
                time.sleep(_LEISURE_S)
            worker = len(found) % connections
            sent = time.monotonic()
            asking[worker].request("GET", where.path)
            answer = asking[worker].getresponse()
            body, etag = answer.read(), answer.headers["ETag"]
            if etag not in whole:
                whole[etag] = body, _checked(answer, body, keys)
            kept, version = whole[etag]
            if body != kept or int(answer.headers["Arena-Table-Version"]) != version:
                raise Torn(f"version {version} came with two bodies")
            if version < newest[worker]:
                raise Torn(f"version {version} came after {newest[worker]}")
            newest[worker] = version
            found.append((sent, version))
    return found


def _checked(answer: http.client.HTTPResponse, body: bytes, keys: dict[str, Any]) -> int:
    """The version of a body seen for the first time."""
    if answer.status != 200 or answer.headers["ETag"] != f'"sha256:{hashlib.sha256(body).hexdigest()}"':
        raise Torn(f"{answer.status}: {len(body)} bytes are not those of {answer.headers['ETag']}")
    if not is_signed(body, answer.headers["Arena-Table-Signature"], keys):
        raise Torn(f"{answer.headers['ETag']} is not signed by a key of Arena's")
    return int(json.loads(body)["version"])


def main(url: str, reads: str, connections: str, keys: str) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    told: list[tuple[int, float]] = []

    def last() -> int | None:
        if not told and select.select([sys.stdin], [], [], 0)[0]:
            told.append((int(sys.stdin.readline()), time.monotonic() + _PATIENCE_S))
        for version, until in told:
            if time.monotonic() > until:
                raise Torn(f"version {version} is not served everywhere")
            return version
        return None

    print(json.dumps(read(url, int(reads), int(connections), json.loads(keys), last)))


if __name__ == "__main__":
    main(*sys.argv[1:])
