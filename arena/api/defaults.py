"""How the API pages its lists and reads its bodies.

Apart from `arena.api.problems`, because REST framework loads these by name while its own view module is still loading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.views import APIView
import io
from collections.abc import Mapping
from typing import IO

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

__all__ = ["BODY_BYTES", "BodyTooLarge", "JSONBody"]


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


# As much as a task set's upload page takes. REST framework reads past Django's own limit.
BODY_BYTES = 20 * 1024 * 1024


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = f"The body is larger than {BODY_BYTES // 1024**2} MiB. Send it in parts, or use the command."
    default_code = "too_large"


class JSONBody(JSONParser):
    """JSON, with a 413 for a body that would fill the memory, and a 400 for one nested so deeply that the parser
    gives up."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(BODY_BYTES + 1)
        if len(body) > BODY_BYTES:
            raise BodyTooLarge
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("The body is nested too deeply to be read.") from None
