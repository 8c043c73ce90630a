"""NUL characters, which PostgreSQL stores nowhere, not even in a comparison. Forms and fields refuse them; addresses,
query strings and the few values that are read without a form come down to this."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

from arena.api.problems import plain_problem

__all__ = ["NulCharacterMiddleware"]

_DETAIL = "What was sent holds a NUL character, which cannot be stored. Nothing was saved; leave it out."


class NulCharacterMiddleware:
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
