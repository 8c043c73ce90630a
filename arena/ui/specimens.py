"""Invented figures for the style guide: every part in every state, made by the functions pages use. And the texts in
many scripts and notations that tests hold the renderer to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from django import forms
from django.conf import settings
from django.utils.safestring import SafeString

from arena.ui import charts, plots, scales
from arena.ui.markup import render, render_raw

__all__ = ["SpecimenForm", "TextSpecimen", "gallery", "specimens"]

_RATINGS = (
    ("morrow-large", 1142, 27, 40, 0.0094),
    ("atlas-3", 1118, 25, 38, 0.0041),
    ("kestrel-70b", 1091, 28, 43, 0.0022),
    ("onyx-r1", 1079, 31, 46, 0.0138),
    ("atlas-3-mini", 1012, 26, 37, 0.0007),
    ("morrow-flash", 1004, 29, 40, 0.0009),
    ("kestrel-8b@2", 941, 33, 45, 0.0003),
    ("smollm2-135m", 613, 58, 70, None),
)
ROUTED = "atlas-3"


@dataclass(frozen=True)
class Check:
    state: str
    label: str
    value: str


@dataclass(frozen=True)
class DecisionSpecimen:
    """The shape of `routing.decisions.explain.DecisionSummary`, which this floor may not import."""

    badge: str
    badge_kind: str
    headline: str
    sentence: str
    challenger: str | None = None
    lead: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float = 0.0
    votes_to_go: str = ""
    advice: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def has_gap(self) -> bool:
        return self.lead is not None


class SpecimenForm(forms.Form):
    """Posted with one good and several bad values, so that each control is seen in both states."""

    name = forms.CharField(label="Short name", help_text="Letters, digits and hyphens. It becomes part of the address.")
    budget = forms.DecimalField(
        label="Budget in USD",
        error_messages={"invalid": "“4O” has a letter O in it. Write the amount in digits, as 40 or 12.50."},
    )
    kind = forms.ChoiceField(label="Wire format", choices=[("openai", "OpenAI-compatible"), ("imported", "imported")])
    why = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    local = forms.BooleanField(label="Never leaves our machines", required=False, help_text="Only local contenders.")
    file = forms.FileField(label="Tasks", required=False, help_text="CSV or JSONL, up to 50 MB.")


def specimens() -> dict[str, object]:
    intervals = {
        name: scales.Interval(rating - ci, rating, rating + ci, (rating - wide, rating + wide))
        for name, rating, ci, wide, _ in _RATINGS
    }
    axis = scales.fit_axis(list(intervals.values()))
    names = list(intervals)
    return {
        "axis": axis,
        "whiskers": [(name, charts.whisker(interval, axis), name == ROUTED) for name, interval in intervals.items()],
        "plot": plots.plot([plots.Entry(name, cost, intervals[name]) for name, _, _, _, cost in _RATINGS if cost]),
        "heat": charts.heat(names[:4], _wins()),
        "bars": [
            charts.bar([("done", 402), ("fly", 14), ("retry", 22), ("fail", 9)], 720, "402 done, 14 in flight"),
            charts.bar([("done", 19.27), ("plan", 6.13)], 40, "$19.27 spent, about $25.40 at the end, of $40.00"),
            charts.bar([("ink", 812)], 970, "812 of about 970 votes"),
        ],
        "ticks": charts.tick_row(23, 40),
        "gaps": [
            charts.gap(low=-19, lead=24, high=67, who="morrow-large"),
            charts.gap(low=3, lead=41, high=79, who="atlas-3"),
            charts.gap(low=-80, lead=-4, high=31, margin=20),
        ],
        "decision": DecisionSpecimen(
            badge="not decided",
            badge_kind="warn",
            headline="morrow-large looks better than atlas-3, but not surely enough to switch.",
            sentence="It leads by 24 points. To be safe however often we look, the lead must reach 43 points.",
            challenger="morrow-large",
            lead=24,
            low=-19,
            high=67,
            votes_to_go="about 160 more votes, likely 50 to 500",
            advice="Where the true lead may lie, safe at every look. We switch once the whole line is right of 0.",
            checks=(
                Check("ok", "Votes", "812, needs 30"),
                Check("wait", "Lead, safe at every look", "24 of 43 points"),
                Check("fail", "Cost per success", "$0.0094, limit $0.0080"),
                Check("unknown", "First token, p95", "12 of 20 measurements"),
            ),
        ),
        "names": names,
        "views": [("#panel", "These reviewers", True), ("#people", "People like them", False)],
        "labels": {ROUTED: "routed"},
        "form": SpecimenForm({"name": "support-and-code", "budget": "4O", "kind": "openai"}),
    }


def _wins() -> dict[tuple[str, str], tuple[float, int]]:
    """Row against column: wins (a tie is half) and votes."""
    a, b, c, d = (row[0] for row in _RATINGS[:4])
    votes = {(a, b): (53.0, 100), (a, c): (61.0, 100), (a, d): (72.0, 100), (b, c): (5.0, 8), (b, d): (80.0, 100)}
    return votes | {(y, x): (n - w, n) for (x, y), (w, n) in votes.items()}


@dataclass(frozen=True)
class TextSpecimen:
    """A text as a reviewer sees it, what must be seen of it, and each of its characters."""

    name: str
    shows: str
    html: SafeString
    raw: SafeString


def gallery() -> list[TextSpecimen]:
    """Empty where there are no tests."""
    file = Path(settings.BASE_DIR, "tests/arena/ui/gallery.jsonl")
    cases = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [TextSpecimen(case["name"], case["shows"], render(case["text"]), render_raw(case["text"])) for case in cases]
