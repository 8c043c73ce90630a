"""One call to a contender, to see whether it answers. Stores nothing and freezes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evals.models import Contender
from evals.providers import ProviderError, Reply, cost_usd
from evals.selectors.causes import advice
from evals.services.collecting.calls import ask_once

__all__ = ["Probe", "probe"]


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
    return _answered(contender, reply)


def _answered(contender: Contender, reply: Reply) -> Probe:
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
