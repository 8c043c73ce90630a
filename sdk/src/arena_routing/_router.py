"""Routing in the service's own process: `Router`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

import httpx

from arena_routing._background import Background
from arena_routing._decision import Decision
from arena_routing._errors import AllModelsFailed, Attempt, CheckFailed, ConfigurationError, Escalate, NoTable
from arena_routing._http import client_factory
from arena_routing._outcomes import OutcomeQueue, make_outcome
from arena_routing._poller import Poller
from arena_routing._request import RouteRequest
from arena_routing._signatures import trusted_keys
from arena_routing._table_store import DiskCache, TableStore

__all__ = ["Router", "Status"]

log = logging.getLogger("arena_routing")
T = TypeVar("T")
Complexity = Literal["simple", "medium", "complex"]
Measure = Callable[[T], Mapping[str, float | None]]
FallBackOn = type[Exception] | tuple[type[Exception], ...]
_MEASURED = ("ttft_ms", "tokens", "cost_usd")


@dataclass(frozen=True, slots=True)
class Status:
    """How a Router is doing, for a health page. Times are seconds since the epoch.

    `problem` says why the latest poll for a table failed, "" if it succeeded; `checked_at` is when Arena last confirmed
    or replaced the table in this process.
    """

    table_version: int | None
    published_at: float | None
    expires_at: float | None
    stale: bool
    checked_at: float | None
    problem: str
    outcomes_waiting: int
    outcomes_dropped: int


class Router:
    """Arena's newest routing table, applied in memory.

        with Router("https://arena.example", token=…, public_keys=…, cache_dir="/var/cache/shop") as router:
            decision = router.route("code", prompt=text, needs={"tools"}, max_ttft_ms=500)
            answer = router.run(decision, lambda model: ask(decision.targets[model], text))

    Make one for a process, and share it between threads and event loops. A daemon thread polls and reports; `route`
    only reads memory. A forked child goes on with its parent's table, and starts its own thread when first used.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        public_keys: Mapping[str, Any] | str | bytes | None = None,
        verify_signatures: bool = True,
        cache_dir: str | os.PathLike[str] | None = None,
        poll_seconds: float = 15.0,
        timeout: float = 3.0,
        report_outcomes: bool = True,
        outcome_seconds: float = 5.0,
        outcome_capacity: int = 10_000,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Reads the table on disk, then asks Arena once, for at most `timeout` seconds. Arena being down is not an
        error.

        `public_keys` is the JWK set of `GET /api/v1/routing/keys`, as JSON or parsed. Fetch it once and keep it with
        your configuration: keys fetched along with each table would prove nothing. Without it `verify_signatures` must
        be False, and then whatever answers in Arena's place can route your requests.
        With `cache_dir` None, a start while Arena is down has no table. `transport` makes httpx's transport, for a
        private certificate authority or a Unix socket; `clock` returns seconds since the epoch, for tests.
        Raises ConfigurationError.
        """
        _check_url(url)
        _check_positive(
            poll_seconds=poll_seconds,
            timeout=timeout,
            outcome_seconds=outcome_seconds,
            outcome_capacity=outcome_capacity,
        )
        self._clock = clock
        self._store = TableStore(
            trusted_keys(public_keys, url, verify=verify_signatures),
            DiskCache(cache_dir, url.rstrip("/")) if cache_dir is not None else None,
        )
        self._poller = Poller(self._store, url=url, interval_s=poll_seconds, timeout_s=timeout, clock=clock)
        self._outcomes = (
            OutcomeQueue(url=url, capacity=outcome_capacity, interval_s=outcome_seconds, timeout_s=timeout)
            if report_outcomes
            else None
        )
        make_client = client_factory(token=token, timeout_s=timeout, keepalive_s=2 * poll_seconds, transport=transport)
        self._background = Background(self._poller, self._outcomes, make_client, timeout_s=timeout)
        self._store.load_newer_from_disk()
        self._background.start()
        self._background.wait_for_first_poll()

    def route(
        self,
        category: str,
        *,
        prompt: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        needs: Iterable[str] = (),
        local_only: bool = False,
        max_ttft_ms: float | None = None,
        max_latency_ms: float | None = None,
        max_usd: float | None = None,
        prompt_tokens: int | None = None,
        complexity: Complexity | None = None,
        reasoning: bool | None = None,
        label: str | None = None,
    ) -> Decision:
        """Which model to use for this request. Reads only memory, whatever Arena is doing.

        What you leave out makes no condition of a route hold. `needs` are capabilities that the model must have. The
        budgets are milliseconds to the first token at the 95th percentile, milliseconds to the end likewise, and US
        dollars per successful answer. `prompt` and `messages` never leave the process: they are measured if the table
        asks for length or complexity. `complexity` and `prompt_tokens` take precedence over what would be measured.
        Raises NoTable if there has never been a valid table, NoEligibleModel if no model may serve the request.
        """
        self._background.start()
        held = self._store.current
        if held is None:
            problem = self._poller.problem or "Arena has not answered yet."
            raise NoTable(f"There is no routing table yet. Arena is asked again at intervals. {problem}")
        if isinstance(needs, str):
            raise TypeError(f"needs is a collection of capabilities: write needs={{{needs!r}}}.")
        request = RouteRequest(
            category,
            prompt=prompt,
            messages=messages,
            needs=frozenset(needs),
            local_only=local_only,
            max_ttft_ms=max_ttft_ms,
            max_latency_ms=max_latency_ms,
            max_usd=max_usd,
            prompt_tokens=prompt_tokens,
            complexity=complexity,
            reasoning=reasoning,
            label=label,
        )
        return held.table.choose(request, self._clock())

    def run(
        self,
        decision: Decision,
        call: Callable[[str], T],
        *,
        check: Callable[[T], bool] | None = None,
        measure: Measure[T] | None = None,
        fall_back_on: FallBackOn = Exception,
    ) -> T:
        """Returns the result of the first model that serves, and reports each model's outcome.

        `call(model)` asks one model, named by its slug; `decision.targets[model]` says how. After an error of a type in
        `fall_back_on` the next fallback is asked; other errors are raised. After `Escalate`, or an answer that `check`
        rejects, `escalate_to` is asked first, if there is one. No model is asked twice.
        `measure(result)` may return the `ttft_ms`, `tokens` and `cost_usd` of an answer, for the report.
        Raises AllModelsFailed.
        """
        sequence = _Sequence(decision, self.report, measure, fall_back_on)
        for attempt in sequence:
            try:
                result = call(attempt.model)
                sequence.returned(attempt, result)
                if check is not None and not check(result):
                    raise CheckFailed(f"The answer of {attempt.model} did not pass the check.")
            except Exception as error:
                if not sequence.failed(attempt, error):
                    raise
            else:
                sequence.served(attempt)
                return result
        raise sequence.exhausted()

    async def arun(
        self,
        decision: Decision,
        call: Callable[[str], Awaitable[T]],
        *,
        check: Callable[[T], bool | Awaitable[bool]] | None = None,
        measure: Measure[T] | None = None,
        fall_back_on: FallBackOn = Exception,
    ) -> T:
        """Like `run`, with an asynchronous `call`. `check` may be either."""
        sequence = _Sequence(decision, self.report, measure, fall_back_on)
        for attempt in sequence:
            try:
                result = await call(attempt.model)
                sequence.returned(attempt, result)
                passed = True if check is None else check(result)
                if not (await passed if inspect.isawaitable(passed) else passed):
                    raise CheckFailed(f"The answer of {attempt.model} did not pass the check.")
            except Exception as error:
                if not sequence.failed(attempt, error):
                    raise
            else:
                sequence.served(attempt)
                return result
        raise sequence.exhausted()

    def report(
        self,
        decision: Decision,
        *,
        model: str | None = None,
        error: str | None = None,
        latency_ms: float | None = None,
        ttft_ms: float | None = None,
        tokens: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """Reports to Arena how a request went that you made without `run`. Never waits, never fails.

        `model` is the one that was asked, by default the decision's first; `error` is a short word for what went wrong,
        None if nothing did. No prompt and no answer belongs in it.
        """
        outcome = make_outcome(
            decision,
            model=model or decision.model,
            error=error,
            at=self._clock(),
            latency_ms=latency_ms,
            ttft_ms=ttft_ms,
            tokens=tokens,
            cost_usd=cost_usd,
        )
        self._background.report(outcome)

    def refresh(self) -> bool:
        """Polls for a newer table now, for example after a webhook, and waits for the answer, at most `timeout`.

        True if the table is another one than before. Never raises because of Arena; `status().problem` says what
        happened.
        """
        before = self._store.current
        self._background.poll_now()
        held = self._store.current
        return held is not None and (before is None or before.sha256 != held.sha256)

    def status(self) -> Status:
        held, poller, outcomes = self._store.current, self._poller, self._outcomes
        return Status(
            table_version=held.table.version if held else None,
            published_at=held.table.published_at if held else None,
            expires_at=held.table.expires_at if held else None,
            stale=held is not None and self._clock() >= held.table.expires_at,
            checked_at=poller.checked_at,
            problem=poller.problem,
            outcomes_waiting=len(outcomes) if outcomes is not None else 0,
            outcomes_dropped=outcomes.dropped if outcomes is not None else 0,
        )

    def close(self, timeout: float = 2.0) -> None:
        """Sends the outcomes that are waiting, for at most `timeout` seconds, and ends the thread. `route` goes on with
        the table in use, which is not renewed any more."""
        self._background.close(timeout)

    async def aclose(self, timeout: float = 2.0) -> None:
        """Like `close`, without blocking the event loop."""
        await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Sequence(Generic[T]):
    """Which model to ask next: what `run` and `arun` have in common. Iterate over it, make each attempt, and say how it
    went with `served` or `failed`."""

    def __init__(
        self,
        decision: Decision,
        report: Callable[..., None],
        measure: Measure[T] | None,
        fall_back_on: FallBackOn,
    ) -> None:
        """`report` is the Router's."""
        self._decision = decision
        self._report = report
        self._measure = measure
        self._fall_back_on = fall_back_on
        self._next = deque((decision.model, *decision.fallbacks))
        self._attempts: list[Attempt[T]] = []
        self._started = 0.0

    def __iter__(self) -> Iterator[Attempt[T]]:
        asked = set()
        while self._next:
            model = self._next.popleft()
            if model not in asked:
                asked.add(model)
                self._attempts.append(Attempt(model))
                self._started = time.perf_counter()
                yield self._attempts[-1]

    def returned(self, attempt: Attempt[T], result: T) -> None:
        """The call is over; its answer is still to be checked."""
        attempt.latency_ms = self._elapsed_ms()
        attempt.result = result

    def served(self, attempt: Attempt[T]) -> None:
        self._report_attempt(attempt, None)

    def failed(self, attempt: Attempt[T], error: Exception) -> bool:
        """True if the next model is to be asked, False if the error is the caller's."""
        attempt.error = error
        if attempt.latency_ms is None:
            attempt.latency_ms = self._elapsed_ms()
        # Only the type: the messages of errors quote prompts and addresses.
        self._report_attempt(attempt, type(error).__name__)
        if isinstance(error, Escalate | CheckFailed):
            if self._decision.escalate_to is not None:
                self._next.appendleft(self._decision.escalate_to)
            return True
        return isinstance(error, self._fall_back_on)

    def exhausted(self) -> AllModelsFailed:
        """To be raised once the iteration has ended."""
        errors = "; ".join(f"{one.model}: {type(one.error).__name__}: {one.error}"[:200] for one in self._attempts)
        failure = AllModelsFailed(
            f"Every model of route {self._decision.route_id} failed ({len(self._attempts)} asked): {errors}. "
            "See `attempts` for the error and the result of each.",
            tuple(self._attempts),
        )
        failure.__cause__ = self._attempts[-1].error
        return failure

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def _report_attempt(self, attempt: Attempt[T], error: str | None) -> None:
        measured: Mapping[str, float | None] = {}
        if self._measure is not None and attempt.result is not None:
            try:
                given = self._measure(attempt.result)
                measured = {name: given.get(name) for name in _MEASURED}
            except Exception:  # a report must not cost the caller the answer
                log.exception("`measure` failed. The outcome is reported without what it would have measured.")
        self._report(self._decision, model=attempt.model, error=error, latency_ms=attempt.latency_ms, **measured)


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"url is {url!r}; write it like https://arena.example, without /api.")


def _check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise ConfigurationError(f"{name} is {value!r}; it must be greater than 0.")
