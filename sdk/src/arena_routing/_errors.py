"""What can go wrong, as a tree.

    RoutingError
    ├── ConfigurationError     a Router got an argument it cannot use (also a ValueError)
    ├── NoTable                there has never been a valid table
    ├── NoEligibleModel        the table has no model for this request (also a LookupError)
    │   └── TableExpired       the table has expired, and its policy says to refuse requests then
    ├── CheckFailed            the caller's check rejected an answer
    └── AllModelsFailed        `run` asked every model; `attempts` has what each of them did

    Escalate                   not an error: a `call` raises it to ask for a stronger model

Arena being down is not among them: the last good table stays in use.
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
    """The base of every error that this package raises."""


class ConfigurationError(RoutingError, ValueError):
    """A Router got an argument it cannot use. The message names the argument."""


class NoTable(RoutingError):  # noqa: N818 (the contract's own name)
    """There has never been a valid table, neither from Arena nor on disk. The message has the latest problem."""


class NoEligibleModel(RoutingError, LookupError):  # noqa: N818 (the contract's own name)
    """No model in the table may serve this request. The message says which demands ruled them out."""


class TableExpired(NoEligibleModel):
    """The table has expired, and its `on_expired` is `refuse`."""


class CheckFailed(RoutingError):  # noqa: N818
    """The caller's check rejected an answer. It is the `error` of that attempt."""


@dataclass(slots=True)
class Attempt(Generic[T]):
    """What came of asking one model. `result` is what the call returned, even if the check rejected it; `error` is None
    for the model that served."""

    model: str
    result: T | None = None
    error: BaseException | None = None
    latency_ms: float | None = None


class AllModelsFailed(RoutingError):  # noqa: N818
    """Every model of a decision was asked, and none served. `__cause__` is the last one's error."""

    def __init__(self, message: str, attempts: tuple[Attempt[Any], ...]) -> None:
        super().__init__(message)
        self.attempts = attempts


class Escalate(Exception):  # noqa: N818
    """Raise it in a `call` whose answer is not good enough: the decision's `escalate_to` is asked next."""


class Refused(RoutingError):  # noqa: N818
    """What arrived cannot be used as a table. It never leaves the package: the message is logged."""
