"""How a service says that a value it was given cannot be used. Pure."""

from __future__ import annotations

__all__ = ["FieldError"]


class FieldError(ValueError):
    """What was given cannot be used. `field` names the value; the message says what to write instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
