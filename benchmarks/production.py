"""The environment in which benchmarks run Arena: production's (docs/production.md), but for TLS and the log."""

from __future__ import annotations

import os
from pathlib import Path

from arena import env

__all__ = ["production"]


_KEYS = {name: env.new_key() for name in ("SECRET_KEY", "ARENA_ENCRYPTION_KEY", "ARENA_SIGNING_KEY")}


def production(var: Path, database: str) -> dict[str, str]:
    """`database`: a URL, or empty for SQLite. In development Django writes down every query, which no user's
    installation does."""
    var.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "DEBUG": "0",
        "ARENA_VAR": str(var),
        "ARENA_MEDIA": f"{var}/media",
        "DATABASE_URL": database,
        "REDIS_URL": "",
        "ALLOWED_HOSTS": "127.0.0.1,testserver",
        "LOG_LEVEL": "ERROR",
        **_KEYS,
    }
