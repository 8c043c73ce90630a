"""`ARENA_PUBLISH_DIR`: each table also as files, for a CDN or a disk that outlives this machine.

`N.json`, `N.json.sig` and `latest.json` hold the stored bytes and the signature header. Each appears whole.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

import structlog
from django.conf import settings

from routing.models import RoutingTable

__all__ = ["write_newest"]

log = structlog.get_logger(__name__)


def write_newest() -> None:
    """Writes the newest table's files. Called after commit, so a full disk is only logged: the table is published.

    The lock keeps a slow writer of an older version from replacing a newer `latest.json`: its holder reads anew.
    """
    if not settings.ARENA_PUBLISH_DIR:
        return
    folder = Path(settings.ARENA_PUBLISH_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _write(folder)
    except OSError:
        log.exception("table_not_written", folder=str(folder))


def _write(folder: Path) -> None:
    written = {path.name for path in folder.glob("*.json")}
    tables = RoutingTable.objects.order_by("-version").values_list("version", "body", "signature")
    newest = None
    for place, (version, body, signature) in enumerate(tables.iterator()):
        if place and f"{version}.json" in written:
            break  # older ones were written before it
        _replace(folder / f"{version}.json.sig", f"{signature}\n".encode())
        _replace(folder / f"{version}.json", bytes(body))
        if not place:
            newest = bytes(body)
    if newest is not None:
        _replace(folder / "latest.json", newest)


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
