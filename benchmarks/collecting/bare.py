"""As little as anybody can do to ask so many questions, so many at a time: sockets on an asyncio loop, each answer read
and parsed, nothing stored. `python -m benchmarks.collecting.bare PORT CALLS AT_ONCE` prints its seconds."""

from __future__ import annotations

import asyncio
import json
import sys
import time

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Say something short."}], "stream": True}
BODY = json.dumps(ASKED).encode()
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


async def ask(port: int, left: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while left:
        left.pop()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        for line in body.split(b"\n"):
            if line.startswith(b"data: {"):
                json.loads(line[6:])
    writer.close()


async def main(port: int, calls: int, at_once: int) -> float:
    left, started = list(range(calls)), time.monotonic()
    await asyncio.gather(*(ask(port, left) for _ in range(at_once)))
    return time.monotonic() - started


if __name__ == "__main__":
    print(asyncio.run(main(*map(int, sys.argv[1:4]))))
