"""A reviewer who plays against the blinding: votes, reads everything, undoes, votes again, and names the sides.

The player is told nothing but what moved. Whenever figures beside a contender's name change after a vote, those that
rise speak for its being the one that was voted for, and those that fall for the other. What was learnt about an answer
is remembered for the next battle in which it is shown. Before each battle is closed for good, the player is told which
two contenders wrote the answers, and says which one wrote A; without a clue it tosses a coin.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.leaks.walk import Read, everything, read, told_by
from benchmarks.leaks.world import CANARIES, World
from evals.leaderboards.ranking import rank_category
from evals.models import Ballot
from evals.voting.casting import cast_vote
from evals.voting.counting import count_votes
from evals.voting.drawing import draw
from routing.publishing import publisher

__all__ = ["Game", "interval", "moved"]

_NAMES = re.compile("|".join(rf"\b{canary.slug}\b" for canary in CANARIES))
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_TAGS = re.compile(r"<[^>]*>")
# Figures that belong to a name stand behind it, and before the next name.
_REACH = 700
# All addresses are read anew once in so many ballots, lest one that begins to name contenders is missed.
_WHOLE_EVERY = 50
# An address at which nothing moved so many times in a row is read for one ballot in ten.
_QUIET_AFTER, _QUIET_EVERY = 6, 10

Figures = dict[tuple[str, int], list[float]]


def figures(told: Mapping[str, Read]) -> dict[str, Figures]:
    """By contender, the numbers behind each place at which it is named."""
    found: dict[str, Figures] = {canary.slug: {} for canary in CANARIES}
    for path, one in told.items():
        places = [*_NAMES.finditer(one.told)]
        seen: dict[str, int] = defaultdict(int)
        for at, place in enumerate(places):
            end = places[at + 1].start() if at + 1 < len(places) else len(one.told)
            text = _TAGS.sub(" ", one.told[place.end() : min(end, place.end() + _REACH)])
            found[place[0]][path, seen[place[0]]] = [float(number) for number in _NUMBER.findall(text)]
            seen[place[0]] += 1
    return found


def moved(before: Mapping[str, Read], after: Mapping[str, Read]) -> dict[str, float]:
    """By contender, how many of its figures rose, less those that fell; contenders of which none moved are missing."""
    then, now = figures(before), figures(after)
    signs: dict[str, float] = {}
    for name in then:
        changes = [
            b - a
            for place in then[name].keys() & now[name].keys()
            for a, b in zip(then[name][place], now[name][place], strict=False)
            if a != b
        ]
        if changes:
            signs[name] = float(np.sign(changes).sum())
    return signs


@dataclass
class Game:
    """`right` of `played` ballots were named right; `clues`, how many were named by a clue and not by a coin, of which
    `right_by_clue` right. `names_told`: addresses at which an answer's own word stood beside a contender's name;
    `canaries`: voting responses that named one. `only`: the addresses to read, instead of all; `others`: how often a
    colleague votes meanwhile."""

    client: Client
    world: World
    rng: np.random.Generator
    only: Sequence[str] = ()
    others: float = 0.3
    played: int = 0
    right: int = 0
    clues: int = 0
    right_by_clue: int = 0
    requests: int = 0
    names_told: list[str] = field(default_factory=list)
    canaries: list[str] = field(default_factory=list)
    _memory: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _paths: list[str] = field(default_factory=list)
    _last: dict[str, Read] = field(default_factory=dict)
    _quiet: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def play(self, ballots: int) -> None:
        """Stops early where there is nothing left to vote on."""
        for _ in range(ballots):
            if not self._one():
                break

    def _one(self) -> bool:
        world, category = self.world, self.world.category
        ballot = draw(category=category, reviewer=world.reviewer)
        if ballot is None:
            return False
        address = reverse("evals:battle", args=[ballot.token])
        self._voting(address)
        self._media(ballot)
        whole = self.played % _WHOLE_EVERY == 0
        before = self._read(whole=True) if whole else self._last

        choice = str(self.rng.choice(["left", "right"]))
        self._voting(address, choice)
        while_held = moved(before, self._read())
        self._voting(reverse("evals:battle-undo", args=[ballot.token]), "")
        undone = moved(before, self._read())
        # The clue of a moment ago is about the first choice; whatever moved back is the same clue again.
        clue = self._clue(ballot, choice, while_held) + self._clue(ballot, choice, undone)
        self._name(ballot, clue)

        choice = str(self.rng.choice(["left", "right"]))
        self._voting(address, choice)
        before = self._last
        self._others_vote()
        self._time_passes()
        self._remember(ballot, choice, moved(before, self._read()))
        return True

    # What the player sees

    def _read(self, *, whole: bool = False) -> dict[str, Read]:
        """Everything, or every address that named a contender when everything was read: others cannot tell of one. One
        at which nothing has moved for a while is looked at now and then, which misses nothing: what moved stays so."""
        if self.only:
            self._last = read(self.client, self.only)
            self.requests += len(self.only)
        elif whole or not self._paths:
            told = everything(self.client, self.world, admin=self.played == 0)
            self.requests += len(told)
            self._paths = [path for path, one in told.items() if _NAMES.search(one.told)]
            for path in self._paths:
                if any(mark in told[path].told for mark in self.world.marks.values()):
                    self.names_told.append(path)
            self._last = {path: told[path] for path in self._paths}
        else:
            due = self.played % _QUIET_EVERY == 0
            paths = [path for path in self._paths if due or self._quiet[path] < _QUIET_AFTER]
            told = read(self.client, paths)
            self.requests += len(paths)
            for path in paths:
                still = not moved({path: self._last[path]}, {path: told[path]}) if path in self._last else False
                self._quiet[path] = self._quiet[path] + 1 if still else 0
            self._last = self._last | told
        return self._last

    def _voting(self, address: str, choice: str | None = None) -> None:
        """A response of the voting pages, by htmx and without, which names nobody."""
        headers = {"HX-Request": "true"} if self.played % 2 else {}
        if choice is None:
            response = self.client.get(address, headers=headers)
        else:
            response = self.client.post(address, {"choice": choice}, follow=not headers, headers=headers)
        self.requests += 1
        told = told_by(response).told
        self.canaries += [f"{address}: {word}" for canary in CANARIES for word in canary.words if word in told]

    def _media(self, ballot: Ballot) -> None:
        for side in ("left", "right"):
            if ballot.battle.lo.images:
                self._voting(reverse("evals:battle-image", args=[ballot.token, side, 1]))

    # What the player makes of it

    def _texts(self, ballot: Ballot) -> tuple[str, str]:
        """The answers' own words, A's first: what the player knows an answer by."""
        lo, hi = self.world.marks[ballot.battle.lo_id], self.world.marks[ballot.battle.hi_id]
        return (lo, hi) if ballot.left == "lo" else (hi, lo)

    def _writers(self, ballot: Ballot) -> tuple[str, str]:
        lo, hi = self.world.writers[ballot.battle.lo_id], self.world.writers[ballot.battle.hi_id]
        return (lo, hi) if ballot.left == "lo" else (hi, lo)

    def _clue(self, ballot: Ballot, choice: str, signs: Mapping[str, float]) -> float:
        """How much what moved speaks for A's being by the first of the two names in the alphabet."""
        first, second = sorted(self._writers(ballot))
        rose = signs.get(first, 0.0) - signs.get(second, 0.0)
        return rose if choice == "left" else -rose

    def _name(self, ballot: Ballot, clue: float) -> None:
        a, b = self._texts(ballot)
        writers = self._writers(ballot)
        first, second = sorted(writers)
        known = self._memory[a, first] - self._memory[a, second] - self._memory[b, first] + self._memory[b, second]
        score = clue + known
        self.clues += bool(score)
        guess = first if score > 0 or (score == 0 and self.rng.random() < 0.5) else second
        self.played += 1
        self.right += guess == writers[0]
        self.right_by_clue += bool(score) and guess == writers[0]

    def _remember(self, ballot: Ballot, choice: str, signs: Mapping[str, float]) -> None:
        a, b = self._texts(ballot)
        better, worse = (a, b) if choice == "left" else (b, a)
        for name, sign in signs.items():
            self._memory[better, name] += sign
            self._memory[worse, name] -= sign

    # What goes on meanwhile

    def _others_vote(self) -> None:
        """A colleague votes now and then, and what they vote counts at the same moment."""
        if self.rng.random() < self.others:
            ballot = draw(category=self.world.category, reviewer=self.world.colleague)
            if ballot is not None:
                cast_vote(ballot=ballot, choice="left", reviewer=self.world.colleague)

    def _time_passes(self) -> None:
        """Past the hold: votes count, the category is ranked, and publishing looks at it."""
        count_votes(category=self.world.category, now=timezone.now() + timedelta(hours=1))
        rank_category(category_id=self.world.category.pk)
        publisher.publish(actor=publisher.AUTOMATIC)


def interval(n: int, *, z: float = 2.576) -> tuple[int, int]:
    """Between how many right of `n` a coin falls, at 99% unless `z` says otherwise."""
    half = z * (n / 4) ** 0.5 + 0.5
    return int(np.floor(n / 2 - half)), int(np.ceil(n / 2 + half))
