"""What the API's views share."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class Query(serializers.Serializer[Any]):
    """The parameters of a list. A wrong value, or a parameter that is not known, is a 400 that names it: a
    misspelt filter must not answer with everything."""

    # Read by the paginator.
    _PAGING = ("cursor", "page_size", "format")

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        query = cls(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        unknown = set(request.query_params) - set(query.fields) - set(cls._PAGING)
        if unknown:
            known = ", ".join([*query.fields, "cursor", "page_size"])
            raise serializers.ValidationError({name: [f"Not known. Use: {known}."] for name in sorted(unknown)})
        return dict(query.validated_data)
