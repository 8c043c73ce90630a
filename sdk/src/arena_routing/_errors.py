"""What can go wrong, as a tree.

    RoutingError
    ├── ConfigurationError     a Router was made with something it cannot use (also a ValueError)
    ├── NoTable                no valid table was ever seen
    ├── NoEligibleModel        the table has nobody for this request (also a LookupError)
    │   └── TableExpired       the table says to refuse once it has expired, and it has
    ├── CheckFailed            an answer came, and the caller's check turned it down
    └── AllModelsFailed        `run` asked everybody; `attempts` has what each of them did

That Arena is down is not among them: the last good table goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = [
    "AllModelsFailed",
    "Attempt",
    "CheckFailed",
    "ConfigurationError",
    "Escalate",
    "NoEligibleModel",
    "NoTable",
    "Refused",
    "RoutingError",
    "TableExpired",
]

T = TypeVar("T")


class RoutingError(Exception):
    """Everything this package raises."""


class ConfigurationError(RoutingError, ValueError):
    """A Router was made with something it cannot use; the message names the argument."""


class NoTable(RoutingError):  # noqa: N818 (the contract's own name)
    """No valid table was ever seen, neither from Arena nor on disk; the message has the last problem."""


class NoEligibleModel(RoutingError, LookupError):  # noqa: N818 (the contract's own name)
    """Nobody in the table may serve this request; the message says which of its wishes ruled all out."""


class TableExpired(NoEligibleModel):
    """The table has expired, and its `on_expired` is `refuse`."""


class CheckFailed(RoutingError):  # noqa: N818
    """The caller's check turned an answer down. Stands as an attempt's `error`."""


@dataclass(slots=True)
class Attempt(Generic[T]):
    """One model's turn. `result` is what its call returned, also where the check turned it down; `error` is None for
    the one that served."""

    model: str
    result: T | None = None
    error: BaseException | None = None
    latency_ms: float | None = None


class AllModelsFailed(RoutingError):  # noqa: N818
    """Every model of a decision was asked and none served. `__cause__` is the last one's error."""

    def __init__(self, message: str, attempts: tuple[Attempt[Any], ...]) -> None:
        super().__init__(message)
        self.attempts = attempts


class Escalate(Exception):  # noqa: N818
    """Raise it in a `call` whose answer is not good enough: the decision's `escalate_to` is asked next."""


class Refused(RoutingError):  # noqa: N818
    """Something offered as a table is none that may be used. Never leaves the package: it is logged."""
