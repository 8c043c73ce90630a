"""How a service says which value it cannot save."""

from __future__ import annotations

__all__ = ["FieldError"]


class FieldError(ValueError):
    """What was given cannot be saved. `field` names the value; the text says what to write instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
