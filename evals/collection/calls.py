"""Asking a contender: for one claimed generation, with the checks on its answer; or once, to see whether it answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import Error

from arena.net.client import http_client
from evals.catalog.services import providers
from evals.catalog.services.providers import origin
from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.run import run_checks
from evals.collection.providers import (
    Endpoint,
    KeyRefused,
    Lost,
    Malformed,
    NotAllowed,
    ProviderError,
    Reply,
    Request,
    RequestRefused,
    cost_usd,
    wire_format,
)
from evals.collection.quarantine import names_itself
from evals.collection.queries.failures import advice
from evals.collection.queue import CallOutcome, Claim, fail, finish, keep_lease
from evals.models import Contender, Generation, Provider

__all__ = ["Probe", "ask_once", "collect", "probe"]

log = logging.getLogger(__name__)

_QUARANTINE_CHARS = 255


def ask_once(*, contender: Contender, messages: Sequence[Mapping[str, Any]]) -> Reply:
    """A single call, outside of any run: nothing is stored. Raises ProviderError."""
    return _ask(contender, messages)


def collect(claim: Claim) -> bool:
    """Ask for the claimed generation and store the outcome, whatever it is. False if another worker has taken over the
    lease, and nothing was stored."""
    generation = Generation.objects.select_related("task", "contender__provider").get(pk=claim.generation_id)
    try:
        with keep_lease(claim.token):
            try:
                _check_may_be_sent(generation)
                reply = _ask(generation.contender, generation.task.messages)
            except ProviderError as error:
                return fail(claim=claim, error=error, cost=_cost_of_failure(generation.contender, error))
            return finish(claim=claim, outcome=_checked(generation, reply))
    except BaseException:
        # Interrupted, or a bug in Arena. It counts as an attempt, so that a bug is not paid for forever; if even this
        # cannot be written, the lease expires.
        with suppress(Error):
            fail(claim=claim, error=Lost("interrupted in the worker: its log says why"), cost=None)
        raise


def _check_may_be_sent(generation: Generation) -> None:
    """The second fence: `start_run` refuses such a run, but a task may have become local_only since."""
    task, provider = generation.task, generation.contender.provider
    if provider.locality == Provider.Locality.HOSTED and (
        task.local_only or task.task_set_versions.filter(task_set__local_only=True).exists()
    ):
        raise NotAllowed(f"the task is local_only, and {provider.slug} is a hosted provider: it was not sent")
    if not task.messages:
        raise RequestRefused("the task has no messages: it is known only by its id, from imported votes")


def _ask(contender: Contender, messages: Sequence[Mapping[str, Any]]) -> Reply:
    endpoint = _endpoint(contender)
    client = wire_format(contender.kind or contender.provider.kind, http_client())
    request = Request(model_name=contender.model_name, messages=messages, settings=contender.settings)
    try:
        return client.ask(endpoint, request)
    except ProviderError:
        raise
    except Exception as error:
        # A malformed reply must not take a worker down, whatever it contains.
        log.exception("A reply from %s was not understood.", contender.slug)
        raise Malformed(f"the reply was not understood: {type(error).__name__}") from error


def _endpoint(contender: Contender) -> Endpoint:
    """A frozen contender is asked where it was frozen; but a key goes only to the address it was typed for."""
    provider = contender.provider
    base_url = contender.base_url or provider.base_url
    try:
        key = providers.api_key(provider)
    except providers.KeyUnreadableError as error:
        raise KeyRefused(str(error)) from error
    if key is None and provider.api_key_env:
        raise KeyRefused(f"{provider.api_key_env} is not set where this worker runs")
    if key is not None and base_url and origin(base_url) != origin(provider.base_url):
        raise KeyRefused(
            f"{provider.slug} has moved to {origin(provider.base_url)}; its key is not sent to {origin(base_url)}, "
            "where this contender is frozen. Make a new revision of it"
        )
    return Endpoint(
        base_url=base_url,
        api_key=key,
        first_token_timeout_s=provider.first_token_timeout_s,
        total_timeout_s=provider.total_timeout_s,
    )


def _checked(generation: Generation, reply: Reply) -> CallOutcome:
    task, contender = generation.task, generation.contender
    return CallOutcome(
        reply=reply,
        cost=_cost(contender, reply.tokens_in, reply.tokens_out, reply.tokens_in_cached),
        checks=run_checks(task.checks, text=reply.text, tool_calls=reply.tool_calls, refused=reply.refused),
        refused=reply.refused or looks_like_refusal(reply.text),
        quarantine=names_itself(reply.text, contender, messages=task.messages)[:_QUARANTINE_CHARS],
    )


def _cost_of_failure(contender: Contender, error: ProviderError) -> Decimal | None:
    if not error.billed:
        return Decimal(0)
    return _cost(contender, error.tokens_in, error.tokens_out, error.tokens_in_cached)


def _cost(contender: Contender, tokens_in: int | None, tokens_out: int | None, cached: int | None) -> Decimal | None:
    return cost_usd(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_in_cached=cached,
        usd_per_mtok_input=contender.usd_per_mtok_input,
        usd_per_mtok_output=contender.usd_per_mtok_output,
        base_url=contender.base_url or contender.provider.base_url,
        model_name=contender.model_name,
    )


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What came back. `text` and `detail` are hostile. None: not measured, or no price known."""

    ok: bool
    text: str = ""
    finish_reason: str = ""
    tool_calls: tuple[str, ...] = ()
    ttft_ms: float | None = None
    latency_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: Decimal | None = None
    error: str = ""
    error_label: str = ""
    detail: str = ""
    advice: str = ""

    @property
    def tokens_in_note(self) -> str:
        return "" if self.tokens_in is None else f"{self.tokens_in:,} in"

    @property
    def cost_note(self) -> str:
        """Says what "no price" lacks."""
        if self.cost_usd is not None:
            return ""
        return "no prices typed, and none listed" if self.tokens_out is not None else "the provider counts no tokens"


def probe(*, contender: Contender, prompt: str) -> Probe:
    """Blocks as long as the provider's limits allow. Failures of the call are a result, not an exception."""
    try:
        reply = ask_once(contender=contender, messages=[{"role": "user", "content": prompt}])
    except ProviderError as error:
        return Probe(
            ok=False,
            error=error.category,
            error_label=str(error.category.label),
            detail=error.detail,
            advice=advice(error.category, retrying=False, next_try_at=None, paused_until=None),
            ttft_ms=error.ttft_ms,
            latency_ms=error.latency_ms,
        )
    return _probe_of(contender, reply)


def _probe_of(contender: Contender, reply: Reply) -> Probe:
    cost = cost_usd(
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        tokens_in_cached=reply.tokens_in_cached,
        usd_per_mtok_input=contender.usd_per_mtok_input,
        usd_per_mtok_output=contender.usd_per_mtok_output,
        base_url=contender.base_url or contender.provider.base_url,
        model_name=contender.model_name,
    )
    return Probe(
        ok=True,
        text=reply.text,
        finish_reason=reply.finish_reason,
        tool_calls=tuple(call.name for call in reply.tool_calls),
        ttft_ms=reply.ttft_ms,
        latency_ms=reply.latency_ms,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        cost_usd=cost,
    )
