"""One way to page for the whole API. Apart from `arena.access.api`, because REST framework loads it by name
while its own view module is still loading."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"
