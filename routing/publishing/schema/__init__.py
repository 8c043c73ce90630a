"""The JSON Schema of the routing table's document, as published at `GET /api/v1/routing/schema`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["table_schema"]


@cache
def table_schema() -> dict[str, Any]:
    text = Path(__file__).with_name("routing-table-v1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
