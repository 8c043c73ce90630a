"""The parameters of a leaderboard."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from evals.ratings.davidson import Prior
from evals.ratings.types import Key

__all__ = ["METHOD", "Params"]

# Raised whenever the same votes and parameters would give other numbers.
METHOD = "bradley-terry-davidson/2"


@dataclass(frozen=True)
class Params:
    """`speaks_for`: `panel`, these reviewers as they voted, or `people`, others like them (adds the spread between
    reviewers to every interval). `anchor`: the contender held at 1000; by default the mean is."""

    speaks_for: Literal["panel", "people"] = "panel"
    anchor: Key | None = None
    prior: Prior = field(default_factory=Prior)
    level: float = 0.95
    draws: int = 1000
    k_factor: float = 32.0

    def __post_init__(self) -> None:
        if self.speaks_for not in ("panel", "people"):
            raise ValueError(f"speaks_for is {self.speaks_for!r}; give panel or people")

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"method": METHOD}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Params:
        known = {name: value for name, value in document.items() if name != "method"}
        return cls(**(known | {"prior": Prior(**known["prior"])}))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, method included, in hex."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
