"""Portkey's real gateway on loopback, installed from npm into the user's cache, and a provider double behind it.

Its packages are pinned by hash in `gateway/package-lock.json`, which holds no addresses: where packages come from is
the installing machine's matter. To pin another version, name it in package.json, then, in a folder of its own,
`npm install --package-lock-only --omit-lockfile-registry-resolved --omit=dev`, and take the `funding` entries out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import free_port, listens, wait_until

PINNED = Path(__file__).parent / "gateway"
INSTALL_S = 300


@dataclass
class Gateway:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    def ask(self, config: Any, metadata: Any = None, **body: Any) -> httpx.Response:
        said = {} if metadata is None else {"x-portkey-metadata": json.dumps(metadata)}
        return httpx.post(
            self.url,
            headers={"x-portkey-config": json.dumps(config), **said},
            json={"messages": [{"role": "user", "content": "Hello."}]} | body,
            trust_env=False,
            timeout=60,
        )


@dataclass(frozen=True)
class Asked:
    slug: str
    key: str
    body: dict[str, Any]


@dataclass
class Double:
    """Answers as every model, `POST /<slug>/v1/chat/completions`, in OpenAI's format; those in `down` with a 503."""

    port: int = 0
    down: set[str] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)

    def base_url(self, slug: str) -> str:
        return f"http://127.0.0.1:{self.port}/{slug}/v1"

    @property
    def slugs(self) -> list[str]:
        return [one.slug for one in self.asked]

    def answer(self, slug: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(Asked(slug, key, body))
        if slug in self.down:
            return 503, {"error": {"message": "overloaded", "type": "server_error"}}
        message = {"role": "assistant", "content": f"I am {slug}."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": body.get("model"),
            "choices": [choice],
        }


@contextlib.contextmanager
def double() -> Iterator[Double]:
    made = Double()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            slug = self.path.split("/")[1]
            status, answer = made.answer(slug, self.headers["Authorization"].removeprefix("Bearer "), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def gateway(log: Path) -> Iterator[Gateway]:
    """Skips, and says why, where there is no Node or its packages cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(f"Portkey's gateway needs Node: no {'npm' if node else 'node'} in PATH (Debian: apt install npm)")
    program = _installed(npm) / "node_modules/@portkey-ai/gateway/build/start-server.js"
    port = free_port()
    command = [node, "--require", str(PINNED / "loopback.cjs"), "--max-http-header-size=1000000", str(program)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--headless", f"--port={port}"],
            env={"PATH": os.environ["PATH"]},  # no proxy and no key of ours
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: listens(port) or process.poll() is not None, "the gateway listens")
        assert process.poll() is None, log.read_text(errors="replace")
        yield Gateway(port, process.pid)
    finally:
        process.kill()
        process.wait()


def _installed(npm: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arena"
    pinned = hashlib.sha256((PINNED / "package-lock.json").read_bytes()).hexdigest()[:16]
    home = cache / f"portkey-gateway-{pinned}"
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".installing-") as folder:
        made = Path(folder) / "gateway"
        shutil.copytree(PINNED, made)
        try:
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"],
                cwd=made,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"Portkey's gateway: npm had not installed it after {INSTALL_S} s")
        if done.returncode:
            pytest.skip(f"Portkey's gateway cannot be installed: {done.stderr.strip()[-300:]}")
        with contextlib.suppress(OSError):  # whoever installed beside us and was faster has the same
            made.rename(home)
    return home
