"""Images in a bucket: a double of S3's API on loopback keeps what is put into it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from arena import env
from evals.catalog.images.encoding import encode
from evals.catalog.images.storing import ImageMissingError, image_bytes, keep_file

from .pictures import picture


class _Bucket(BaseHTTPRequestHandler):
    kept: dict[str, bytes]
    asked: list[str]

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.asked.append(self.command)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunks(self) -> bytes:
        """What the client sends in signed chunks, or as one."""
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def do_PUT(self) -> None:
        self.kept[self.path.partition("?")[0]] = self._chunks()
        self._answer(200)

    def do_GET(self) -> None:
        found = self.kept.get(self.path.partition("?")[0])
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def bucket(settings, monkeypatch) -> Iterator[type[_Bucket]]:
    handler = type("Bucket", (_Bucket,), {"kept": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "ARENA_MEDIA": "s3://arena-media/images-of/prod",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    settings.STORAGES = {**settings.STORAGES, "default": env.media("ARENA_MEDIA", default=None)}
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.runs_once(on="sqlite", because="no database is asked")
def test_an_image_is_put_into_the_bucket_once_and_read_from_it(bucket):
    image = encode(picture())

    keep_file(image)
    keep_file(image)

    assert image_bytes(image.sha256) == image.data
    assert list(bucket.kept) == [f"/arena-media/images-of/prod/images/{image.sha256[:2]}/{image.sha256}"]
    assert bucket.asked.count("PUT") == 1
    with pytest.raises(ImageMissingError, match="bring it back from a backup"):
        image_bytes("0" * 64)
