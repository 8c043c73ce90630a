"""Lines over time: each point with its interval, marks along the foot for what changed, labels at the lines' ends.

Pure: no Django. Units are those of the drawing's view box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from arena.ui.numbers import points
from arena.ui.scales import Interval, Scale, fit_axis

__all__ = ["Series", "Timeline", "timeline"]

WIDTH, HEIGHT = 1180, 360
LEFT, RIGHT, TOP, BOTTOM = 52.0, 1010.0, 34.0, 306.0
# Between the names at the lines' ends, and between the words of two marks.
LINE, ROOM = 15.0, 92.0
COLUMNS = 6


@dataclass(frozen=True)
class Series:
    """One line: a name and its points, oldest first."""

    name: str
    points: tuple[tuple[datetime, Interval], ...]


@dataclass(frozen=True)
class Spot:
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    name: str
    path: str
    spots: tuple[Spot, ...]
    label_y: float


@dataclass(frozen=True)
class Label:
    at: float
    words: str


@dataclass(frozen=True)
class Timeline:
    """`marks` with empty words stand too close to the one before to be named."""

    lines: tuple[Line, ...]
    rows: tuple[Label, ...]
    columns: tuple[Label, ...]
    marks: tuple[Label, ...]
    label: str
    width: int = WIDTH
    height: int = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM
    names_at: float = RIGHT + 12


def timeline(series: Sequence[Series], marks: Sequence[tuple[datetime, str]] = ()) -> Timeline | None:
    """None unless two moments differ. Marks before the first point or after the last are left out."""
    moments = sorted({moment for one in series for moment, _ in one.points})
    if len(moments) < 2:
        return None
    first, last = moments[0], moments[-1]
    across = Scale(0, (last - first).total_seconds(), LEFT + 8, RIGHT)
    axis = fit_axis([interval for one in series for _, interval in one.points], everybody=True)
    up = Scale(axis.scale.low, axis.scale.high, BOTTOM, TOP)

    def x(moment: datetime) -> float:
        return round(across.at((moment - first).total_seconds()), 1)

    def y(value: float) -> float:
        return round(up.at(value), 1)

    lines: list[Line] = []
    lowest = TOP - LINE
    for one in sorted((one for one in series if one.points), key=lambda one: -one.points[-1][1].point):
        spots = tuple(Spot(x(at), y(part.point), y(part.low), y(part.high)) for at, part in one.points)
        lowest = max(spots[-1].y, lowest + LINE)
        path = "M" + " L".join(f"{spot.x:g} {spot.y:g}" for spot in spots)
        lines.append(Line(one.name, path, spots, round(lowest, 1)))
    return Timeline(
        lines=tuple(lines),
        rows=tuple(Label(y(tick.value), points(tick.value)) for tick in axis.ticks),
        columns=tuple(_columns(first, last, x)),
        marks=tuple(_marks(sorted((at, words) for at, words in marks if first <= at <= last), x)),
        label="Rating over time of " + ", ".join(line.name for line in lines),
    )


def _columns(first: datetime, last: datetime, x: Callable[[datetime], float]) -> list[Label]:
    span = last - first
    form = "%H:%M:%S" if span < timedelta(minutes=10) else "%H:%M" if span < timedelta(days=1) else "%d %b %H:%M"
    if span >= timedelta(days=3):
        form = "%d %b" if span < timedelta(days=300) else "%b %Y"
    at = [first + span * n / (COLUMNS - 1) for n in range(COLUMNS)]
    return [Label(x(moment), moment.strftime(form).lstrip("0")) for moment in at]


def _marks(marks: Sequence[tuple[datetime, str]], x: Callable[[datetime], float]) -> list[Label]:
    labels: list[Label] = []
    free = LEFT - ROOM
    for at, words in marks:
        here = x(at)
        labels.append(Label(here, words if here >= free else ""))
        free = here + ROOM if here >= free else free
    return labels
