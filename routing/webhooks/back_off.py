"""When a message that was not taken is sent again. The waits are the specification's, but for the first. Pure."""

from __future__ import annotations

import random
from datetime import timedelta

__all__ = ["ATTEMPTS", "LONGEST_S", "PAUSE_S", "back_off"]

_MINUTE, _HOUR = 60, 3600
# After an attempt that failed nothing goes to that webhook for so long. Ends before the clock looks the next time.
PAUSE_S = 30
# After the first attempt, after the second, and so on. The specification's first, 5 s, would end within the pause.
_WAITS_S = (
    PAUSE_S, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip
ATTEMPTS = len(_WAITS_S) + 1
# However long a receiver asks us to stay away, it is asked again after this.
LONGEST_S = 24.0 * _HOUR
_JITTER = 0.1


def back_off(
    attempts_made: int, *, retry_after_s: float | None = None, jitter: float | None = None
) -> timedelta | None:
    """How long to wait after that many attempts, None if there is no other.

    Up to a tenth longer than the schedule says (`jitter` 0 to 1 fixes the draw), so that what failed together does not
    come back together, and never shorter than the receiver asked for.
    """
    if attempts_made >= ATTEMPTS:
        return None
    drawn = random.random() if jitter is None else jitter
    wait = _WAITS_S[max(attempts_made - 1, 0)] * (1 + _JITTER * drawn)
    return timedelta(seconds=max(wait, min(retry_after_s or 0.0, LONGEST_S)))
