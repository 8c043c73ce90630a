"""A provider on loopback whose every answer takes so long and nothing else: `python -m benchmarks.collecting.provider
PORT SECONDS`."""

from __future__ import annotations

import asyncio
import json
import sys

EVENTS = (
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "A short "}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": "answer of a few words."}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 8}},
)
BODY = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS) + b"data: [DONE]\n\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Connection(asyncio.Protocol):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if ended and len(body) >= length:
            self._received = body[length:]
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def main(port: int, seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(seconds), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
