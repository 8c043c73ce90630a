"""The result: ratings with their intervals, and the lead of any contender over any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from evals.ratings.packing import pack_floats, pack_ints, pack_symmetric, unpack_floats, unpack_ints, unpack_symmetric
from evals.ratings.params import METHOD, Params
from evals.ratings.scale import to_points
from evals.ratings.types import Floats, Ints, Key
from evals.ratings.variance import t_quantile

__all__ = ["Interval", "Lead", "PairRecord", "Rating", "Standings"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class Rating:
    """One contender on the published scale. `ci95` is `panel` or `people`, as the category says whom it speaks for.

    `rank` (best, worst) and `p_best` count contenders of the same component that are not retired; None if there is
    no other contender to rank against. `elo` is None without a decisive vote.
    """

    contender: Key
    rating: float
    ci95: Interval
    panel: Interval
    people: Interval
    rank: tuple[int, int] | None
    p_best: float | None
    elo: float | None
    wins: int
    losses: int
    ties: int
    both_bad: int
    both_bad_rate: float | None
    both_bad_ci95: Interval | None
    component: int
    retired: bool

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Rating:
        """JSON has lists where this holds pairs."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
        return cls(**values)


@dataclass(frozen=True)
class PairRecord:
    """Direct votes between two contenders: wins and losses of the first against the second."""

    wins: int
    losses: int
    ties: int
    both_bad: int

    @property
    def n(self) -> int:
        """Votes that compare the two, without both bad."""
        return self.wins + self.losses + self.ties


@dataclass(frozen=True)
class Lead:
    """How far `contender` is ahead of `over`: θ − θ in natural units (`points`: on the published scale), with all
    that a gate asks about it.

    `se` is `se_panel` or `se_people`, as the category says; `b` the part of se² that tastes account for, 0 for a panel.
    `q_people` = t quantile over normal quantile, 1 with one reviewer; `q` is that for people, 1 for a panel.
    `reviewers` cast votes that compare. `rivals` is K − 1 over contenders not retired. `weakest` is the smallest lead
    left without any one reviewer, `weakest_without` that reviewer; None with fewer than two. `connected` false:
    only the prior relates the two.
    """

    contender: Key
    over: Key
    lead: float
    se: float
    se_panel: float
    se_people: float
    b: float
    df: float | None
    q: float
    q_people: float
    votes: int
    reviewers: int
    rivals: int
    connected: bool
    record: PairRecord
    weakest: float | None
    weakest_without: Key | None

    @property
    def points(self) -> float:
        return to_points(self.lead)


