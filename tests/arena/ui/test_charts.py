"""Drawings as coordinates: what is measured is where it should be, and what cannot be shown says so."""

import pytest

from arena.ui import charts, plots
from arena.ui.scales import Axis, Interval, Scale, Tick

AXIS = Axis(Scale(900, 1100), (Tick(950, 25), Tick(1000, 50), Tick(1050, 75)))


def test_a_whisker_stands_where_its_numbers_are():
    whisker = charts.whisker(Interval(975, 1000, 1025, (950, 1050)), AXIS)
    assert (whisker.point, whisker.range, whisker.wide) == ("50.00%", ("37.50%", "62.50%"), ("25.00%", "75.00%"))
    assert whisker.grid == ("25.00%", "50.00%", "75.00%")
    assert whisker.label == "1000, 95% interval 975 to 1025; for people like these reviewers 950 to 1050"


@pytest.mark.parametrize(("point", "off", "side"), [(613, "low", "below"), (1500, "high", "above")])
def test_who_falls_outside_gets_an_arrow_and_its_numbers(point, off, side):
    whisker = charts.whisker(Interval(point - 20, point, point + 20), AXIS)
    assert whisker.off == off
    assert whisker.off_text == f"{point - 20} to {point + 20}, {side} the axis"
    assert whisker.label.endswith(f"{side} the axis")


def test_a_range_that_leaves_the_axis_has_no_cap_there():
    whisker = charts.whisker(Interval(700, 920, 1050), AXIS)
    assert whisker.range == ("0.00%", "75.00%")
    assert whisker.caps == ("75.00%",)


def test_a_bar_stacks_its_parts_in_order_and_draws_no_empty_ones():
    bar = charts.bar([("done", 50), ("fly", 0), ("fail", 10)], 100, "…")
    assert [(s.kind, s.x, s.width) for s in bar.segments] == [("done", "0.00%", "50.00%"), ("fail", "50.00%", "10.00%")]


def test_a_bar_never_passes_its_end():
    bar = charts.bar([("done", 90), ("plan", 40), ("more", 5)], 100, "…")
    assert [(s.kind, s.width) for s in bar.segments] == [("done", "90.00%"), ("plan", "10.00%")]


def test_a_bar_of_nothing_is_empty():
    assert charts.bar([("done", 0)], 0, "…").segments == ()


def test_a_row_of_ticks_has_one_for_each():
    row = charts.tick_row(23, 40)
    assert [tick.kind for tick in row].count("on") == 23
    assert len(row) == 40
    assert charts.tick_row(0, 0) == ()


def test_the_lead_is_clay_up_to_where_a_switch_begins():
    gap = charts.gap(low=-19, lead=24, high=67)
    assert gap.range == ("7.00%", "93.00%")
    assert gap.over == ("7.00%", gap.zero)
    assert gap.point == "50.00%"
    assert [text.words for text in gap.ends] == ["−19", "67"]


def test_a_safe_lead_has_no_clay_and_still_shows_zero():
    gap = charts.gap(low=10, lead=40, high=70)
    assert gap.over is None
    assert gap.zero == "7.00%"


def test_the_margin_takes_zeros_place():
    gap = charts.gap(low=-80, lead=-4, high=31, margin=50)
    assert gap.zero == "93.00%"
    assert gap.over is not None
    assert gap.over[1] == gap.range[1]
    assert gap.zero_text.words == "50, the margin asked for"
    assert gap.zero_text.anchor == "end"


@pytest.mark.parametrize(
    ("share", "step"),
    [(0.5, ""), (0.54, ""), (0.55, "w1"), (0.65, "w2"), (0.75, "w3"), (1, "w3"), (0.45, "l1"), (0.35, "l2"), (0, "l3")],
)
def test_heat_has_seven_steps_and_mirrors(share, step):
    assert charts.heat_step(share) == step


def test_the_heat_map_mirrors_and_hatches_what_is_thin():
    heat = charts.heat(("a", "b", "c"), {("a", "b"): (6, 8), ("b", "a"): (2, 8)})
    (a, b, c) = heat.rows
    assert (a.cells[0].kind, a.cells[1].words, a.cells[1].kind) == ("self", "75", "w3 thin")
    assert (b.cells[0].words, b.cells[0].kind) == ("25", "l3 thin")
    assert c.cells[0].kind == "unmet"
    assert c.cells[0].title == "c and a never met"


def entry(name, cost, rating, half=20):
    return plots.Entry(name, cost, Interval(rating - half, rating, rating + half))


def test_the_front_holds_only_what_nothing_beats_on_both():
    plot = plots.plot([entry("cheap", 0.001, 950), entry("dear", 0.01, 1100), entry("worse", 0.02, 1000)])
    assert plot is not None
    assert {mark.name: mark.kind for mark in plot.marks} == {"cheap": "on", "dear": "on", "worse": "off"}
    assert plot.label.endswith("cheap, dear")


def test_better_is_higher_and_dearer_is_further_right():
    plot = plots.plot([entry("cheap", 0.001, 950), entry("dear", 0.01, 1100)])
    assert plot is not None
    marks = {mark.name: mark for mark in plot.marks}
    assert marks["dear"].y < marks["cheap"].y
    assert marks["dear"].x > marks["cheap"].x
    assert marks["dear"].high < marks["dear"].y < marks["dear"].low


def test_labels_do_not_collide():
    names = ["kestrel-8b", "atlas-3-mini", "morrow-flash", "kestrel-70b", "atlas-3", "morrow-large"]
    field = [entry(name, 0.0003 * 3**n, 950 + 35 * n) for n, name in enumerate(names)]
    plot = plots.plot(field)
    assert plot is not None

    def box(mark):
        wide = len(mark.name) * plots.CHARACTER
        left = mark.label_x - wide if mark.anchor == "end" else mark.label_x
        return plots.Box(left, mark.label_y - 10, left + wide, mark.label_y + 3)

    boxes = [box(mark) for mark in plot.marks]
    assert not any(a.meets(b) for n, a in enumerate(boxes) for b in boxes[n + 1 :])
    assert all(b.x1 >= 0 and b.x2 <= plots.WIDTH for b in boxes)


def test_neighbouring_costs_are_told_apart_on_the_axis():
    plot = plots.plot([entry("a", 0.0070, 1000), entry("b", 0.0118, 1050)])
    assert plot is not None
    words = [column.words for column in plot.columns]
    assert len(words) == len(set(words)) >= 2


def test_equal_costs_still_have_a_scale():
    plot = plots.plot([entry("a", 0.002, 1000), entry("b", 0.002, 1050)])
    assert plot is not None
    assert [mark.kind for mark in sorted(plot.marks, key=lambda m: m.name)] == ["off", "on"]
    assert len(plot.columns) >= 2


def test_one_contender_is_no_comparison():
    assert plots.plot([entry("a", 0.002, 1000)]) is None
