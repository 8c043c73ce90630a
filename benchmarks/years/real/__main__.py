"""The first days of one year in the application, on the database that the environment names, which has all tables and
nothing in them: `python -m benchmarks.years.real SCENE SEED DAYS`. Prints an evening a line, as JSON."""

from __future__ import annotations

import json
import sys

from benchmarks.years.real.services import evenings
from benchmarks.years.votes import SCENES, Year


def main(scene: str, seed: str, days: str) -> None:
    for seen in evenings(Year(int(seed), SCENES[scene], int(days))):
        print(json.dumps(seen.told()))


if __name__ == "__main__":
    main(*sys.argv[1:])