@dataclass(frozen=True, eq=False)
class Standings:
    """A category's result. Arrays follow `contenders` (sorted); `ratings` are ordered by rating, best first.

    `covariance` (K, K) is that of θ, base times `task_factor`. `pairs` (n, 6) are lo, hi, and the counts of lo wins, hi
    wins, ties and both bad. `without` (m, K) is θ refitted without each of the `left_out` reviewers. `tastes` (K,): the
    variance that reviewers' tastes add to each θ for people like them.
    """

    contenders: tuple[Key, ...]
    ratings: tuple[Rating, ...]
    theta: Floats
    ln_ties: float
    covariance: Floats
    components: Ints
    pairs: Ints
    left_out: tuple[Key, ...]
    without: Floats
    tastes: Floats
    df: float | None
    task_factor: float
    votes: int
    fitted_votes: int
    reviewers: int
    effective_reviewers: float
    tasks: int
    retired: frozenset[Key]
    elo: Mapping[Key, float]
    params: Params
    digest: str
    converged: bool
    iterations: int
    method: str = METHOD

    @cached_property
    def _place(self) -> dict[Key, int]:
        return {key: place for place, key in enumerate(self.contenders)}

    @cached_property
    def active(self) -> tuple[Key, ...]:
        """Contenders that are not retired, best first."""
        return tuple(rating.contender for rating in self.ratings if not rating.retired)

    @property
    def leader(self) -> Key | None:
        return self.active[0] if self.active else None

    @property
    def connected(self) -> bool:
        """Votes relate all contenders to each other; if False, ranks hold only within components."""
        return bool(len(self.components)) and not self.components.any()

    @property
    def groups(self) -> tuple[tuple[Key, ...], ...]:
        """The components, largest first."""
        labels = range(int(self.components.max()) + 1) if len(self.components) else ()
        return tuple(
            tuple(key for key, label in zip(self.contenders, self.components, strict=True) if label == wanted)
            for wanted in labels
        )

    @property
    def rivals(self) -> int:
        """M: the number of other contenders a route could switch to."""
        return max(1, len(self.active) - 1)

    @cached_property
    def root(self) -> Floats:
        """(K, K) lower Cholesky factor of the covariance, for draws."""
        return np.linalg.cholesky(self.covariance).astype(np.float64, copy=False)

    def __contains__(self, key: object) -> bool:
        return key in self._place

    def place(self, key: Key) -> int:
        try:
            return self._place[key]
        except KeyError:
            raise KeyError(f"{key!r} has no votes in these standings") from None

    def rating(self, key: Key) -> Rating:
        self.place(key)
        return next(rating for rating in self.ratings if rating.contender == key)

    @cached_property
    def _records(self) -> dict[tuple[int, int], PairRecord]:
        return {(int(row[0]), int(row[1])): PairRecord(*(int(n) for n in row[2:])) for row in self.pairs}

    def record(self, a: Key, b: Key) -> PairRecord:
        """Direct comparisons of `a` with `b`, from `a`'s side."""
        i, j = self.place(a), self.place(b)
        found = self._records.get((min(i, j), max(i, j)), PairRecord(0, 0, 0, 0))
        return found if i < j else PairRecord(found.losses, found.wins, found.ties, found.both_bad)

    def lead(self, a: Key, b: Key) -> Lead:
        """Raises KeyError if either has no votes here."""
        i, j = self.place(a), self.place(b)
        V = self.covariance
        variance = max(0.0, float(V[i, i] + V[j, j] - 2 * V[i, j]))
        tastes = float(self.tastes[i] + self.tastes[j])
        panel, people = variance**0.5, (variance + tastes) ** 0.5
        for_people = self.params.speaks_for == "people"
        q_people = t_quantile(self.df) / t_quantile(None)
        left = self.without[:, i] - self.without[:, j]
        least = int(left.argmin()) if len(left) else None
        return Lead(
            contender=a,
            over=b,
            lead=float(self.theta[i] - self.theta[j]),
            se=people if for_people else panel,
            se_panel=panel,
            se_people=people,
            b=tastes if for_people else 0.0,
            df=self.df,
            q=q_people if for_people else 1.0,
            q_people=q_people,
            votes=self.fitted_votes,
            reviewers=self.reviewers,
            rivals=self.rivals,
            connected=bool(self.components[i] == self.components[j]),
            record=self.record(a, b),
            weakest=None if least is None else float(left[least]),
            weakest_without=None if least is None else self.left_out[least],
        )

    def leader_without(self) -> dict[Key, Key]:
        """For each left-out reviewer, the contender that would lead without them."""
        places = [self.place(key) for key in self.active]
        if not places:
            return {}
        return {
            reviewer: self.active[int(row[places].argmax())]
            for reviewer, row in zip(self.left_out, self.without, strict=True)
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data; the arrays packed, exact to the bit."""
        return {
            "method": self.method,
            "digest": self.digest,
            "params": self.params.to_json(),
            "contenders": list(self.contenders),
            "ratings": [asdict(rating) for rating in self.ratings],
            "theta": pack_floats(self.theta),
            "ln_ties": self.ln_ties,
            "covariance": pack_symmetric(self.covariance),
            "components": self.components.tolist(),
            "pairs": pack_ints(self.pairs),
            "left_out": list(self.left_out),
            "without": pack_floats(self.without),
            "tastes": pack_floats(self.tastes),
            "df": self.df,
            "task_factor": self.task_factor,
            "votes": self.votes,
            "fitted_votes": self.fitted_votes,
            "reviewers": self.reviewers,
            "effective_reviewers": self.effective_reviewers,
            "tasks": self.tasks,
            "retired": sorted(self.retired, key=str),
            "elo": [[key, value] for key, value in sorted(self.elo.items(), key=str)],
            "converged": self.converged,
            "iterations": self.iterations,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Standings:
        K = len(document["contenders"])
        packed = {
            "contenders": tuple(document["contenders"]),
            "ratings": tuple(Rating.from_json(row) for row in document["ratings"]),
            "theta": unpack_floats(document["theta"]),
            "covariance": unpack_symmetric(document["covariance"], K),
            "components": np.array(document["components"], np.int64),
            "pairs": unpack_ints(document["pairs"]).reshape(-1, 6),
            "left_out": tuple(document["left_out"]),
            "without": unpack_floats(document["without"]).reshape(-1, K) if K else np.empty((0, 0)),
            "tastes": _tastes(document, K),
            "retired": frozenset(document["retired"]),
            "elo": dict(map(tuple, document["elo"])),
            "params": Params.from_json(document["params"]),
        }
        return cls(**{name: value for name, value in document.items() if name != "b"} | packed)


def _tastes(document: Mapping[str, Any], K: int) -> Floats:
    """Method 1 gave every difference the same `b`."""
    return np.full(K, document["b"] / 2) if "b" in document else unpack_floats(document["tastes"])
