"""Arena as its client sees it: a server on loopback that publishes signed tables and takes outcomes, or misbehaves as
the test asks."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CASES = Path(__file__).resolve().parent.parent / "routing" / "cases"
SHARED: dict[str, Any] = json.loads((CASES / "selection.json").read_text(encoding="utf-8"))
LATEST = "/api/v1/routing/latest"
KEYS = "/api/v1/routing/keys"
OUTCOMES = "/api/v1/routing/outcomes"


class Signer:
    """An Ed25519 key under a name."""

    def __init__(self, kid: str = "key-1") -> None:
        self.kid = kid
        self._private = Ed25519PrivateKey.generate()

    def jwk(self) -> dict[str, str]:
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}

    def jwk_set(self) -> dict[str, Any]:
        return {"keys": [self.jwk()]}

    def sign(self, body: bytes) -> str:
        return f"ed25519:{self.kid}:{base64.b64encode(self._private.sign(body)).decode()}"


def a_table(version: int = 1, **changes: Any) -> bytes:
    """The shared cases' table under another number; `changes` replace top-level keys."""
    document = SHARED["table"] | {"version": version, "expires_at": "2999-01-01T00:00:00Z"} | changes
    return json.dumps(document, separators=(",", ":")).encode()


Behaviour = Callable[["Handler"], None]


class Arena:
    """`behave` replaces the whole answer to `GET latest`; `behave_on_outcomes` that to `POST outcomes`."""

    def __init__(self) -> None:
        self.signer = Signer()
        self.body: bytes | None = None
        self.signature: str | None = None
        self.etag: str | None = None
        self.gzips = False
        self.behave: Behaviour | None = None
        self.behave_on_outcomes: Behaviour | None = None
        self.asked: list[dict[str, str]] = []
        self.answered: list[int] = []
        self.batches: list[list[dict[str, Any]]] = []
        self.closing = threading.Event()
        self._server: _Server | None = None
        self._port = 0
        self.revive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        return [outcome for batch in self.batches for outcome in batch]

    def publish(self, version: int = 1, **changes: Any) -> None:
        self.serve(a_table(version, **changes))

    def serve(self, body: bytes, *, signature: str | None = None) -> None:
        """These bytes, with the right signature unless another is given."""
        self.body = body
        self.signature = self.signer.sign(body) if signature is None else signature
        self.etag = f'"sha256:{hashlib.sha256(body).hexdigest()}"'

    def kill(self) -> None:
        """Refuses connections from now on, and ends those that are open."""
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._server = None

    def revive(self) -> None:
        """Listens again, on the same port as before."""
        self.closing.clear()
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._server.arena = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()


class _Server(ThreadingHTTPServer):
    arena: Arena

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """Otherwise their threads would go on answering on connections that are kept open."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of these tests, not errors."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    @property
    def arena(self) -> Arena:
        assert isinstance(self.server, _Server)
        return self.server.arena

    def do_GET(self) -> None:
        self.arena.asked.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == KEYS and self.headers.get("Authorization") != "Bearer a-token":
            self.problem(401, "Send a token with the scope routing:read.")
        elif self.path == KEYS:
            self.answer(200, json.dumps(self.arena.signer.jwk_set()).encode())
        elif self.path != LATEST:
            self.answer(404, b"")
        elif self.arena.behave is not None:
            self.arena.behave(self)
        elif self.arena.body is None:
            self.problem(404, "Nothing is published yet.")
        else:
            self.table(self.arena.body)

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/chat/completions":
            said = json.dumps({"model": given["model"], "settings": given.get("temperature")})
            self.answer(200, json.dumps({"choices": [{"message": {"content": said}}]}).encode())
        elif self.path != OUTCOMES:
            self.answer(404, b"")
        elif self.arena.behave_on_outcomes is not None:
            self.arena.behave_on_outcomes(self)
        else:
            self.arena.batches.append(given["outcomes"])
            self.answer(202, b"{}")

    def table(self, body: bytes) -> None:
        tag, zipped = self.arena.etag or "", self.arena.gzips
        headers = {"ETag": f"W/{tag}" if zipped else tag}
        if self.arena.signature:
            headers["Arena-Table-Signature"] = self.arena.signature
        if tag and self.headers.get("If-None-Match", "").removeprefix("W/") == tag:
            self.answer(304, b"", headers)
        elif zipped:
            self.answer(200, gzip.compress(body), headers | {"Content-Encoding": "gzip"})
        else:
            self.answer(200, body, headers)

    def problem(self, status: int, detail: str) -> None:
        body = json.dumps({"type": "about:blank", "status": status, "detail": detail}).encode()
        self.answer(status, body, {"Content-Type": "application/problem+json"})

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.arena.answered.append(status)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        """Bytes as they are. The connection ends after them."""
        self.close_connection = True
        self.wfile.write(data)

    def drip(self, data: bytes, every_s: float = 0.005) -> None:
        """A byte now and then, until the client hangs up or the server closes."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            for byte in data:
                self.wfile.write(bytes([byte]))
                if self.arena.closing.wait(every_s):
                    return

    def hang(self) -> None:
        """Does not answer until the client hangs up or the server closes."""
        self.close_connection = True
        self.connection.settimeout(0.02)
        while not self.arena.closing.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def log_message(self, *args: Any) -> None:
        pass


# How to misbehave.


def fails(handler: Handler) -> None:
    handler.problem(500, "Something broke.")


def says_html(handler: Handler) -> None:
    page = b"<!doctype html><title>Maintenance</title>" + b"<p>We will be back.</p>" * 50
    handler.answer(200, page, {"Content-Type": "text/html", "ETag": '"a-page"'})


def half_a_body(handler: Handler) -> None:
    """The true table with its true signature, cut off in the middle."""
    body, arena = handler.arena.body or b"", handler.arena
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nArena-Table-Signature: {arena.signature}\r\n\r\n"
    handler.raw(head.encode() + body[: len(body) // 2])


def drips_its_body(handler: Handler) -> None:
    handler.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000)


def drips_its_headers(handler: Handler) -> None:
    handler.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Wait: a little longer\r\n" * 5000)


def hangs(handler: Handler) -> None:
    handler.hang()


def breaks_off(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.close_connection = True
