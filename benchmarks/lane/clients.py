"""Clients that ask one address again and again over kept connections: wrk where the machine has it, else our own.

Our own is Python and takes a good part of the machine for itself, which draws every ratio towards 1: throughput worth
telling is wrk's (Debian: apt install wrk). `python -m benchmarks.lane.clients URL CONNECTIONS SECONDS [AUTHORIZATION]`
is our own in a process of its own.
"""

from __future__ import annotations

import json
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Asked", "has_wrk", "own_client", "wrk_client"]


class Asked(NamedTuple):
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


Client = Callable[..., Asked]


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def wrk_client(url: str, *, connections: int, seconds: int, authorization: str = "") -> Asked:
    headers = ["-H", f"Authorization: {authorization}"] if authorization else []
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *headers, url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"{url} did not answer every request:\n{told}")
    done = re.search(r"(\d+) requests in ([\d.]+)s", told)
    assert done is not None, told
    return Asked(int(done[1]), float(done[2]), _milliseconds(told, "50%"), _milliseconds(told, "99%"))


def _milliseconds(told: str, share: str) -> float:
    found = re.search(rf"^\s+{share}\s+([\d.]+)(us|ms|s|m)\s*$", told, re.MULTILINE)
    assert found is not None, told
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[found[2]]


def own_client(url: str, *, connections: int, seconds: float, authorization: str = "") -> Asked:
    command = [sys.executable, "-m", "benchmarks.lane.clients", url, str(connections), str(seconds), authorization]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Asked(*json.loads(done.stdout))


@dataclass
class _Asking:
    """One connection with one request under way."""

    connection: socket.socket
    # When its request was sent, and how much of the answer has come.
    began: float = 0.0
    got: int = 0
    # Of the whole answer, once its head was read: the next ones differ in no byte count. Negative: it comes in chunks.
    length: int = 0
    end: bytes = b""

    def ask(self, request: bytes) -> None:
        self.began, self.got = time.perf_counter(), 0
        self.connection.sendall(request)

    def read(self) -> bool:
        """Whether the answer is whole."""
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed a kept connection")
        if self.length == 0:
            self.length = _length(data)
        if self.length < 0:
            self.end = (self.end + data)[-5:]
            return self.end == b"0\r\n\r\n"
        self.got += len(data)
        return self.got >= self.length


def _length(data: bytes) -> int:
    head, _, _ = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return len(head) + 4 + int(length[1]) if length else -1


def _ask(url: str, connections: int, seconds: float, authorization: str) -> Asked:
    where = urlsplit(url)
    lines = [f"GET {where.path} HTTP/1.1", f"Host: {where.netloc}"]
    lines += [f"Authorization: {authorization}"] if authorization else []
    request = "\r\n".join([*lines, "", ""]).encode()
    times: list[float] = []
    with selectors.DefaultSelector() as waiting:
        for _ in range(connections):
            one = _Asking(socket.create_connection((where.hostname, where.port), timeout=30))
            one.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting.register(one.connection, selectors.EVENT_READ, one)
        began = time.perf_counter()
        for key in waiting.get_map().values():
            key.data.ask(request)
        while (now := time.perf_counter()) < began + seconds or not times:
            for key, _ in waiting.select(timeout=1):
                if key.data.read():
                    times.append(time.perf_counter() - key.data.began)
                    key.data.ask(request)
        for key in list(waiting.get_map().values()):
            key.data.connection.close()
    times.sort()
    return Asked(len(times), now - began, *(times[int(len(times) * share)] * 1000 for share in (0.5, 0.99)))


if __name__ == "__main__":
    _url, _connections, _seconds, _authorization = sys.argv[1:]
    print(json.dumps(_ask(_url, int(_connections), float(_seconds), _authorization)))
