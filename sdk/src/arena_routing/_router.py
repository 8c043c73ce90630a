"""Routing in the service's own process: `Router`."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx

from arena_routing._asking import Ask
from arena_routing._cache import DiskCache
from arena_routing._decisions import Decision
from arena_routing._engine import Engine
from arena_routing._errors import CheckFailed, NoTable
from arena_routing._feed import Feed
from arena_routing._keeping import MAX_BYTES, Keeper
from arena_routing._outcomes import Outcomes
from arena_routing._running import Course, Measure, outcome
from arena_routing._settings import check_positive, check_url, client_maker, trusted_keys
from arena_routing._version import __version__

__all__ = ["Router", "Status"]

T = TypeVar("T")
Complexity = Literal["simple", "medium", "complex"]
FallBackOn = type[Exception] | tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How a Router is doing, for a health page. Times are seconds since the epoch.

    `problem` is why the newest look for a table came to nothing, "" if it did not; `checked_at` is when Arena last
    confirmed or replaced the table in this process.
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

    Made once for a process and shared by its threads and event loops. A daemon thread polls and reports; `route` only
    reads memory. A forked child goes on with its parent's table and starts a thread of its own when first used.
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
        """Reads the table on disk, then asks Arena once, for at most `timeout` seconds. Arena being down is no error.

        `public_keys` is the JWK set of `GET /api/v1/routing/keys`, as JSON or parsed, which you fetched once and keep
        with your configuration: keys fetched beside each table would prove nothing. Without it `verify_signatures`
        must be False, and whoever can answer in Arena's place can route your requests.
        `cache_dir` None: a start while Arena is down has no table. `transport` makes httpx's transport, for a private
        certificate authority or a Unix socket; `clock` tells seconds since the epoch, for tests.
        Raises ConfigurationError.
        """
        check_url(url)
        check_positive(
            poll_seconds=poll_seconds,
            timeout=timeout,
            outcome_seconds=outcome_seconds,
            outcome_capacity=outcome_capacity,
        )
        self._clock = clock
        cache = DiskCache(cache_dir, url.rstrip("/"), at_most=MAX_BYTES) if cache_dir is not None else None
        self._keeper = Keeper(trusted_keys(public_keys, url, verify=verify_signatures), cache)
        feed = Feed(self._keeper, url=url, poll_s=poll_seconds, timeout_s=timeout, clock=clock)
        outcomes = (
            Outcomes(url=url, capacity=outcome_capacity, every_s=outcome_seconds, timeout_s=timeout)
            if report_outcomes
            else None
        )
        make_client = client_maker(
            token=token,
            timeout_s=timeout,
            keep_s=2 * poll_seconds,
            user_agent=f"arena-routing/{__version__}",
            transport=transport,
        )
        self._engine = Engine(feed, outcomes, make_client, timeout_s=timeout)
        self._keeper.look_on_disk()
        self._engine.start()
        self._engine.wait_for_first_look()

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
        """Which model for this request. Touches memory alone, whatever Arena is doing.

        What is not said makes no condition of a route hold. `needs` are capabilities that the model must have; the
        budgets are milliseconds to the first token at the 95th percentile, milliseconds to the end likewise, and US
        dollars per successful answer. `prompt` and `messages` never leave the process: they are measured where the
        table asks for length or complexity. `complexity` and `prompt_tokens`, if you know them better, go first.
        Raises NoTable if no valid table was ever seen, NoEligibleModel if nobody may serve the request.
        """
        self._engine.start()
        held = self._keeper.current
        if held is None:
            why = self._engine.feed.problem or "Arena has not answered yet."
            raise NoTable(f"There is no routing table so far; Arena is asked again and again. {why}")
        if isinstance(needs, str):
            raise TypeError(f"needs is a collection of capabilities: needs={{{needs!r}}}.")
        ask = Ask(
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
        return held.table.choose(ask, self._clock())

    def run(
        self,
        decision: Decision,
        call: Callable[[str], T],
        *,
        check: Callable[[T], bool] | None = None,
        measure: Measure[T] | None = None,
        fall_back_on: FallBackOn = Exception,
    ) -> T:
        """What the first model returns that serves. Reports each model's outcome.

        `call(model)` asks one model, named by its slug; `decision.targets[model]` says how. After an error of a kind
        in `fall_back_on` the next fallback is asked; other errors are yours. After `Escalate`, or an answer that
        `check` turns down, `escalate_to` is asked first, if there is one. No model is asked twice.
        `measure(result)` may tell `ttft_ms`, `tokens` and `cost_usd` of an answer, for the report.
        Raises AllModelsFailed.
        """
        course = self._course(decision, measure, fall_back_on)
        for attempt in course:
            try:
                result = call(attempt.model)
                course.returned(attempt, result)
                if check is not None and not check(result):
                    raise CheckFailed(f"The answer of {attempt.model} did not pass the check.")
            except Exception as error:
                if not course.failed(attempt, error):
                    raise
            else:
                course.served(attempt)
                return result
        raise course.exhausted()

    async def arun(
        self,
        decision: Decision,
        call: Callable[[str], Awaitable[T]],
        *,
        check: Callable[[T], bool | Awaitable[bool]] | None = None,
        measure: Measure[T] | None = None,
        fall_back_on: FallBackOn = Exception,
    ) -> T:
        """As `run`, with an asynchronous `call`; `check` may be either."""
        course = self._course(decision, measure, fall_back_on)
        for attempt in course:
            try:
                result = await call(attempt.model)
                course.returned(attempt, result)
                passed = True if check is None else check(result)
                if not (await passed if inspect.isawaitable(passed) else passed):
                    raise CheckFailed(f"The answer of {attempt.model} did not pass the check.")
            except Exception as error:
                if not course.failed(attempt, error):
                    raise
            else:
                course.served(attempt)
                return result
        raise course.exhausted()

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
        """Tells Arena how a request went that you made without `run`. Never waits, never fails.

        `model` is who answered, by default the decision's first; `error` a short word for what went wrong, None if
        nothing did. No prompt and no answer belongs in it.
        """
        told = outcome(
            decision,
            model=model or decision.model,
            error=error,
            at=self._clock(),
            latency_ms=latency_ms,
            ttft_ms=ttft_ms,
            tokens=tokens,
            cost_usd=cost_usd,
        )
        self._engine.put(told)

    def refresh(self) -> bool:
        """Looks for a newer table now, as after a webhook, and waits for the answer, which takes `timeout` at most.

        True if the table is another one than before. Never raises for what Arena does; `status().problem` tells.
        """
        before = self._keeper.current
        self._engine.look()
        held = self._keeper.current
        return held is not None and (before is None or before.sha256 != held.sha256)

    def status(self) -> Status:
        held, feed, outcomes = self._keeper.current, self._engine.feed, self._engine.outcomes
        return Status(
            table_version=held.table.version if held else None,
            published_at=held.table.published_at if held else None,
            expires_at=held.table.expires_at if held else None,
            stale=held is not None and self._clock() >= held.table.expires_at,
            checked_at=feed.checked_at,
            problem=feed.problem,
            outcomes_waiting=len(outcomes) if outcomes is not None else 0,
            outcomes_dropped=outcomes.dropped if outcomes is not None else 0,
        )

    def close(self, timeout: float = 2.0) -> None:
        """Sends the outcomes that wait, for at most `timeout` seconds, and ends the thread. `route` goes on with the
        table in force, which nothing renews any more."""
        self._engine.close(timeout)

    async def aclose(self, timeout: float = 2.0) -> None:
        """As `close`, without blocking the event loop."""
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

    def _course(self, decision: Decision, measure: Measure[T] | None, fall_back_on: FallBackOn) -> Course[T]:
        return Course(decision, put=self._engine.put, measure=measure, fall_back_on=fall_back_on, clock=self._clock)
