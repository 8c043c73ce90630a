"""Providers on loopback whose every answer takes so long and nothing else: `python -m benchmarks.collecting.provider
PORT SECONDS [SHARE]`.

Each first part of a path is a provider of its own (`/v1`, `/healthy-1/v1`). One whose name begins with `busy` answers
that SHARE of its calls with 429 and `Retry-After: 1`. `GET /counts` says what each was asked, how many calls it had at
once at most, and its most calls in any minute; and how often each prompt was asked.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

EVENTS = (
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "A short "}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": "answer of a few words."}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 8}},
)
BODY = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS) + b"data: [DONE]\n\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Provider:
    calls: int = 0
    refused: int = 0
    at_once: int = 0
    most_at_once: int = 0
    most_a_minute: int = 0
    first_at: float | None = None
    last_at: float = 0.0
    minute: deque[float] = field(default_factory=deque)

    def begin(self) -> None:
        now = time.monotonic()
        self.first_at = self.first_at or now
        self.calls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.minute.append(now)
        while self.minute[0] <= now - 60:
            self.minute.popleft()
        self.most_a_minute = max(self.most_a_minute, len(self.minute))

    def end(self) -> None:
        self.at_once -= 1
        self.last_at = time.monotonic()

    def counts(self) -> dict[str, float]:
        seconds = self.last_at - (self.first_at or self.last_at)
        return {
            "calls": self.calls,
            "refused": self.refused,
            "most_at_once": self.most_at_once,
            "most_a_minute": self.most_a_minute,
            "seconds": seconds,
        }


class Double:
    def __init__(self, seconds: float, share: float) -> None:
        self.seconds = seconds
        self.share = share
        self.providers: defaultdict[str, Provider] = defaultdict(Provider)
        self.asked: Counter[str] = Counter()
        self.random = random.Random(7)

    def counts(self) -> bytes:
        found = {name: provider.counts() for name, provider in self.providers.items()}
        asked = {"prompts": len(self.asked), "calls": sum(self.asked.values())}
        body = json.dumps({"providers": found, "asked": asked}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Connection(asyncio.Protocol):
    def __init__(self, double: Double) -> None:
        self._double = double
        self._received = b""
        self._asked: Provider | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not ended or len(body) < length:
            return
        self._received = body[length:]
        path = head.split(b" ", 2)[1].decode()
        if path == "/counts":
            self._transport.write(self._double.counts())
            return
        name = path.split("/")[1]
        self._double.asked[body[:length].partition(b'"content":')[2].partition(b"}")[0].decode()] += 1
        self._asked = provider = self._double.providers[name]
        provider.begin()
        refuses = name.startswith("busy") and self._double.random.random() < self._double.share
        provider.refused += refuses
        after_s = 0.02 if refuses else self._double.seconds
        asyncio.get_running_loop().call_later(after_s, self._answer, REFUSAL if refuses else ANSWER)

    def _answer(self, answer: bytes) -> None:
        if self._asked is not None:
            self._asked.end()
            self._asked = None
            self._transport.write(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked is not None:
            self._asked.end()
            self._asked = None


async def main(port: int, seconds: float, share: float) -> None:
    double = Double(seconds, share)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(double), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0))
