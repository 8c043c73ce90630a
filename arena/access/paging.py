"""One way to page for the whole API. Apart from `arena.access.api`, because REST framework loads it by name
while its own view module is still loading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.views import APIView


class Pages(CursorPagination):
    """`{"next", "previous", "results"}`, newest first. Rows that come or go meanwhile shift nothing."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except ValueError:  # a cursor that decodes, to a position that is none
            raise NotFound(self.invalid_cursor_message) from None
