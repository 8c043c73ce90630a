"""What an answer's headers ask of whoever asks again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]


def retry_after(headers: Mapping[str, str], *, now: datetime, at_most_s: float) -> float | None:
    """How long the server asks us to wait, in seconds: `Retry-After` as a number or an HTTP date, or the finer
    `retry-after-ms`. None if it does not say, or says what nobody understands."""
    try:
        if "retry-after-ms" in headers:
            return _sane(float(headers["retry-after-ms"]) / 1000, at_most_s)
    except ValueError:
        pass
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return _sane(float(value), at_most_s)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return _sane((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), at_most_s)


def _sane(seconds: float, at_most_s: float) -> float | None:
    if seconds != seconds:  # NaN
        return None
    return min(max(seconds, 0.0), at_most_s)
