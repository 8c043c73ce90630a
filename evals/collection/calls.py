"""Asking a contender: what is sent for a claimed generation, and what becomes of the reply; or one call outside of any
run, to see whether it answers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import httpx
from django.db.models import Q

from arena.net.many import AsyncGuardedTransport
from evals.catalog.conversations import segments, turns_asked, written
from evals.catalog.filler import is_padded, with_filler
from evals.catalog.images.encoding import EncodedImage, ImageRefusedError, encode
from evals.catalog.images.references import images_in
from evals.catalog.images.storing import ImageMissingError, keep_file, with_images
from evals.catalog.price_list import own_price
from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.run import run_checks
from evals.collection.checks.tokens import answer_tokens
from evals.collection.endpoints import endpoint_of
from evals.collection.providers import (
    Cost,
    Endpoint,
    InternalError,
    InvalidReply,
    NotAllowed,
    NotText,
    ProviderError,
    Reply,
    Request,
    RequestRefused,
    Usage,
    WireFormat,
    cost_of,
    wire_format,
)
from evals.collection.quarantine import reveals_its_model
from evals.collection.queries.failures import advice
from evals.collection.storing import CallFailure, CallOutcome, Claim, Result
from evals.collection.turns import as_messages, spent_before, sum_of_costs, to_json, whole
from evals.models import Contender, Generation, Provider, Task
from evals.models.contenders import VISION

__all__ = ["PROBE_S", "BusyError", "Call", "Probe", "ask_once", "ask_unmeasured", "load_prices", "prepare", "probe"]

log = logging.getLogger(__name__)

# Keeping an answer's images is tried again after these pauses, while its call still has its place.
_KEPT_AGAIN_AFTER_S = (0.5, 2.0, 8.0)
_TIME_TO_MAKE_ROOM_S = 900.0
# Of a test call, which a page waits for.
PROBE_S = 60.0
_PROBES = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Call:
    """A claimed generation with everything that asking for it takes: from here on, the database is not needed."""

    claim: Claim
    generation: Generation
    wire: WireFormat
    endpoint: Endpoint
    request: Request

    @property
    def provider_id(self) -> int:
        return self.generation.contender.provider_id

    async def ask(self, http: httpx.AsyncBaseTransport) -> CallOutcome | CallFailure:
        """Asks, in a conversation turn by turn, and scores what came, in a thread if there are checks or images: they
        may take seconds. If one turn fails, the whole has. Never raises for what a provider does."""
        replies: list[Reply] = []
        messages: list[Mapping[str, Any]] = []
        try:
            for said in segments(self.request.messages):
                messages = [*messages, *said]
                replies.append(await _ask(self.wire, http, self.endpoint, replace(self.request, messages=messages)))
                messages = [*messages, *as_messages(replies[-1], turn=len(replies))]
        except ProviderError as error:
            return self._failed(error, replies)
        try:
            images = await _images_kept(replies) if any(reply.images for reply in replies) else ()
        except ImageRefusedError as refused:
            return self._in_vain(NotText(f"an image in the answer {refused}"), replies)
        except OSError as failed:
            return self._in_vain(_not_kept(failed), replies)
        if self.generation.task.checks:
            return await asyncio.to_thread(_checked, self.generation, replies, images)
        return _checked(self.generation, replies, images)

    def _in_vain(self, error: ProviderError, replies: Sequence[Reply]) -> CallFailure:
        """Every turn was answered and is paid for, also the one whose image is of no use."""
        reply = whole(replies)
        error.status_code, error.usage = reply.status_code, reply.usage
        error.latency_ms, error.ttft_ms = reply.latency_ms, reply.ttft_ms
        costs = [_cost(self.generation.contender, one.usage) for one in replies]
        return CallFailure(error, sum_of_costs(costs))

    def _failed(self, error: ProviderError, replies: Sequence[Reply]) -> CallFailure:
        contender = self.generation.contender
        costs = [*(_cost(contender, reply.usage) for reply in replies), _cost_of_failure(contender, error)]
        spent_before(error, replies, turns=turns_asked(self.request.messages))
        return CallFailure(error, sum_of_costs(costs))


def prepare(claims: Sequence[Claim]) -> list[Call | Result]:
    """What to send for each claim, or why it is not sent."""
    if not claims:
        return []
    # Without what it has not got yet: texts and measurements.
    asked = Generation.objects.only("task", "contender", "sample", "take")
    rows = asked.in_bulk([claim.generation_id for claim in claims])
    # Apart, because each is asked for by many: a join would make one of each for every row.
    tasks = Task.objects.in_bulk({row.task_id for row in rows.values()})
    contenders = Contender.objects.select_related("provider").in_bulk({row.contender_id for row in rows.values()})
    for row in rows.values():
        row.task, row.contender = tasks[row.task_id], contenders[row.contender_id]
    kept_here = _kept_here(rows.values())
    return [_prepared(claim, rows[claim.generation_id], kept_here) for claim in claims]


def load_prices(calls: Iterable[Call]) -> None:
    """The price list, if it is needed: if the first answer loaded it, every call in flight would be held up."""
    for contender in {call.generation.contender_id: call.generation.contender for call in calls}.values():
        _cost(contender, Usage(tokens_in=1, tokens_out=1))


def _kept_here(rows: Collection[Generation]) -> set[int]:
    """The tasks that hosted providers must not receive, of those that are to be sent to one."""
    hosted = {row.task_id for row in rows if row.contender.provider.locality == Provider.Locality.HOSTED}
    local = Q(local_only=True) | Q(task_set_versions__task_set__local_only=True)
    return set(Task.objects.filter(local, pk__in=hosted).values_list("pk", flat=True)) if hosted else set()


def _prepared(claim: Claim, generation: Generation, kept_here: Collection[int]) -> Call | Result:
    contender = generation.contender
    try:
        _check_may_be_sent(generation, kept_here)
        return Call(
            claim,
            generation,
            wire_format(contender.kind or contender.provider.kind),
            _endpoint(contender),
            Request(contender.model_name, generation.task.messages, contender.settings, generation.task.tools),
        )
    except ProviderError as error:
        return Result(claim, CallFailure(error, _cost_of_failure(contender, error)))


def ask_once(*, contender: Contender, messages: Sequence[Mapping[str, Any]], within_s: float | None = None) -> Reply:
    """A single call, outside of any run: nothing is stored. `within_s`: sooner than the provider's own limits, where
    those are longer. Raises ProviderError."""
    wire, endpoint = wire_format(contender.kind or contender.provider.kind), _endpoint(contender)
    if within_s is not None:
        first, total = endpoint.first_token_timeout_s, endpoint.total_timeout_s
        endpoint = replace(endpoint, first_token_timeout_s=min(first, within_s), total_timeout_s=min(total, within_s))
    request = Request(contender.model_name, messages, contender.settings)

    async def asked() -> Reply:
        async with AsyncGuardedTransport() as http:
            return await _ask(wire, http, endpoint, request)

    return asyncio.run(asked())


def ask_unmeasured(*, contender: Contender, messages: Sequence[Mapping[str, Any]]) -> CallOutcome | CallFailure:
    """A single call whose answer nobody reads: neither scored nor stored. Failures of the call are a result."""
    try:
        reply = ask_once(contender=contender, messages=messages)
    except ProviderError as error:
        return CallFailure(error, _cost_of_failure(contender, error))
    return CallOutcome(reply, _cost(contender, reply.usage), checks=[], refused=False, quarantine="")


async def _ask(wire: WireFormat, http: httpx.AsyncBaseTransport, endpoint: Endpoint, request: Request) -> Reply:
    if is_padded(request.messages):
        # Only now, for the same reason as images: a long prompt has a megabyte.
        request = replace(request, messages=await asyncio.to_thread(with_filler, request.messages))
    if images_in(request.messages):
        # Only now: hundreds of claimed calls would hold their images in memory while they wait.
        request = replace(request, messages=await asyncio.to_thread(_with_images, request.messages))
    try:
        return await wire.ask(http, endpoint, request)
    except ProviderError:
        raise
    except Exception as error:
        # A malformed reply must not take a worker down, whatever it contains.
        log.exception("A reply of %s was not understood.", request.model_name)
        raise InvalidReply(f"the reply was not understood: {type(error).__name__}") from error


def _with_images(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    try:
        return with_images(messages)
    except ImageMissingError as error:
        raise RequestRefused(str(error)) from error


def _check_may_be_sent(generation: Generation, kept_here: Collection[int]) -> None:
    """The second fence: `start_run` refuses such a run, but a task may have become local_only since."""
    task, provider = generation.task, generation.contender.provider
    if provider.locality == Provider.Locality.HOSTED and task.pk in kept_here:
        raise NotAllowed(f"the task is local_only, and {provider.slug} is a hosted provider: it was not sent")
    if task.images and VISION not in generation.contender.capabilities:
        raise RequestRefused(f"the task has images, and {generation.contender.slug} lacks the capability “{VISION}”")
    if not task.messages:
        raise RequestRefused("the task has no messages: it is known only by its id, from imported votes")


def _endpoint(contender: Contender) -> Endpoint:
    return endpoint_of(contender.provider, frozen_url=contender.base_url)


def _checked(generation: Generation, replies: Sequence[Reply], images: tuple[EncodedImage, ...]) -> CallOutcome:
    """Checks read the text and the tokens of the last answer, and the tool calls and refusals of all."""
    task, contender = generation.task, generation.contender
    reply, costs = whole(replies), [_cost(contender, one.usage) for one in replies]
    turns = [to_json(*one) for one in zip(replies, costs, strict=True)] if len(replies) > 1 else []
    calls = [call for one in replies for call in one.tool_calls]
    shown = written(text=reply.text, tool_calls=[call.to_json() for call in reply.tool_calls], turns=turns)
    refused = reply.refused or any(looks_like_refusal(one.text) for one in replies)
    return CallOutcome(
        reply=reply,
        cost=sum_of_costs(costs),
        checks=run_checks(task.checks, text=reply.text, tool_calls=calls, refused=refused, tokens=_tokens(replies[-1])),
        refused=refused,
        quarantine=reveals_its_model(shown, contender, task),
        images=images,
        turns=turns,
    )


def _tokens(reply: Reply) -> int | None:
    usage = reply.usage
    return answer_tokens(
        tokens_out=usage.tokens_out, tokens_thinking=usage.tokens_thinking, thought=bool(reply.thinking)
    )


async def _images_kept(replies: Sequence[Reply]) -> tuple[EncodedImage, ...]:
    """The images of all turns, their files kept; all in one form, which does not tell whose they are. The answer waits
    for a place that fails for a moment: it is paid for. Raises ImageRefusedError for one that cannot be read, OSError
    where the place goes on failing."""
    images = await asyncio.to_thread(_encoded, replies)
    for wait_s in _KEPT_AGAIN_AFTER_S:
        try:
            await asyncio.to_thread(_keep_files, images)
            return images
        except OSError as error:
            log.warning("An answer's image could not be kept (%s); trying again in %g s.", error, wait_s)
            await asyncio.sleep(wait_s)
    await asyncio.to_thread(_keep_files, images)
    return images


def _encoded(replies: Sequence[Reply]) -> tuple[EncodedImage, ...]:
    return tuple(encode(image, only_png=True) for reply in replies for image in reply.images)


def _keep_files(images: Sequence[EncodedImage]) -> None:
    for image in images:
        keep_file(image)


def _not_kept(failed: OSError) -> InternalError:
    """Asked again only when there has been time to make room: that is paid for, too."""
    why = failed.strerror or type(failed).__name__
    detail = f"an image in the answer could not be kept: {why}. Make room under ARENA_MEDIA, and make it writable"
    return InternalError(detail, retry_after_s=_TIME_TO_MAKE_ROOM_S)


def _cost_of_failure(contender: Contender, error: ProviderError) -> Cost:
    return _cost(contender, error.usage) if error.billed else Cost(Decimal(0), "provider")


def _cost(contender: Contender, usage: Usage) -> Cost:
    return cost_of(
        usage,
        own=own_price(contender),
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


class BusyError(RuntimeError):
    """As many test calls as this process makes at once are under way."""


def probe(*, contender: Contender, prompt: str, within_s: float = PROBE_S) -> Probe:
    """Blocks for as long as the call takes, and so a thread that others wait for: not as long as a provider may take,
    but `within_s`, and at most two at once in a process. Failures of the call are a result; raises BusyError."""
    if not _PROBES.acquire(blocking=False):
        raise BusyError
    try:
        return _probed(contender, prompt, within_s)
    finally:
        _PROBES.release()


def _probed(contender: Contender, prompt: str, within_s: float) -> Probe:
    try:
        reply = ask_once(contender=contender, messages=[{"role": "user", "content": prompt}], within_s=within_s)
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
    return Probe(
        ok=True,
        text=reply.text,
        finish_reason=reply.finish_reason,
        tool_calls=tuple(call.name for call in reply.tool_calls),
        ttft_ms=reply.ttft_ms,
        latency_ms=reply.latency_ms,
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        cost_usd=_cost(contender, reply.usage).usd,
    )
