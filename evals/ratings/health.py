"""How a reviewer votes, apart from preferences: by side, and how fast.

Each finding has three states: good, bad, or not enough evidence for either. Findings drop no votes: only an editor
excludes a reviewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from evals.ratings.ranks import wilson
from evals.ratings.types import Floats

__all__ = ["Finding", "State", "gold_accuracy", "haste", "reading_seconds", "side_preference"]

State = Literal["good", "bad", "unknown"]

# Sides are drawn at random, so a preference for one favours no contender: like votes by coin toss, it blurs every
# lead. At 60 to 40 a fifth of the votes went by the side; less than that is tolerated.
SIDE_TOLERATED = 0.1
# In tests of the fastest readers that could be found, none understood three quarters of a text faster than this;
# most adults read 175 to 300 words a minute.
#
# Carver, R. P. (1985). How good are some of the world's best readers? Reading Research Quarterly 20, 389-419.
# Brysbaert, M. (2019). How many words do we read per minute? Journal of Memory and Language 109, 104047.
READING_WPM = 600
# Of English prose, the space after a word included.
CHARACTERS_PER_WORD = 6
# An answer that fails in its first line need not be read to its end, so some votes may be faster than reading.
HASTE_TOLERATED = 0.2

# Of battles whose right outcome is known. Careful people miss some: a mark is one editor's judgement.
GOLD_WANTED = 0.7


@dataclass(frozen=True)
class Finding:
    """A `share` of `n` observations with its 95% interval and the resulting state. Without observations, all but the
    state and `n` are None. `chance`: the share expected by chance, if there is one."""

    state: State
    n: int
    share: float | None = None
    ci95: tuple[float, float] | None = None
    chance: float | None = None


def side_preference(left: int, right: int) -> Finding:
    """How often the answer on the left won, of all decisive votes.

    Which answer is on the left is drawn for each ballot by a fair coin. So a reviewer who judges only the answers picks
    left in half of all decisive votes, exactly and independently, however unequal the contenders: nothing has to be
    modelled, and a share by pair, or given the fit's expectation, would only give this up for less spread. Wilson's
    interval is the score interval of the intercept in a logistic model of "left won" that has nothing else.

    Bad: surely not one half, and maybe further from it than is tolerated. Good: surely no further.
    """
    n = left + right
    interval = wilson(left, n)
    if interval is None:
        return Finding("unknown", 0, chance=0.5)
    low, high = interval
    state: State = "unknown"
    if low >= 0.5 - SIDE_TOLERATED and high <= 0.5 + SIDE_TOLERATED:
        state = "good"
    elif low > 0.5 or high < 0.5:
        state = "bad"
    return Finding(state, n, left / n, interval, chance=0.5)


def reading_seconds(characters: npt.ArrayLike) -> Floats:
    """The least seconds in which texts of this many characters can be read. Rather too low than too high: words in
    scripts that need fewer characters take longer."""
    seconds: Floats = np.asarray(characters, np.float64) / CHARACTERS_PER_WORD / READING_WPM * 60
    return seconds


def haste(seconds: npt.ArrayLike, characters: npt.ArrayLike) -> Finding:
    """The share of votes cast faster than both answers can be read. One element per vote: `seconds` from showing to
    vote, `characters` of both answers.

    Bad: surely more than is tolerated. Good: surely no more.
    """
    took = np.asarray(seconds, np.float64)
    n = took.size
    fast = int((took < reading_seconds(characters)).sum())
    interval = wilson(fast, n)
    if interval is None:
        return Finding("unknown", 0)
    low, high = interval
    state: State = "bad" if low > HASTE_TOLERATED else "good" if high <= HASTE_TOLERATED else "unknown"
    return Finding(state, n, fast / n, interval)


def gold_accuracy(right: int, n: int) -> Finding:
    """The share of gold battles that were judged as they are marked, with Wilson's interval.

    Bad: surely less than is wanted. Good: surely no less.
    """
    interval = wilson(right, n)
    if interval is None:
        return Finding("unknown", 0)
    low, high = interval
    state: State = "good" if low >= GOLD_WANTED else "bad" if high < GOLD_WANTED else "unknown"
    return Finding(state, n, right / n, interval)
