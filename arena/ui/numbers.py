"""How figures are written: one precision for each kind, everywhere. Pure: no Django.

None is never a number here. A count or rate that does not exist is `NONE`, a price nobody knows is `NO_PRICE`;
neither is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

__all__ = ["NONE", "NO_PRICE", "chance", "duration", "money", "money_digits", "pace", "points", "rate", "span", "whole"]

NONE = "–"
NO_PRICE = "no price"
MINUS = "−"

Number = int | float | Decimal


def _signed(text: str) -> str:
    return MINUS + text[1:] if text.startswith("-") else text


def whole(value: Number | None) -> str:
    """5760 → 5,760."""
    return NONE if value is None else _signed(f"{round(value):,}")


def points(value: Number | None) -> str:
    """A rating or a lead: whole, without separators. 1142.3 → 1142, -18.6 → −19."""
    return NONE if value is None else _signed(f"{round(value):d}")


def rate(value: Number | None) -> str:
    """A share as 0.1%. 0.026 → 2.6%, 1 → 100%; what is not quite 0 or 100 never reads as that."""
    if value is None:
        return NONE
    if value in (0, 1):
        return f"{value:.0%}"
    if 0 < value < 0.0005:
        return "< 0.1%"
    if 0.9995 < value < 1:
        return "> 99.9%"
    return f"{value:.1%}"


def pace(value: Number | None) -> str:
    """So many a minute: whole from 10 on, else to the tenth, for what is slow is not standing still."""
    if value is None:
        return NONE
    return whole(value) if value >= 9.95 else f"{value:.1f}"


def chance(value: Number | None) -> str:
    """A probability as whole per cents, never 0 or 100: 0.83 → 83%, 0.001 → < 1%."""
    if value is None:
        return NONE
    if value < 0.01:
        return "< 1%"
    if value > 0.99:
        return "> 99%"
    return f"{value:.0%}"


def span(milliseconds: Number | None, *, fine: bool = False) -> str:
    """A latency as 0.1 s; with `fine` (first tokens), below a second as whole milliseconds. 6800 → 6.8 s."""
    if milliseconds is None:
        return NONE
    if fine and milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 50:
        return "< 0.1 s"
    return f"{milliseconds / 1000:.1f} s"


def duration(seconds: Number | None) -> str:
    """How long something takes: 40 → 40 s, 1560 → 26 min, 7800 → 2 h 10 min, 200000 → 2 d 8 h."""
    if seconds is None:
        return NONE
    whole = max(0, math.ceil(seconds))
    if whole <= 90:
        return f"{whole} s"
    minutes = math.ceil(whole / 60)
    if minutes <= 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours + (minutes >= 30), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def money(usd: Number | None, digits: int | None = None) -> str:
    """US dollars. From $1 up to the cent, below to two figures that count: 19.27 → $19.27, 0.0094 → $0.0094.

    `digits` fixes the decimals instead, for a column whose figures are compared (see `money_digits`).
    """
    if usd is None:
        return NO_PRICE
    if usd == 0:
        return "$0"
    sign, size = (MINUS, -usd) if usd < 0 else ("", usd)
    decimals = _decimals(size) if digits is None else digits
    if round(size, decimals) == 0:
        return f"{sign}< ${10.0**-decimals:.{decimals}f}"
    return f"{sign}${size:,.{decimals}f}"


def money_digits(values: Iterable[Number | None]) -> int:
    """Decimals for a column of prices: to the digit that differs.

    As many as the smallest needs for one figure that counts, more while two different prices would read the
    same, and never more than the smallest needs for two figures.
    """
    known: list[Number] = sorted({abs(float(v)) for v in values if v})
    if not known:
        return 2
    fewest, most = _decimals(known[0], figures=1), _decimals(known[0])
    for decimals in range(fewest, most):
        written = {f"{value:.{decimals}f}" for value in known}
        if len(written) == len(known):
            return decimals
    return most


def _decimals(size: Number, figures: int = 2) -> int:
    if size >= 1:
        return 2
    return max(2, figures - 1 - math.floor(math.log10(size)))
