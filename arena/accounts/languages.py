"""The language of the pages that reviewers use: their own choice, else their browser's.

Only these pages are translated, and only on them another language is active: what all others write, such as numbers,
is written in English.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

from arena.models import User

__all__ = ["LanguageMiddleware", "translated"]

V = TypeVar("V", bound=Callable[..., HttpResponseBase])


def translated(view: V) -> V:
    """Marks a view whose pages are translated."""
    view.translated = True  # type: ignore[attr-defined]
    return view


class LanguageMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(settings.LANGUAGE_CODE):
            response = self.get_response(request)
            language = translation.get_language()
        if getattr(request, "translated", False):
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ("Accept-Language",))
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if getattr(view, "translated", False):
            request.translated = True  # type: ignore[attr-defined]
            translation.activate(_language(request))


def _language(request: HttpRequest) -> str:
    user = request.user
    if isinstance(user, User) and user.language in dict(settings.LANGUAGES):
        return user.language
    return translation.get_language_from_request(request)
