"""Writes the llmfao golden files anew: `ARENA_TEST_DATA=… python -m tests.golden.make_llmfao`.

Run it only when the numbers are meant to change; the diff is then the thing to read.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from evals.ratings import PairCounts, Standings, Tallies, compute

HERE = Path(__file__).parent
CROWD = "crowd-comparisons.csv"
_OUTCOMES = {"left": "lo", "right": "hi", "tie": "tie"}


def votes(data: Path, file_name: str = CROWD) -> list[tuple[str, str, str, str, str]]:
    """(worker, prompt, left, right, outcome) of every comparison, in the file's order. Where a model judged instead
    of people, the file has no worker: it is one reviewer."""
    with (data / "llmfao" / file_name).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [(r.get("worker", "-"), r["prompt"], r["left"], r["right"], _OUTCOMES[r["winner"]]) for r in rows]


def evalica_scores(data: Path, algorithm: str) -> dict[str, float]:
    with (data / "evalica" / "llmfao-golden.csv").open(encoding="utf-8", newline="") as file:
        return {r["item"]: float(r["score"]) for r in csv.DictReader(file) if r["algorithm"] == algorithm}


def counts(tallies: Tallies) -> dict[str, Any]:
    """Pairs as [lo, hi, lo wins, hi wins, ties], contenders by their place."""
    pairs = [
        [i, j, int(tallies.wins[i, j]), int(tallies.wins[j, i]), int(tallies.ties[i, j])]
        for i in range(len(tallies.contenders))
        for j in range(i + 1, len(tallies.contenders))
        if tallies.wins[i, j] + tallies.wins[j, i] + tallies.ties[i, j]
    ]
    return {"contenders": list(tallies.contenders), "pairs": pairs}


def from_counts(document: dict[str, Any]) -> Tallies:
    """The same votes as if one person had cast them: reviewers and tasks are not in the golden counts."""
    names = document["contenders"]
    pairs = document["pairs"]
    rows = [PairCounts("all", names[i], names[j], wins, losses, ties, 0) for i, j, wins, losses, ties in pairs]
    return Tallies.from_rows(rows)


def figures(standings: Standings) -> dict[str, Any]:
    """Published figures to 1e-6, which any machine's arithmetic must reproduce."""
    return {
        "ln_ties": round(standings.ln_ties, 9),
        "tastes": [round(taste, 9) for taste in standings.tastes.tolist()],
        "df": None if standings.df is None else round(standings.df, 6),
        "task_factor": round(standings.task_factor, 9),
        "ratings": [[r.contender, *(round(x, 6) for x in (r.rating, *r.panel, *r.people))] for r in standings.ratings],
    }


def write(name: str, document: dict[str, Any]) -> None:
    lines = [f"{json.dumps(key)}: {_rows(value)}" for key, value in document.items()]
    (HERE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _rows(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list | tuple):
        return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    data = Path(os.environ["ARENA_TEST_DATA"])
    whole = Tallies.from_votes(votes(data))
    evalica = {name: evalica_scores(data, name) for name in ("bradley_terry", "newman")}
    write("llmfao-counts.json", counts(whole))
    write(
        "llmfao-evalica.json",
        {algorithm: [[n, scores[str(n)]] for n in whole.contenders] for algorithm, scores in evalica.items()},
    )
    write("llmfao-default.json", figures(compute(from_counts(counts(whole)))))
    write("llmfao-whole.json", {"digest": whole.digest} | figures(compute(whole)))


if __name__ == "__main__":
    main()
