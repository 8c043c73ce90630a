"""What is drawn, as coordinates: whisker, bar, row of ticks, the lead's line, heat, quality against cost.

Pure: no Django. Templates under `templates/ui/` turn each into inline SVG; lengths are attributes, so no page
needs an inline style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from arena.ui.numbers import points
from arena.ui.scales import Axis, Interval, Scale, percent

__all__ = ["Bar", "Gap", "Heat", "Segment", "Whisker", "bar", "gap", "heat", "heat_step", "tick_row", "whisker"]


@dataclass(frozen=True)
class Whisker:
    """`off` is "low" or "high" where the point lies outside the axis: then only `off_text` is shown, with an
    arrow. A range that leaves the axis has no cap at that end."""

    grid: tuple[str, ...]
    label: str
    point: str = ""
    range: tuple[str, str] = ("", "")
    wide: tuple[str, str] | None = None
    caps: tuple[str, ...] = ()
    off: str = ""
    off_text: str = ""


def whisker(interval: Interval, axis: Axis) -> Whisker:
    scale = axis.scale
    grid = tuple(percent(tick.at) for tick in axis.ticks)
    between = f"{points(interval.low)} to {points(interval.high)}"
    label = f"{points(interval.point)}, 95% interval {between}"
    if not scale.holds(interval.point):
        off, side = ("low", "below") if interval.point < scale.low else ("high", "above")
        return Whisker(grid, f"{label}, {side} the axis", off=off, off_text=f"{between}, {side} the axis")

    def at(value: float) -> str:
        return percent(scale.at(scale.clamp(value)))

    wide = interval.wide and (at(interval.wide[0]), at(interval.wide[1]))
    if interval.wide:
        label += f"; for people like these reviewers {points(interval.wide[0])} to {points(interval.wide[1])}"
    return Whisker(
        grid,
        label,
        point=at(interval.point),
        range=(at(interval.low), at(interval.high)),
        wide=wide,
        caps=tuple(at(end) for end in (interval.low, interval.high) if scale.holds(end)),
    )


@dataclass(frozen=True)
class Segment:
    kind: str
    x: str
    width: str


@dataclass(frozen=True)
class Bar:
    segments: tuple[Segment, ...]
    label: str


def bar(parts: Sequence[tuple[str, float]], total: float, label: str) -> Bar:
    """Stacked shares of `total`, in the given order; what is missing to it stays empty. Parts beyond the total
    are cut off at the end, and empty parts are not drawn."""
    segments, done = [], 0.0
    for kind, size in parts:
        width = min(size, total - done)
        if total > 0 and width > 0:
            segments.append(Segment(kind, percent(100 * done / total), percent(100 * width / total)))
            done += width
    return Bar(tuple(segments), label)


def tick_row(on: int, of: int) -> tuple[Segment, ...]:
    """One mark for each of `of`, the first `on` of them filled: for counts small enough to be seen singly."""
    if of < 1:
        return ()
    step = 100 / of
    return tuple(Segment("on" if n < on else "off", percent(n * step), percent(step * 0.62)) for n in range(of))


@dataclass(frozen=True)
class Text:
    x: str
    words: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Gap:
    """The lead's line against where a switch begins: clay (`over`) is still on the wrong side of it."""

    label: str
    range: tuple[str, str]
    over: tuple[str, str] | None
    zero: str
    point: str
    zero_text: Text
    point_text: Text
    ends: tuple[Text, ...]


def gap(*, low: float, lead: float, high: float, margin: float = 0.0, who: str = "") -> Gap:
    scale = Scale(min(low, margin), max(high, margin, min(low, margin) + 1), start=7, end=93)
    zero = scale.at(margin)
    says = "0, no difference" if margin == 0 else f"{points(margin)}, the margin asked for"
    # The words stand on the side that has room, and an end that would touch them is left to the label.
    zero_text = Text(percent(zero - 1), says, "start") if zero < 50 else Text(percent(zero + 1), says, "end")
    ends = tuple(Text(percent(scale.at(end)), points(end)) for end in (low, high) if abs(scale.at(end) - zero) > 12)
    whose = f" of {who}" if who else ""
    return Gap(
        label=f"Lead{whose}: {points(lead)} points, safe interval {points(low)} to {points(high)}; "
        f"a switch needs all of it right of {points(margin)}",
        range=(percent(scale.at(low)), percent(scale.at(high))),
        over=(percent(scale.at(low)), percent(scale.at(min(high, margin)))) if low < margin else None,
        zero=percent(zero),
        point=percent(scale.at(lead)),
        zero_text=zero_text,
        point_text=Text(percent(scale.at(lead)), points(lead)),
        ends=ends,
    )


def heat_step(share: float) -> str:
    """A win share as one of seven classes: w3 w2 w1, empty, l1 l2 l3."""
    distance = abs(round(100 * share) - 50)
    step = 0 if distance < 5 else 1 if distance < 15 else 2 if distance < 25 else 3
    return f"{'w' if share > 0.5 else 'l'}{step}" if step else ""


# Fewer votes than this say little of a pair.
THIN = 10


@dataclass(frozen=True)
class HeatCell:
    words: str
    kind: str = ""
    title: str = ""
    href: str = ""


@dataclass(frozen=True)
class HeatRow:
    name: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class Heat:
    names: tuple[str, ...]
    rows: tuple[HeatRow, ...]


def heat(
    names: Sequence[str],
    wins: Mapping[tuple[str, str], tuple[float, int]],
    address: Callable[[str, str], str] | None = None,
) -> Heat:
    """Who beats whom. `wins[row, column]` is (wins with a tie as half, votes); a pair that is missing or has no
    votes never met. `address` of a row and a column is where the votes of a pair can be read."""

    def cell(row: str, column: str) -> HeatCell:
        if row == column:
            return HeatCell("·", "self")
        won, votes = wins.get((row, column), (0.0, 0))
        if not votes:
            return HeatCell("–", "unmet", f"{row} and {column} never met")
        share = won / votes
        kind = f"{heat_step(share)}{' thin' if votes < THIN else ''}".strip()
        words = f"{100 * share:.0f}"
        title = f"{row} against {column}: {words}% of {votes} vote{'s' if votes != 1 else ''}"
        return HeatCell(words, kind, title, address(row, column) if address else "")

    return Heat(tuple(names), tuple(HeatRow(row, tuple(cell(row, column) for column in names)) for row in names))
