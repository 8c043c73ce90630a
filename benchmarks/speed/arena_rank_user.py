"""Rates a file of votes as a user of arena-rank does, with intervals, and prints the ratings:
`arena_rank_user.py FILE`. Run by the interpreter of that package's own environment."""

import json
import sys

import pandas as pd
from arena_rank.models.bradley_terry import BradleyTerry
from arena_rank.utils.data_utils import PairDataset

data = PairDataset.from_pandas(pd.read_csv(sys.argv[1]))
results = BradleyTerry(n_competitors=len(data.competitors)).compute_ratings_and_cis(data)
results["rating_upper"].block_until_ready()
print(json.dumps(dict(zip(map(str, results["competitors"]), results["ratings"].tolist(), strict=True))))
