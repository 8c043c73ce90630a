"""Quality against cost, latency or size: points with their intervals, the Pareto front as steps, labels that do not
collide.

Pure: no Django. Units are those of the drawing's view box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from arena.ui.numbers import money, money_digits, points
from arena.ui.scales import Interval, Scale, fit_axis, log_ticks, ticks

__all__ = ["Entry", "Mark", "Plot", "plot"]

WIDTH, HEIGHT = 620, 340
LEFT, RIGHT, TOP, BOTTOM = 52.0, 604.0, 16.0, 296.0
CHARACTER = 7.3  # of the 12 px mono face
LINE = 12.0


@dataclass(frozen=True)
class Entry:
    """One contender: cost per success, or what else quality is drawn against (known and above 0; less is better), and
    rating with its interval."""

    name: str
    x: float
    rating: Interval


@dataclass(frozen=True)
class Mark:
    """A point with its interval and label. `kind`: `on` the front or `off` it."""

    name: str
    kind: str
    x: float
    y: float
    low: float
    high: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True)
class Label:
    at: float
    words: str


@dataclass(frozen=True)
class Plot:
    marks: tuple[Mark, ...]
    front: str
    under: str
    rows: tuple[Label, ...]
    columns: tuple[Label, ...]
    label: str
    width: int = WIDTH
    height: int = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    bottom: float = BOTTOM


@dataclass(frozen=True)
class Box:
    x1: float
    y1: float
    x2: float
    y2: float

    def meets(self, other: Box) -> bool:
        return self.x1 < other.x2 and other.x1 < self.x2 and self.y1 < other.y2 and other.y1 < self.y2


def plot(
    entries: Sequence[Entry],
    *,
    against: str = "cost per success",
    better: str = "cheaper",
    words: Callable[[float], str] | None = None,
) -> Plot | None:
    """None for fewer than two entries: nothing to compare. `words` writes a value of the axis, by default as money."""
    if len(entries) < 2:
        return None
    along = [entry.x for entry in entries]
    low, high = min(along), max(along)
    if high / low < 2:
        low, high = low / 1.5, high * 1.5
    across = Scale(low / (high / low) ** 0.09, high * (high / low) ** 0.09, LEFT, RIGHT, log=True)
    axis = fit_axis([entry.rating for entry in entries], everybody=True)
    up = Scale(axis.scale.low, axis.scale.high, BOTTOM, TOP)
    front = _front(entries)
    path = _steps([(across.at(entry.x), up.at(entry.rating.point)) for entry in front])
    columns = log_ticks(across.low, across.high)
    digits = [money_digits([value]) for value in columns]
    if len(columns) < 2:
        columns = ticks(across.low, across.high, 4)
        digits = [money_digits(columns)] * len(columns)
    return Plot(
        marks=tuple(_marks(entries, {entry.name for entry in front}, across, up)),
        front=path,
        under=f"{path} L{RIGHT:g} {BOTTOM:g} Z" if path else "",
        rows=tuple(Label(round(up.at(tick.value), 1), points(tick.value)) for tick in axis.ticks),
        columns=tuple(
            Label(round(across.at(value), 1), words(value) if words else money(value, decimals))
            for value, decimals in zip(columns, digits, strict=True)
        ),
        label=f"Rating against {against}; nothing is both better and {better} than "
        + ", ".join(entry.name for entry in front),
    )


def _front(entries: Iterable[Entry]) -> list[Entry]:
    """From the cheapest up: each is better than everything cheaper."""
    front: list[Entry] = []
    for entry in sorted(entries, key=lambda e: (e.x, -e.rating.point)):
        if not front or entry.rating.point > front[-1].rating.point:
            front.append(entry)
    return front


def _steps(corners: Sequence[tuple[float, float]]) -> str:
    if not corners:
        return ""
    x, y = corners[0]
    path = [f"M{x:.1f} {BOTTOM:g}", f"L{x:.1f} {y:.1f}"]
    for (_, before), (x, y) in pairwise(corners):
        path += [f"L{x:.1f} {before:.1f}", f"L{x:.1f} {y:.1f}"]
    path.append(f"L{RIGHT:g} {corners[-1][1]:.1f}")
    return " ".join(path)


def _marks(entries: Sequence[Entry], front: set[str], across: Scale, up: Scale) -> Iterator[Mark]:
    """Labels are placed one by one, the front's first: each takes the first of four places that is free."""
    spots = {entry.name: (across.at(entry.x), up.at(entry.rating.point)) for entry in entries}
    taken = [
        Box(x - 7, up.at(entry.rating.high), x + 7, up.at(entry.rating.low))
        for entry in entries
        for x, _ in [spots[entry.name]]
    ]
    for entry in sorted(entries, key=lambda e: (e.name not in front, -e.rating.point)):
        x, y = spots[entry.name]
        label_x, label_y, anchor, box = _place(entry.name, x, y, taken)
        taken.append(box)
        kind = "on" if entry.name in front else "off"
        low, high = up.at(entry.rating.low), up.at(entry.rating.high)
        yield Mark(
            entry.name, kind, round(x, 1), round(y, 1), round(low, 1), round(high, 1), round(label_x, 1),
            round(label_y, 1), anchor,
        )  # fmt: skip


def _place(name: str, x: float, y: float, taken: Sequence[Box]) -> tuple[float, float, str, Box]:
    wide = len(name) * CHARACTER
    places = [(x - 10, y - 9, "end"), (x + 11, y + 18, "start"), (x + 11, y - 9, "start"), (x - 10, y + 18, "end")]

    def box(place: tuple[float, float, str]) -> Box:
        left = place[0] - wide if place[2] == "end" else place[0]
        return Box(left, place[1] - LINE + 2, left + wide, place[1] + 3)

    def cost(place: tuple[float, float, str]) -> int:
        here = box(place)
        outside = here.x1 < LEFT or here.x2 > WIDTH or here.y1 < 0 or here.y2 > BOTTOM
        return sum(here.meets(other) for other in taken) + 100 * outside

    best = min(places, key=cost)
    return (*best, box(best))
