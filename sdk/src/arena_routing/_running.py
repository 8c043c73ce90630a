"""Asking the models of a decision in their order: what `run` and `arun` share, without any waiting of its own."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from arena_routing._decisions import Decision
from arena_routing._errors import AllModelsFailed, Attempt, CheckFailed, Escalate

__all__ = ["Course", "Measure", "outcome"]

log = logging.getLogger("arena_routing")
T = TypeVar("T")
Measure = Callable[[T], Mapping[str, float | None]]
_MEASURED = ("ttft_ms", "tokens", "cost_usd")
_LONGEST = 200
_MOST = 1_000_000_000


class Course(Generic[T]):
    """Iterate over it for the next attempt; make each one, and say how it went by `served` or `failed`."""

    def __init__(
        self,
        decision: Decision,
        *,
        put: Callable[[Mapping[str, Any]], None],
        measure: Measure[T] | None,
        fall_back_on: type[Exception] | tuple[type[Exception], ...],
        clock: Callable[[], float],
    ) -> None:
        self._decision = decision
        self._put = put
        self._measure = measure
        self._fall_back_on = fall_back_on
        self._clock = clock
        self._next = deque((decision.model, *decision.fallbacks))
        self._attempts: list[Attempt[T]] = []
        self._began = 0.0

    def __iter__(self) -> Iterator[Attempt[T]]:
        asked = set()
        while self._next:
            model = self._next.popleft()
            if model not in asked:
                asked.add(model)
                self._attempts.append(Attempt(model))
                self._began = time.perf_counter()
                yield self._attempts[-1]

    def returned(self, attempt: Attempt[T], result: T) -> None:
        """The call is over; its answer is still to be checked."""
        attempt.latency_ms = (time.perf_counter() - self._began) * 1000
        attempt.result = result

    def served(self, attempt: Attempt[T]) -> None:
        self._report(attempt, None)

    def failed(self, attempt: Attempt[T], error: Exception) -> bool:
        """Whether the next model shall be asked; if not, the error is the caller's."""
        attempt.error = error
        if attempt.latency_ms is None:
            attempt.latency_ms = (time.perf_counter() - self._began) * 1000
        # The kind alone: messages of errors quote prompts and addresses.
        self._report(attempt, type(error).__name__)
        if isinstance(error, Escalate | CheckFailed):
            if self._decision.escalate_to is not None:
                self._next.appendleft(self._decision.escalate_to)
            return True
        return isinstance(error, self._fall_back_on)

    def exhausted(self) -> AllModelsFailed:
        """To be raised once the iteration has ended."""
        told = "; ".join(f"{one.model}: {type(one.error).__name__}: {one.error}"[:200] for one in self._attempts)
        error = AllModelsFailed(
            f"None of the {len(self._attempts)} models of route {self._decision.route_id} served: {told}. "
            "See `attempts` for each one's error and result.",
            tuple(self._attempts),
        )
        error.__cause__ = self._attempts[-1].error
        return error

    def _report(self, attempt: Attempt[T], error: str | None) -> None:
        measured: Mapping[str, float | None] = {}
        if self._measure is not None and attempt.result is not None:
            try:
                given = self._measure(attempt.result)
                measured = {name: given.get(name) for name in _MEASURED}
            except Exception:  # a report must not cost the caller the answer
                log.exception("`measure` failed; the outcome is reported without what it measures.")
        self._put(
            outcome(
                self._decision,
                model=attempt.model,
                error=error,
                latency_ms=attempt.latency_ms,
                at=self._clock(),
                **measured,
            )
        )


def outcome(
    decision: Decision,
    *,
    model: str,
    error: str | None,
    at: float,
    latency_ms: float | None = None,
    ttft_ms: float | None = None,
    tokens: float | None = None,
    cost_usd: float | None = None,
) -> dict[str, Any]:
    """As `POST routing/outcomes` takes it, which turns a whole batch down for one outcome that is wrong."""
    counted = _known(tokens)
    return {
        "id": str(uuid.uuid4()),
        "table_version": decision.table_version,
        "route_id": decision.route_id,
        "category": _text(decision.category),
        "model": _text(model),
        "ok": error is None,
        "error": None if error is None else _text(error),
        "latency_ms": _known(latency_ms),
        "ttft_ms": _known(ttft_ms),
        "tokens": None if counted is None else int(counted),
        "cost_usd": _known(cost_usd),
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _known(value: float | None) -> float | None:
    """What is no finite number, or none that a request can have, is not known."""
    return float(value) if value is not None and 0 <= value <= _MOST else None


def _text(value: str) -> str:
    """Without what no database or no UTF-8 has: categories may come from whoever calls the service."""
    return value.replace("\0", "").encode(errors="replace").decode()[:_LONGEST]
