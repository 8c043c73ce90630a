"""One error shape for the whole API: RFC 9457."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from arena.accounts.tokens import needed_scope, token_wanted


def problem_response(status: int, detail: str, **extra: Any) -> Response:
    """`application/problem+json`; `detail` says what to do next."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    return Response(body, status=status, content_type="application/problem+json")


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    """An address that the API does not have."""
    return plain_problem(404, f"{request.path} is not an address of this API. See /api/docs/.")


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: a problem document for the API, the page for people."""
    if request.path.startswith("/api/"):
        return plain_problem(500, "Something failed on our side and was logged. Nothing was saved; try again.")
    return defaults.server_error(request)


def plain_problem(status: int, detail: str) -> HttpResponse:
    """As `problem_response`, outside REST framework."""
    response = problem_response(status, detail)
    return JsonResponse(response.data, status=status, content_type=response.content_type)


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error the API raises becomes a problem document."""
    if isinstance(error, RequestDataTooBig):
        # Raised where the body is first read; Django itself would answer with a page.
        most = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0:,} bytes"
        return problem_response(413, f"The body is larger than {most}. Send it in parts, or import it as a file.")
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        made = problem_response(response.status_code, "Some fields are not valid; see errors.", errors=error.detail)
    elif isinstance(error, exceptions.NotAuthenticated):
        made = problem_response(response.status_code, token_wanted(needed_scope(context["request"], context["view"])))
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
