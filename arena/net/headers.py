"""How long an answer's headers ask a client to wait before it asks again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]

# By OpenAI's names, which most others use, and by Anthropic's: what is left of a limit, and when it is whole again.
_LIMITS = (
    ("x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
    ("anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset"),
)
_COUNTED = ("requests", "tokens", "input-tokens", "output-tokens")
# As in 6m0s, 1.5s and 20ms.
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def retry_after(headers: Mapping[str, str], *, now: datetime, at_most_s: float) -> float | None:
    """How long the server asks us to wait, in seconds: `Retry-After` as a number or an HTTP date, or the finer
    `retry-after-ms`, or else when the limits that are used up begin anew. None if it does not say, or not in a form
    that is known."""
    try:
        if "retry-after-ms" in headers:
            return _sane(float(headers["retry-after-ms"]) / 1000, at_most_s)
    except ValueError:
        pass
    value = headers.get("retry-after", "").strip()
    if not value:
        return _limits_reset(headers, now=now, at_most_s=at_most_s)
    try:
        return _sane(float(value), at_most_s)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return _sane((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), at_most_s)


def _limits_reset(headers: Mapping[str, str], *, now: datetime, at_most_s: float) -> float | None:
    """Only of limits of which nothing is left: the others' resets say nothing about this refusal."""
    waits = [
        _until(headers.get(reset.format(name), ""), now)
        for left, reset in _LIMITS
        for name in _COUNTED
        if headers.get(left.format(name), "").strip() == "0"
    ]
    known = [wait for wait in waits if wait is not None]
    return _sane(max(known), at_most_s) if known else None


def _until(reset: str, now: datetime) -> float | None:
    """Seconds until a time in RFC 3339, or those of a duration."""
    found = _DURATION.fullmatch(reset.strip())
    if found is not None and any(found.groups()):
        hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds).total_seconds()
    try:
        at = datetime.fromisoformat(reset.strip())
        return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return None


def _sane(seconds: float, at_most_s: float) -> float | None:
    if seconds != seconds:  # NaN
        return None
    return min(max(seconds, 0.0), at_most_s)
