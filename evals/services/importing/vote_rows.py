"""One row of a file of votes, LMArena's columns by default."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from evals.models.votes import Outcome
from evals.services.importing.errors import BadValueError, UnreadableError
from evals.services.importing.reading import Row
from evals.services.importing.values import is_missing, moment, name_text, prose, required

__all__ = ["JUDGES", "LABELS", "VOTE_FIELDS", "Verdict", "read_labels", "read_verdict"]

VOTE_FIELDS = ("task_set", "question_id", "model_a", "model_b", "winner", "judge", "category", "tstamp")

# Whose judges' names are one person each across task sets, in files whose rows name their task sets.
JUDGES = "judge"

# What the winner column may say. "a" and "b" are our short forms, for --value.
LABELS: dict[str, str] = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "a": "a",
    "b": "b",
    "both_bad": "both_bad",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`winner` is a, b, tie or both_bad. `row` counts the votes of the file, `line` its lines.

    `judged_for` is the source within which a judge's name is one person: the task set or, where rows name their
    task sets themselves, as our exports do, all such files. Empty: no judge is named.
    """

    line: int
    row: int
    task_set: str
    question: str
    model_a: str
    model_b: str
    winner: str
    judge: str
    judged_for: str
    category: str
    at: datetime | None

    def outcome(self, *, a_is_lo: bool) -> Outcome:
        if self.winner in ("a", "b"):
            return Outcome.LO if (self.winner == "a") == a_is_lo else Outcome.HI
        return Outcome(self.winner)


def read_labels(given: Mapping[str, str]) -> dict[str, str]:
    """The file's labels and ours: `{"left": "a"}` beside those we know. Ours may be any of `LABELS`."""
    labels = dict(LABELS)
    for theirs, ours in given.items():
        if ours not in LABELS:
            raise UnreadableError(
                f"--value {theirs}={ours}: “{ours}” is none of {', '.join(LABELS)}. The file's label stands first, "
                "ours second, as in --value left=a."
            )
        labels[theirs] = LABELS[ours]
    return labels


def read_verdict(row: Row, *, number: int, task_set: str, labels: Mapping[str, str]) -> Verdict:
    fields = row.fields
    model_a = name_text(required(fields, "model_a"), "model_a", longest=255)
    model_b = name_text(required(fields, "model_b"), "model_b", longest=255)
    if model_a == model_b:
        raise BadValueError(f"model_a and model_b are both “{model_a}”.")
    label = prose(required(fields, "winner"), "winner").strip()
    if label not in labels:
        raise BadValueError(
            f"winner “{label[:40]}” is not known; it is one of {', '.join(labels)}. Say what it means with "
            f'--value "{label[:40]}=…".'
        )
    judge, category = fields.get("judge"), fields.get("category")
    # Few different texts, repeated on every row.
    return Verdict(
        line=row.line,
        row=number,
        task_set=sys.intern(task_set),
        question=sys.intern(name_text(required(fields, "question_id"), "question_id", longest=200)),
        model_a=sys.intern(model_a),
        model_b=sys.intern(model_b),
        winner=labels[label],
        judge="" if is_missing(judge) else sys.intern(name_text(judge, "judge", longest=200)),
        judged_for="" if is_missing(judge) else _source(task_set, own=not is_missing(fields.get("task_set"))),
        category="" if is_missing(category) else sys.intern(name_text(category, "category", longest=120)),
        at=moment(fields.get("tstamp"), "tstamp"),
    )


def _source(task_set: str, *, own: bool) -> str:
    """ "user" alone is the source of our own people."""
    if own:
        return JUDGES
    return "user-set" if task_set == "user" else task_set
