"""Refuses requests whose Content-Type names another charset than UTF-8, in front of Django.

Django reads addresses and forms in the charset that a request names, in any codec Python has: half a surrogate pair
comes out of some, and a codec that decodes no text ends the request with an error that nobody answers for. Browsers
send UTF-8 whatever a form says, and name no charset.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from django.utils.http import parse_header_parameters

from arena.machine.fast_lane import Application, Environ, StartResponse

__all__ = ["Utf8Only"]

_KNOWN = frozenset({"utf-8", "utf8"})
_WORDS = b"What was sent names a charset other than UTF-8. Nothing was saved; send it in UTF-8.\n"


class Utf8Only:
    """WSGI middleware: 415 for another charset."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if _is_utf8(environ.get("CONTENT_TYPE", "")):
            return self._application(environ, start_response)
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(_WORDS)))]
        start_response(f"415 {HTTPStatus(415).phrase}", headers)
        return [_WORDS]


def _is_utf8(content_type: str) -> bool:
    if "charset" not in content_type.lower():
        return True
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
    except ValueError:
        return False
    return charset.strip().lower() in _KNOWN
