"""The JSON Schema of the routing table's document, as published at `GET /api/v1/routing/schema`.

The file has all but a route's conditions, which are the policy's.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from routing.policy.schema import CONDITIONS

__all__ = ["table_schema"]


@cache
def table_schema() -> dict[str, Any]:
    text = Path(__file__).with_name("routing-table-v1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    schema["$defs"]["when"]["properties"] = {name: one.kind.json_schema for name, one in CONDITIONS.items()}
    return schema
