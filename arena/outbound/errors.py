"""What the guard raises; everything else that fails on the way is httpx's own."""

from __future__ import annotations

__all__ = ["OutboundRefused"]


class OutboundRefused(Exception):  # noqa: N818 (names say what happened)
    """The address is none that Arena may connect to. `detail` says why, and what to do if it should be."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
