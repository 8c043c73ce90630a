"""What can go wrong when a model is asked: one tree, one taxonomy for every wire format.

    ProviderError
      TransientError    worth asking again, a little later
        ConnectionFailed, ConnectTimedOut, FirstTokenTimedOut, TimedOut, StreamTruncated, InvalidReply, RateLimited,
        Overloaded, OutOfMemory, ServerError, EmptyAnswer, Lost, InternalError
      LastingError      the same request would fail again
        KeyRefused, NoCredit, ModelNotFound, RequestRefused, ContextTooLong, NotText, Filtered, TooLarge,
        NotAllowed

`back_off` says when, and whether at all: `ErrorCategory` names what is stored.
"""

from __future__ import annotations

import random
from typing import ClassVar

from evals.collection.providers.usage import Usage
from evals.models.generations import ErrorCategory

__all__ = [
    "LONGEST_PAUSE_S",
    "ConnectTimedOut",
    "ConnectionFailed",
    "ContextTooLong",
    "EmptyAnswer",
    "Filtered",
    "FirstTokenTimedOut",
    "InternalError",
    "InvalidReply",
    "KeyRefused",
    "LastingError",
    "Lost",
    "ModelNotFound",
    "NoCredit",
    "NotAllowed",
    "NotText",
    "OutOfMemory",
    "Overloaded",
    "ProviderError",
    "RateLimited",
    "RequestRefused",
    "ServerError",
    "StreamTruncated",
    "TimedOut",
    "TooLarge",
    "TransientError",
    "allowed_attempts",
    "back_off",
]


class ProviderError(Exception):
    """A call without an answer, with its measurements.

    `detail` says what happened and, if known, what to do; redacted, but otherwise the provider's own words: hostile.
    `billed` False: the provider certainly charged nothing, so the call cost 0 rather than an unknown sum. The client
    fills in what it measured before the call failed.
    """

    category: ClassVar[ErrorCategory]
    billed: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        status_code: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status_code = status_code
        self.retry_after_s = retry_after_s
        self.ttft_ms: float | None = None
        self.latency_ms: float | None = None
        self.usage = Usage()


class TransientError(ProviderError):
    """Worth retrying a little later."""


class LastingError(ProviderError):
    """The same request would fail again."""


class ConnectionFailed(TransientError):  # noqa: N818 (names say what happened, as the taxonomy does)
    category = ErrorCategory.CONNECTION


class ConnectTimedOut(TransientError):  # noqa: N818
    category = ErrorCategory.TIMEOUT_CONNECT


class FirstTokenTimedOut(TransientError):  # noqa: N818
    category = ErrorCategory.TIMEOUT_FIRST_TOKEN
    billed = True


class TimedOut(TransientError):  # noqa: N818
    category = ErrorCategory.TIMEOUT_TOTAL
    billed = True


class StreamTruncated(TransientError):  # noqa: N818
    category = ErrorCategory.STREAM_TRUNCATED
    billed = True


class InvalidReply(TransientError):  # noqa: N818
    category = ErrorCategory.INVALID_REPLY
    billed = True


class RateLimited(TransientError):  # noqa: N818
    category = ErrorCategory.RATE_LIMITED


class Overloaded(TransientError):  # noqa: N818
    category = ErrorCategory.OVERLOADED


class OutOfMemory(TransientError):  # noqa: N818
    category = ErrorCategory.OUT_OF_MEMORY


class ServerError(TransientError):
    category = ErrorCategory.PROVIDER_ERROR


class EmptyAnswer(TransientError):  # noqa: N818
    """Finished with neither text nor a tool call. Worth one more try."""

    category = ErrorCategory.EMPTY
    billed = True


class Lost(TransientError):  # noqa: N818
    """The outcome of the call is unknown: its worker died or was interrupted."""

    category = ErrorCategory.LOST
    billed = True


class InternalError(TransientError):
    """Arena failed, not the provider: while it scored an answer, say. It would most likely fail again, and each call is
    paid for, so there is one more try and no third."""

    category = ErrorCategory.INTERNAL
    billed = True


class KeyRefused(LastingError):  # noqa: N818
    category = ErrorCategory.AUTH


class NoCredit(LastingError):  # noqa: N818
    category = ErrorCategory.BILLING


class ModelNotFound(LastingError):  # noqa: N818
    category = ErrorCategory.MODEL_NOT_FOUND


class RequestRefused(LastingError):  # noqa: N818
    category = ErrorCategory.BAD_REQUEST


class ContextTooLong(LastingError):  # noqa: N818
    category = ErrorCategory.CONTEXT_LENGTH


class NotText(LastingError):  # noqa: N818
    """The model answers with what is neither text nor an image that can be read. Each further call would be paid for,
    too."""

    category = ErrorCategory.NOT_TEXT
    billed = True


class Filtered(LastingError):  # noqa: N818
    category = ErrorCategory.CONTENT_FILTER
    billed = True


class TooLarge(LastingError):  # noqa: N818
    category = ErrorCategory.TOO_LARGE
    billed = True


class NotAllowed(LastingError):  # noqa: N818
    category = ErrorCategory.NOT_ALLOWED


# Attempts before a generation has failed for good. Errors not listed here are not retried.
_ATTEMPTS: dict[ErrorCategory, int] = {
    ErrorCategory.CONNECTION: 4,
    ErrorCategory.TIMEOUT_CONNECT: 4,
    ErrorCategory.TIMEOUT_FIRST_TOKEN: 4,
    ErrorCategory.TIMEOUT_TOTAL: 4,
    ErrorCategory.STREAM_TRUNCATED: 4,
    ErrorCategory.INVALID_REPLY: 4,
    ErrorCategory.OUT_OF_MEMORY: 4,
    ErrorCategory.PROVIDER_ERROR: 4,
    # Workers that are killed again and again must not cost answers.
    ErrorCategory.LOST: 12,
    # These two say nothing about the request; the provider is paused meanwhile.
    ErrorCategory.RATE_LIMITED: 8,
    ErrorCategory.OVERLOADED: 8,
    ErrorCategory.EMPTY: 2,
    ErrorCategory.INTERNAL: 2,
}
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 60.0
# Even if a provider asks for a longer pause, it is asked again after this.
LONGEST_PAUSE_S = 6 * 3600.0


def allowed_attempts(category: ErrorCategory) -> int:
    return _ATTEMPTS.get(category, 1)


def back_off(
    category: ErrorCategory, *, attempts_made: int, retry_after_s: float | None = None, jitter: float | None = None
) -> float | None:
    """Seconds to wait before the next attempt; None if there is none.

    Doubles from 2 s to a minute; the wait is drawn from its upper half (`jitter` 0 to 1 fixes the draw), so that
    calls which failed together do not come back together. Never shorter than the provider asked for.
    """
    if attempts_made >= allowed_attempts(category):
        return None
    if category == ErrorCategory.LOST and attempts_made == 1:
        # The worker failed, not the provider. If it happens again, others go first: the oldest work would be what each
        # doomed worker takes up.
        return 0.0
    full = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempts_made - 1))
    wait = full * (0.5 + 0.5 * (random.random() if jitter is None else jitter))
    return max(wait, min(retry_after_s or 0.0, LONGEST_PAUSE_S))
