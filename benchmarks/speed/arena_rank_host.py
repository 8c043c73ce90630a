"""Run by the peers' own interpreter, which knows nothing of Arena: `arena_rank_host.py strings|integers FILE`.

Answers an empty line of JSON when it is ready, and one with its figures for every line it reads.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from arena_rank.models.bradley_terry import BradleyTerry
from arena_rank.utils.data_utils import PairDataset


def read(kind: str, file: str) -> pd.DataFrame:
    if kind == "strings":
        return pd.read_csv(file)
    with np.load(file) as columns:
        names = {"first": "model_a", "second": "model_b", "outcome": "winner"}
        return pd.DataFrame({names[key]: columns[key].astype(np.int64) for key in names})


def rate(kind: str, log: pd.DataFrame) -> dict[str, float]:
    """As its README does, ratings and intervals; for integers the outcomes are mapped by a table, which pandas does
    many times faster than by the function it would call by itself."""
    options = {} if kind == "strings" else {"outcome_map": {0: 1.0, 1: 0.0, 2: 0.5}}
    data = PairDataset.from_pandas(log, **options)
    results = BradleyTerry(n_competitors=len(data.competitors)).compute_ratings_and_cis(data)
    results["rating_upper"].block_until_ready()
    return dict(zip(map(str, results["competitors"]), results["ratings"].tolist(), strict=True))


def main(kind: str, file: str) -> None:
    log = read(kind, file)
    rate(kind, log)
    print(json.dumps({}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        ratings = rate(kind, log)
        print(json.dumps({"seconds": time.perf_counter() - start, "ratings": ratings}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
