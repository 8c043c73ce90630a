"""How the API reads bodies. Apart from `arena.access.api`, because REST framework loads it by name."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

__all__ = ["BODY_BYTES", "BodyTooLarge", "JSONBody"]

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
