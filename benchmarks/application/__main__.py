"""What `benchmarks.vote_to_leaderboard` measures, on the database that the environment names.

A vote is posted over HTTP by a signed-in reviewer; its time runs from the answer to the POST until a leaderboard with
the vote's `seq` can be read. First one vote at a time, from rest; then one straight after the other. Votes count at
once here (`ARENA_VOTE_HOLD_S`), where people's are held for ten seconds first. What each part of a ranking takes is
measured afterwards, in this process.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django_q.models import OrmQ

from arena.models import User
from benchmarks.application.running import Browser, Waits, Watcher, arena, until
from benchmarks.application.world import CATEGORY, Shape, build
from evals.leaderboards.inputs import rating_inputs
from evals.leaderboards.ranking import rank_category
from evals.models import Category, Leaderboard, Ledger
from evals.ratings import Standings
from evals.ratings import compute as ratings_compute
from evals.voting import ledger
from evals.voting.casting import cast_vote
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of

LIMIT_MS = 2000
ALONE, STREAM, PARTS = 15, 40, 7


class Row(NamedTuple):
    work: str
    times_ms: list[float]

    def __str__(self) -> str:
        median, most = statistics.median(self.times_ms), max(self.times_ms)
        return f"  {self.work:<66}{median:>8,.0f} ms {most:>8,.0f} ms {len(self.times_ms):>4}"


class Voter:
    """Votes in one category, and keeps how long each POST took to be answered."""

    def __init__(self, browser: Browser, category: Category, watcher: Watcher) -> None:
        self._browser, self._category, self._watcher = browser, category, watcher
        self._battle = browser.next_battle()
        self._seq = Ledger.objects.get(category=category).seq
        self._chance = random.Random(3)
        self.posts_ms: list[float] = []

    def from_rest(self) -> list[float]:
        times = []
        for _ in range(ALONE):
            self._rest()
            times.append(self._until_ranked(*self._vote()))
        return times

    def in_a_stream(self) -> list[float]:
        self._rest()
        votes = [self._vote() for _ in range(STREAM)]
        return [self._until_ranked(*vote) for vote in votes]

    def _vote(self) -> tuple[int, float]:
        """The `seq` that the vote will have, and when its answer was there."""
        began = time.perf_counter()
        self._battle = self._browser.vote(self._battle, self._chance.choice(["left", "right", "tie", "both_bad"]))
        answered = time.perf_counter()
        self.posts_ms.append((answered - began) * 1000)
        self._seq += 1
        return self._seq, answered

    def _until_ranked(self, seq: int, since: float) -> float:
        return (self._watcher.readable_at(seq) - since) * 1000

    def _rest(self) -> None:
        """Until every chore is done, and a little longer, so as not to fall in step with the cluster's polling."""
        until(lambda: not OrmQ.objects.exists(), "every chore is done")
        time.sleep(self._chance.uniform(0.2, 0.6))


def main() -> int:
    shape, waits = Shape(), Waits(CATEGORY)
    user = build(shape, during_votes=waits)
    category = Category.objects.get(slug=CATEGORY)
    rows = [*through_pages(category, user), *parts(category, user)]
    rows.append(Row("a vote's wait while all of them are imported", [seconds * 1000 for seconds in waits.seconds]))
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"  {shape.votes:,} votes, {shape.reviewers} reviewers, {shape.tasks:,} tasks, K={shape.contenders}; {load}")
    print(f"  {'':<66}{'median':>11} {'most':>11} {'n':>4}")
    print("\n".join(map(str, rows)), flush=True)
    return int(max(rows[0].times_ms) > LIMIT_MS)


def through_pages(category: Category, user: User) -> list[Row]:
    """The figure to hold stands first."""
    with arena(settings.VAR_DIR / "up.log") as url, Watcher(category.pk) as watcher:
        watcher.readable_at(Ledger.objects.get(category=category).seq)
        browser = Browser(url, user)
        voter = Voter(browser, category, watcher)
        alone, boards = voter.from_rest(), Leaderboard.objects.count()
        stream = voter.in_a_stream()
        boards = Leaderboard.objects.count() - boards
        return [
            Row("from a vote's answer to its leaderboard, from rest", alone),
            Row(f"the same, one vote after the other ({boards} leaderboards)", stream),
            Row("a vote's POST: saved, and the next battle drawn and shown", voter.posts_ms),
            Row("GET /vote/, and the battle it leads to", [_took(browser.next_battle) for _ in range(5)]),
        ]


def parts(category: Category, user: User) -> list[Row]:
    """What the chore does, here: its two large parts, the whole, and a whole that goes on from no earlier Elo."""
    reviewer = reviewer_of(user)
    last = Standings.from_json(Leaderboard.objects.filter(category=category).latest("seq").result)
    times: dict[str, list[float]] = {"read": [], "compute": [], "whole": [], "replay": []}
    for _ in range(PARTS):
        ballot = draw(category=category, reviewer=reviewer)
        assert ballot is not None
        cast_vote(ballot=ballot, side="left", reviewer=reviewer)
        times["read"].append(_took(lambda: rating_inputs(category.pk)))
        compute = partial(ratings_compute.compute, rating_inputs(category.pk).tallies, elo=last.elo, warm=last)
        times["compute"].append(_took(compute))
        times["whole"].append(_took(lambda: rank_category(category_id=category.pk)))
    for _ in range(3):
        with transaction.atomic():
            ledger.raise_revision(category)
        times["replay"].append(_took(lambda: rank_category(category_id=category.pk)))
    return [
        Row("a ranking by itself", times["whole"]),
        Row("  of which reading the tallies", times["read"]),
        Row("  of which computing", times["compute"]),
        Row("a ranking that replays every vote, as after an exclusion", times["replay"]),
    ]


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
