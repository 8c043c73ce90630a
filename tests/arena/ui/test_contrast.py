"""Every pair of colours that carries text, or bounds what must be seen, keeps WCAG AA in both themes.

The tokens are read from the style sheet that pages load, so that a changed value is judged and not a copy of it.
Mixed grounds (heat, diff, tinted badges) are mixed here as the browser mixes them, in OKLab.
"""

import math
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

SHEET = Path(settings.BASE_DIR, "static/arena/tokens.css")

THEMES = ("light", "dark")
TEXT, MARK = 4.5, 3.0


class Lch(NamedTuple):
    L: float
    C: float
    h: float

    @property
    def lab(self):
        angle = math.radians(self.h)
        return self.L, self.C * math.cos(angle), self.C * math.sin(angle)


def linear_srgb(colour):
    """Ottosson, B. (2020). A perceptual color space for image processing."""
    L, a, b = colour.lab
    l3 = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m3 = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s3 = (L - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        +4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3,
        -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3,
        -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3,
    )


def luminance(colour):
    red, green, blue = (min(1.0, max(0.0, channel)) for channel in linear_srgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mix(over, under, share):
    """`share` of `over` on `under`."""
    L, a, b = (share * x + (1 - share) * y for x, y in zip(over.lab, under.lab, strict=True))
    return Lch(L, math.hypot(a, b), math.degrees(math.atan2(b, a)))


def read_tokens():
    tokens = {}
    for name, value in re.findall(r"--([\w-]+):\s*((?:light-dark\()?oklch\([^;]+);", SHEET.read_text()):
        colours = [Lch(*map(float, inner.split()[:3])) for inner in re.findall(r"oklch\(([^)/]+)", value)]
        tokens[name] = dict(zip(THEMES, colours * 2 if len(colours) == 1 else colours, strict=True))
    return tokens


TOKENS = read_tokens()
GROUNDS = ("paper", "sheet", "raise", "sunk", "hover")
STATES = ("good", "warn", "bad")

PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3", "petrol", "clay", *STATES) for ground in GROUNDS),
    *((name, f"{name}-soft", TEXT) for name in ("petrol", *STATES)),
    *((ink, f"{name}-soft", TEXT) for ink in ("ink", "ink-2") for name in ("mark", "petrol", *STATES)),
    ("ink-3", "mark-soft", TEXT),
    ("on-mark", "mark", TEXT),
    ("on-mark", "mark-line", MARK),
    ("on-ink", "ink", TEXT),
    ("on-ink", "ink-2", TEXT),
    ("raise", "bad", TEXT),  # the sure button of a confirmation
    *((line, ground, MARK) for line in ("edge", "petrol-2", "clay-2") for ground in ("paper", "sheet", "raise")),
]
MIXED = [
    *(("ink", hue, share, "sheet") for hue in ("petrol-2", "clay-2") for share in (0.20, 0.40, 0.62)),  # heat
    *((ink, hue, share, "sheet") for hue, ink2, share in (("clay-2", "clay", 0.14), ("petrol-2", "petrol", 0.15))
      for ink in (ink2, "ink-2")),  # diff
    *(("ink-2", "ink", 0.08, ground) for ground in ("paper", "sheet", "sunk", "mark-soft")),  # badges, signs in texts
    *((ink, ink, 0.08, "sunk") for ink in ("clay", "petrol")),  # lines of a difference in code
]  # fmt: skip


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("front", "ground", "needed"), PAIRS)
def test_a_colour_can_be_told_from_its_ground(front, ground, needed, theme):
    assert contrast(TOKENS[front][theme], TOKENS[ground][theme]) >= needed


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "hue", "share", "ground"), MIXED)
def test_text_on_a_mixed_ground_can_be_read(text, hue, share, ground, theme):
    cell = mix(TOKENS[hue][theme], TOKENS[ground][theme], share)
    assert contrast(TOKENS[text][theme], cell) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
def test_every_token_is_a_colour_screens_can_show(theme):
    outside = {
        name: colours[theme]
        for name, colours in TOKENS.items()
        if not all(-0.002 <= channel <= 1.002 for channel in linear_srgb(colours[theme]))
    }
    assert not outside


def test_the_sheet_was_read():
    assert len(TOKENS) >= 25
    assert TOKENS["paper"]["light"] != TOKENS["paper"]["dark"]


def test_nothing_but_the_tokens_writes_a_colour():
    """One place for each value: the other sheets name tokens."""
    written = re.compile(r"#[0-9a-fA-F]{3,8}\b(?!-)|\brgba?\(|\boklch\(|\bhsla?\(")
    # The API's page is another project's, with one theme and colours of its own.
    others = [sheet for sheet in SHEET.parent.glob("*.css") if sheet.name not in (SHEET.name, "api.css")]
    assert {sheet.name: found for sheet in others if (found := written.findall(sheet.read_text()))} == {}
