"""Rates a file of votes as a user of evalica does, and prints the ratings: `evalica_user.py FILE`."""

import json
import sys

import evalica
import numpy as np
import pandas as pd
from evalica import Winner

WINNERS = {
    "model_a": Winner.X,
    "model_b": Winner.Y,
    "tie": Winner.Draw,
    "tie (bothbad)": Winner.Draw,
}

votes = pd.read_csv(sys.argv[1])
result = evalica.bradley_terry(votes["model_a"], votes["model_b"], votes["winner"].map(WINNERS), tie_weight=0.5)
print(json.dumps(np.log(result.scores).to_dict()))
