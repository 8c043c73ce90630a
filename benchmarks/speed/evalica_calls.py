"""evalica, called each way that is its fastest. It gives no intervals."""

from __future__ import annotations

import evalica
import numpy as np
import pandas as pd
from evalica import Winner, _brzo

from benchmarks.speed.logs import LABELS, Columns

WINNERS = {LABELS[0]: Winner.X, LABELS[1]: Winner.Y, LABELS[2]: Winner.Draw, LABELS[3]: Winner.Draw}


def from_strings(log: pd.DataFrame) -> pd.Series:
    """Its public function, with lists: it walks through its arguments several times, and a list is quickest to walk."""
    winners = [WINNERS[label] for label in log["winner"].tolist()]
    return evalica.bradley_terry(log["model_a"].tolist(), log["model_b"].tolist(), winners).scores


class Typed:
    """Its compiled function, given the arrays in the types it reads without a copy; made beforehand."""

    def __init__(self, columns: Columns, K: int) -> None:
        codes = np.array([Winner.X, Winner.Y, Winner.Draw, Winner.Draw], np.uint8)
        self.arguments = {
            "xs": columns.first.astype(np.uint64),
            "ys": columns.second.astype(np.uint64),
            "winners": codes[columns.outcome],
            "weights": np.ones(len(columns.outcome)),
            "total": K,
            "win_weight": 1.0,
            "tie_weight": 0.5,
            "tolerance": 1e-6,
            "limit": 100,
        }

    def scores(self) -> np.ndarray:
        scores, _ = _brzo.bradley_terry(**self.arguments)
        return scores
