"""What is done around every request."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

from arena.api.problems import plain_problem

__all__ = ["NulCharacterMiddleware", "PrivateAnswersMiddleware", "SessionSlidingMiddleware"]

_DETAIL = "What was sent holds a NUL character, which cannot be stored. Nothing was saved; leave it out."


# A session lasts as long as it is used. To store its new end with each request would cost each a write.
_SLIDE_EVERY_S = min(3600, settings.SESSION_COOKIE_AGE // 4)
_SLID_AT = "slid_at"


class SessionSlidingMiddleware:
    """Puts off the end of a session that is used, once an hour at most, or as often as its idle time asks for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A session that nobody has read is left alone: it is not even loaded.
        session = request.session
        if session.accessed and SESSION_KEY in session and time.time() - session.get(_SLID_AT, 0) >= _SLIDE_EVERY_S:
            session[_SLID_AT] = int(time.time())
        return response


class PrivateAnswersMiddleware:
    """Forbids every cache, the browser's included, to keep what was answered to somebody, unless the answer itself says
    otherwise: on a shared machine, going back would show it to the next person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = request.session
        somebody = (session.accessed and SESSION_KEY in session) or "HTTP_AUTHORIZATION" in request.META
        if somebody and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        return response


class NulCharacterMiddleware:
    """Refuses NUL characters, which PostgreSQL stores nowhere, not even in a comparison. Forms and fields refuse them;
    addresses, query strings and the few values that are read without a form come down to this."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A 400, for it is the sender's mistake; SQLite finds nothing under such a name, and answers 404."""
        if not isinstance(exception, DataError) or "NUL" not in str(exception):
            return None
        if request.path.startswith("/api/"):
            return plain_problem(400, _DETAIL)
        return HttpResponseBadRequest(_DETAIL, content_type="text/plain")
