"""A server on a raw socket that answers each request with a script: no HTTP library would misbehave like this."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

# What a script gets: `send(bytes)`, which is False once the client has gone, and `pause(seconds)`, which ends early
# (True) when the server closes.
Script = Callable[["Talk"], None]


@dataclass
class Talk:
    """One request, and the means to answer it."""

    body: dict[str, Any]
    headers: dict[str, str]
    _socket: socket.socket
    _closing: threading.Event
    # Method and path: "GET /v1/models?limit=20".
    asked: str = ""

    def send(self, data: bytes) -> bool:
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def drip(self, data: bytes, every_s: float) -> None:
        for byte in data:
            if not self.send(bytes([byte])) or self.pause(every_s):
                return

    def pause(self, seconds: float) -> bool:
        return self._closing.wait(seconds)

    def reset(self) -> None:
        """Break the connection off as a crashing server does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@dataclass
class Misbehaving:
    """Answers its requests with `scripts` in turn; the last one again and again. Counts connections and requests."""

    scripts: list[Script]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    # Method and path of each request: "POST /v1/chat/completions".
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"


@contextlib.contextmanager
def misbehaving(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[Misbehaving]:
    server = Misbehaving(list(scripts))
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    lock = threading.Lock()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            talk_on(connection if tls is None else tls.wrap_socket(connection, server_side=True))

    def talk_on(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            stream = connection.makefile("rb")
            while not closing.is_set():
                request = _read(stream)
                if request is None:
                    return
                asked, headers, body = request
                with lock:
                    script = server.scripts[min(len(server.requests), len(server.scripts) - 1)]
                    server.requests.append(body)
                    server.headers.append(headers)
                    server.asked.append(asked)
                script(Talk(body, headers, connection, closing, asked))
                if not isinstance(script, KeepsOpen):
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _read(stream: Any) -> tuple[str, dict[str, str], dict[str, Any]] | None:
    first = stream.readline()
    if not first:
        return None
    headers = {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        headers[name.decode().lower()] = value.decode().strip()
    asked = first.decode().rpartition(" ")[0]
    return asked, headers, json.loads(stream.read(int(headers.get("content-length", 0))) or b"{}")


def chunk(text: str | None = None, *, finish: str | None = None, **delta: Any) -> bytes:
    """One event of an OpenAI stream."""
    if text is not None:
        delta["content"] = text
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def usage(prompt: Any, completion: Any) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


def line(data: Any) -> bytes:
    """One document of a stream of JSON lines."""
    return json.dumps(data).encode() + b"\n"


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
ANSWER = chunk("Hello ") + chunk("there.") + chunk(finish="stop") + usage(12, 5) + DONE


def returns(document: Any, *, status: int = 200) -> Script:
    """One whole JSON document."""
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return says(body, head=f"{head}Connection: close\r\n\r\n".encode())


def routes(documents: dict[str, Any]) -> Script:
    """A document by path, with the query where one is named; 404 for everything else."""

    def script(talk: Talk) -> None:
        path = talk.asked.partition(" ")[2]
        found = documents.get(path, documents.get(path.partition("?")[0]))
        if callable(found):
            found = found(talk)
        (refuses(404, {"error": "not found"}) if found is None else returns(found))(talk)

    return script


def says(*parts: bytes, head: bytes = OK) -> Script:
    """Sends these parts one after the other, then closes."""

    def script(talk: Talk) -> None:
        for part in (head, *parts):
            talk.send(part)

    return script


@dataclass(frozen=True)
class KeepsOpen:
    """A script after which the connection stays open for the next request."""

    script: Script

    def __call__(self, talk: Talk) -> None:
        self.script(talk)


def refuses(status: int, body: Any = "", **headers: str) -> Script:
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} No", f"Content-Length: {len(text.encode())}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return says(text.encode(), head="\r\n".join([*lines, "", ""]).encode())
