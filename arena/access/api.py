"""One error shape for the whole API: RFC 9457."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler


def problem_response(status: int, detail: str, **extra: Any) -> Response:
    """`application/problem+json`; `detail` says what to do next."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    return Response(body, status=status, content_type="application/problem+json")


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error the API raises becomes a problem document."""
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        made = problem_response(response.status_code, "Some fields are not valid; see errors.", errors=error.detail)
    elif isinstance(error, exceptions.APIException):
        made = problem_response(response.status_code, str(error.detail))
    elif isinstance(error, Http404):
        made = problem_response(response.status_code, "There is nothing at this address.")
    elif isinstance(error, PermissionDenied):
        made = problem_response(response.status_code, "You may not do this.")
    else:
        made = problem_response(response.status_code, str(error))
    for header in ("WWW-Authenticate", "Retry-After"):
        if header in response:
            made[header] = response[header]
    return made
