"""Requests in another charset than UTF-8 never reach Django."""

from __future__ import annotations

from typing import Any

import pytest

from arena.machine.utf8_only import Utf8Only


def status_of(content_type: str) -> str:
    seen: list[str] = []

    def behind(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    list(Utf8Only(behind)({"CONTENT_TYPE": content_type}, lambda status, headers: seen.append(status)))
    return seen[0][:3]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json; charset=UTF-8", 'multipart/form-data; boundary=b; charset="utf8"'],
)
def test_utf_8_and_no_charset_pass(content_type):
    assert status_of(content_type) == "200"


@pytest.mark.parametrize("charset", ["rot13", "utf-16", "unicode_escape", "UTF-7", "''", "utf-8-sig", "a\x00"])
def test_any_other_charset_is_refused(charset):
    assert status_of(f"multipart/form-data; boundary=b; charset={charset}") == "415"
