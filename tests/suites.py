"""A small suite to collect: one task set, contenders at providers that are raw sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest

from arena.net.many import AsyncGuardedTransport
from evals.collection.calls import Call, prepare
from evals.collection.claiming import claim_next
from evals.collection.services import start_run
from evals.collection.storing import Claim, Result, store
from evals.models import (
    Category,
    Contender,
    Generation,
    Provider,
    Run,
    Task,
    TaskSet,
    TaskSetItem,
    TaskSetVersion,
)
from tests.servers import ANSWER, Misbehaving, Script, misbehaving, says


class Suite:
    """`suite.provider()`, `suite.contender()`, `suite.run()`: each with what a test does not care about filled in."""

    def __init__(self, serve: Callable[..., Misbehaving], settings: Any) -> None:
        self._serve, self._settings = serve, settings
        self.category = Category.objects.create(slug="code", name="Code")
        self.task_set = TaskSet.objects.create(slug="suite", name="Suite")
        self.version = TaskSetVersion.objects.create(task_set=self.task_set, n=1, sha256="0" * 64)
        self.servers: dict[str, Misbehaving] = {}

    def task(self, prompt: str | None = None, **fields: Any) -> Task:
        n = self.version.items.count()
        prompt = prompt or f"Task {n}?"
        fields = {"messages": [{"role": "user", "content": prompt}]} | fields
        task = Task.objects.create(category=self.category, digest=f"{prompt:0>64}", **fields)
        TaskSetItem.objects.create(version=self.version, task=task, external_id=str(n), position=n)
        return task

    def tasks(self, n: int) -> list[Task]:
        return [self.task() for _ in range(n)]

    def provider(self, slug: str = "local", *scripts: Script, **fields: Any) -> Provider:
        server = self.servers[slug] = self._serve(*(scripts or (says(ANSWER),)))
        self._settings.ARENA_OUTBOUND_ALLOW = [*self._settings.ARENA_OUTBOUND_ALLOW, f"127.0.0.1:{server.port}"]
        fields = {"locality": Provider.Locality.LOCAL, "max_concurrency": 100} | fields
        return Provider.objects.create(slug=slug, name=slug, base_url=server.base_url, **fields)

    def contender(self, slug: str = "one", provider: Provider | None = None, **fields: Any) -> Contender:
        if provider is None:
            provider = Provider.objects.filter(slug="local").first() or self.provider()
        return Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=f"{slug}-model", **fields)

    def priced(self, slug: str = "one", usd: str = "1000", **fields: Any) -> Contender:
        """ANSWER has 12 + 5 tokens: at $1,000 per million they cost $0.017."""
        return self.contender(slug, usd_per_mtok_input=Decimal(usd), usd_per_mtok_output=Decimal(usd), **fields)

    def run(self, *contenders: Contender, **options: Any) -> Run:
        return start_run(version=self.version, contenders=contenders or (self.contender(),), **options)


@pytest.fixture
def serve() -> Iterator[Callable[..., Misbehaving]]:
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(misbehaving(*scripts))


@pytest.fixture
def suite(db: None, settings: Any, serve: Callable[..., Misbehaving]) -> Suite:
    settings.ARENA_OUTBOUND_ALLOW = []
    return Suite(serve, settings)


def next_claim(**options: Any) -> Claim:
    claim = claim_next(**options)
    assert claim is not None
    return claim


def collect(claim: Claim) -> bool:
    """What a pump does with one claim, at a test's own pace. False: another worker had taken over its lease."""

    async def asked(call: Call) -> Result:
        async with AsyncGuardedTransport() as http:
            return Result(call.claim, await call.ask(http), in_flight=1)

    [prepared] = prepare([claim])
    return bool(store([asyncio.run(asked(prepared)) if isinstance(prepared, Call) else prepared]))


def collect_all() -> int:
    """Collect, one after another, until nothing is due just now; how many calls that were."""
    calls = 0
    while (claim := claim_next()) is not None:
        collect(claim)
        calls += 1
    return calls


def states(run: Run) -> list[str]:
    return list(Generation.objects.filter(run_items__run=run).order_by("pk").values_list("state", flat=True))
