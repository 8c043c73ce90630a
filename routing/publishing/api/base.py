"""What routing's API views share."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from arena.accounts.tokens import HasScope
from routing.publishing.serving import Answer

__all__ = ["MayReadTables", "TableView", "as_response", "reads_are_public"]


def reads_are_public() -> bool:
    return bool(settings.ARENA_ROUTING_READ == "public")


class MayReadTables(HasScope):
    """`ARENA_ROUTING_READ=public` lets anybody read what is published."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return reads_are_public() or super().has_permission(request, view)


class TableView(APIView):
    """Answers with stored bytes or small JSON, whatever `Accept` and `?format=` say."""

    scopes = {"GET": "routing:read", "POST": "routing:read"}
    permission_classes = [MayReadTables]

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Where reading is public, a wrong or expired token does not matter."""
        return [] if reads_are_public() else super().get_authenticators()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)


def as_response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    return response
