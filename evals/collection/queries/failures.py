"""Why calls of a run failed: what each kind of error means and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q

from evals.models import Contender, Generation, Run, RunItem
from evals.models.generations import ErrorCategory

__all__ = ["Cause", "advice", "causes_of", "paused_providers"]

_ADVICE: dict[str, str] = {
    ErrorCategory.CONNECTION: "Nothing answered at the provider's address. Start the server, or correct its base URL, "
    "then retry.",
    ErrorCategory.TIMEOUT_CONNECT: "The provider's address did not accept a connection in 10 seconds. Check the "
    "address and any firewall, then retry.",
    ErrorCategory.TIMEOUT_FIRST_TOKEN: "The model did not begin to answer in time. Raise the provider's limit for the "
    "first token, then retry.",
    ErrorCategory.TIMEOUT_TOTAL: "The answer took longer than the provider's limit allows. Raise it on the provider, "
    "then retry.",
    ErrorCategory.STREAM_TRUNCATED: "The provider closed the connection in the middle of the answer. Retry; if it "
    "happens again, a proxy in between may be cutting long answers.",
    ErrorCategory.INVALID_REPLY: "The reply is not what this kind of provider sends. Check the base URL (most end in "
    "/v1), then retry.",
    ErrorCategory.RATE_LIMITED: "Too many requests for this key. Lower the provider's limits, then retry.",
    ErrorCategory.OVERLOADED: "The provider has more to do than it can. Retry later, or lower its concurrency.",
    ErrorCategory.OUT_OF_MEMORY: "The machine of the model ran out of memory. Lower the provider's concurrency, or "
    "give the model a smaller context, then retry.",
    ErrorCategory.PROVIDER_ERROR: "The provider had an error of its own. Retry later.",
    ErrorCategory.AUTH: "The provider refused the key. Type it again on the provider, then retry.",
    ErrorCategory.BILLING: "The account at the provider has no credit left. Add some, then retry.",
    ErrorCategory.MODEL_NOT_FOUND: "The provider does not know this model name. Make a new revision of the contender "
    "with the right one.",
    ErrorCategory.BAD_REQUEST: "The provider refused the request, most often because of a setting. Make a new revision "
    "of the contender without it.",
    ErrorCategory.CONTEXT_LENGTH: "The prompt is longer than the model's context. Leave these tasks out for it, or "
    "accept the gaps.",
    ErrorCategory.CONTENT_FILTER: "Counts as a failure of the contender. Nothing to do.",
    ErrorCategory.EMPTY: "Finished without any text. If the reason is “length”, raise max_tokens in a new revision.",
    ErrorCategory.NOT_TEXT: "The model answers with sound, film or other files, which cannot be compared. Leave it "
    "out.",
    ErrorCategory.TOO_LARGE: "The reply was longer than Arena accepts. Set max_tokens in a new revision of the "
    "contender.",
    ErrorCategory.NOT_ALLOWED: "Runs may not call this address. The detail names it and the setting that allows it.",
    ErrorCategory.LOST: "Workers died during these calls. Look at the worker's log and memory, then retry.",
    ErrorCategory.INTERNAL: "Arena itself failed at these answers. The worker's log has the error: report it, and "
    "retry once it is fixed.",
    ErrorCategory.IMPORTED: "Recorded as failed where it was collected. Nothing to do.",
}


@dataclass(frozen=True)
class Cause:
    """One row of "what goes wrong": generations of a run that share an error and a state.

    `state` is "retrying" (Arena tries again) or "failed" (for good). `detail` is one example, redacted; hostile text.
    """

    error: str
    label: str
    state: str
    calls: int
    contenders: tuple[str, ...]
    advice: str
    detail: str
    next_try_at: datetime | None

    @property
    def can_retry(self) -> bool:
        return self.state == "failed" and self.error != ErrorCategory.IMPORTED


def advice(error: str, *, retrying: bool, next_try_at: datetime | None, paused_until: datetime | None) -> str:
    """What to do about it. Names no times: templates localise them."""
    if not retrying:
        return _ADVICE[error]
    if error == ErrorCategory.RATE_LIMITED and paused_until is not None:
        return "The provider asked for a pause. Arena continues after it."
    if next_try_at is None:
        return "Arena tries again by itself."
    return "Arena tries again by itself, a little later each time."


def paused_providers(contenders: Iterable[Contender], now: datetime) -> dict[int, datetime]:
    """Ids of these contenders' paused providers, and until when. `provider` should be selected."""
    paused = {}
    for contender in contenders:
        until = contender.provider.paused_until
        if until is not None and until > now:
            paused[contender.provider_id] = until
    return paused


def causes_of(run: Run, *, paused: dict[int, datetime]) -> tuple[Cause, ...]:
    """Errors of the run grouped by state and kind: those being retried first, then the most frequent."""
    troubled = Q(generation__state=Generation.State.FAILED) | Q(
        generation__state=Generation.State.WAITING, generation__attempts_made__gt=0
    )
    rows = (
        RunItem.objects.filter(troubled, run=run)
        .exclude(generation__error="")
        .values("generation__state", "generation__error", "generation__contender__slug")
        .annotate(n=Count("pk"), detail=Max("generation__error_detail"), next=Min("generation__not_before"))
    )
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["generation__state"], row["generation__error"]].append(dict(row))
    pause_ends = max(paused.values(), default=None)
    causes = []
    for (state, error), members in groups.items():
        retrying = state == Generation.State.WAITING
        next_try = min(row["next"] for row in members) if retrying else None
        if next_try and error == ErrorCategory.RATE_LIMITED and pause_ends:
            next_try = max(next_try, pause_ends)
        members.sort(key=lambda row: (-row["n"], row["generation__contender__slug"]))
        causes.append(
            Cause(
                error=error,
                label=str(ErrorCategory(error).label),
                state="retrying" if retrying else "failed",
                calls=sum(row["n"] for row in members),
                contenders=tuple(row["generation__contender__slug"] for row in members),
                advice=advice(error, retrying=retrying, next_try_at=next_try, paused_until=pause_ends),
                detail=members[0]["detail"],
                next_try_at=next_try,
            )
        )
    causes.sort(key=lambda cause: (cause.state != "retrying", -cause.calls, cause.error))
    return tuple(causes)
