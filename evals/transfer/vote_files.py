"""Files of votes: their columns and labels, and what is read from them, as numbers."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterator, Mapping
from typing import IO, Any, Generic, TypeVar

import numpy as np

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.rows import Layout, Row, read_rows
from evals.transfer.files.text import Source
from evals.transfer.files.values import id_text, is_missing, moment, name_text, prose, required
from evals.transfer.names import KnownTasks
from evals.transfer.portions.votes import NO_TIME, VOTES, since_1970

__all__ = ["JUDGES", "LABELS", "PORTION", "VOTE_FIELDS", "WINNERS", "VoteFile", "read_labels"]

VOTE_FIELDS = ("task_set", "question_id", "model_a", "model_b", "winner", "judge", "category", "tstamp")

# The source of judges' names in files whose rows name their task sets: one name is one person across these.
JUDGES = "judge"

# Labels of the winner column. "a" and "b" are short forms, for --value.
LABELS: dict[str, str] = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "a": "a",
    "b": "b",
    "both_bad": "both_bad",
}
# In the order of their numbers.
WINNERS = ("a", "b", "tie", "both_bad")

# Votes of one portion: stored in one or two tenths of a second.
PORTION = 2_000
_NOT_READ = -1
# How long a name in each column may be.
_NAMES = {"model_a": 255, "model_b": 255, "judge": 200, "category": 120}

Name = TypeVar("Name", bound=Hashable)


def read_labels(given: Mapping[str, str]) -> dict[str, str]:
    """The labels known by default and those given: `{"left": "a"}`. A value may be any of `LABELS`."""
    labels = dict(LABELS)
    for theirs, ours in given.items():
        if ours not in LABELS:
            raise UnreadableError(
                f"--value {theirs}={ours}: “{ours}” is not one of {', '.join(LABELS)}. The file's label comes first, "
                "Arena's second, as in --value left=a."
            )
        labels[theirs] = LABELS[ours]
    return labels


class Numbered(Generic[Name]):
    """Names in the order in which they came, which is their number; each with the line of its first row."""

    def __init__(self) -> None:
        self.numbers: dict[Name, int] = {}
        self.lines = array("q")

    def __len__(self) -> int:
        return len(self.numbers)

    def number(self, name: Name, line: int) -> int:
        found = self.numbers.setdefault(name, len(self.numbers))
        if found == len(self.lines):
            self.lines.append(line)
        return found


class VoteFile:
    """What a file of votes holds. The votes are in a temporary file, each as numbers of names: memory grows with the
    names, and not with the votes.

    `questions` are (task set, id). `judges` are (source, name): the source within which a judge's name is one person is
    the task set or, if rows name their task sets themselves, as exports do, all such files; both empty where no judge
    is named.
    """

    def __init__(self, spool: IO[bytes], portion: int = PORTION) -> None:
        self._spool = spool
        self._most = portion
        self.rows = 0
        self.questions: Numbered[tuple[str, str]] = Numbered()
        self.models: Numbered[str] = Numbered()
        self.judges: Numbered[tuple[str, str]] = Numbered()
        # As the rows name them; empty for a row that names none.
        self.categories: Numbered[str] = Numbered()
        # Of each question its votes, the category of its first row, and the lines of rows that name another one.
        self.votes_of = array("q")
        self._category_of = array("q")
        self._others_of: dict[int, dict[int, int]] = {}
        self.winners = np.zeros(len(WINNERS), np.int64)
        self._portion: list[tuple[int, ...]] = []

    def read(
        self, source: Source, layout: Layout, problems: Problems, *, task_set: str, labels: Mapping[str, str]
    ) -> None:
        """All of it. Errors in rows go to `problems`."""
        known = KnownTasks()
        numbers = {label: WINNERS.index(ours) for label, ours in labels.items()}
        for row in read_rows(source, layout, problems):
            try:
                where = known.task_set(row.fields.get("task_set"), task_set)
                self._add(row, where, numbers, known)
            except BadValueError as error:
                problems.add(row.line, str(error))
        self._write()

    def categories_of(self, question: int) -> dict[int, int]:
        """The numbers of the categories that its rows name, each with the line of the first."""
        return {self._category_of[question]: self.questions.lines[question]} | self._others_of.get(question, {})

    def portions(self) -> Iterator[bytes]:
        """In the file's order, each of rows of `VOTES`."""
        self._spool.seek(0)
        while body := self._spool.read(self._most * VOTES.itemsize):
            yield body

    def rows_without(self, name: tuple[str, str]) -> int:
        """How many rows have this judge."""
        number = self.judges.numbers.get(name)
        if number is None:
            return 0
        return sum(int((np.frombuffer(body, VOTES)["judge"] == number).sum()) for body in self.portions())

    def _add(self, row: Row, task_set: str, labels: Mapping[str, int], known: KnownTasks) -> None:
        fields, line = row.fields, row.line
        given = fields.get
        # A name that was accepted before is spelt as it is stored: most are found so.
        a, b = self._known_model(given("model_a")), self._known_model(given("model_b"))
        if a is None:
            a = self.models.number(_name(fields, "model_a"), line)
        if b is None:
            b = self.models.number(_name(fields, "model_b"), line)
        if a == b:
            raise BadValueError(f"model_a and model_b are both “{_name(fields, 'model_a')}”.")
        label = given("winner")
        winner = labels.get(label) if type(label) is str else None
        if winner is None:
            winner = _winner(fields, labels)
        question = self._question(task_set, fields, line, known)
        judge = self._judge(task_set, fields, line)
        at = given("tstamp")
        self.rows += 1
        self._portion.append(
            (self.rows, line, question, a, b, judge, winner, NO_TIME if at is None else _microseconds(at))
        )
        self.votes_of[question] += 1
        self._name_category(question, fields, line)
        if len(self._portion) == self._most:
            self._write()

    def _known_model(self, value: Any) -> int | None:
        return self.models.numbers.get(value) if type(value) is str else None

    def _question(self, task_set: str, fields: Mapping[str, Any], line: int, known: KnownTasks) -> int:
        value = fields.get("question_id")
        found = self.questions.numbers.get((task_set, value)) if type(value) is str else None
        if found is None:
            question = id_text(required(fields, "question_id"), "question_id", longest=200)
            known.check_id(task_set, question)
            found = self.questions.number((task_set, question), line)
        if found == len(self.votes_of):
            self.votes_of.append(0)
            self._category_of.append(_NOT_READ)
        return found

    def _judge(self, task_set: str, fields: Mapping[str, Any], line: int) -> int:
        value = fields.get("judge")
        if value is None or value == "":
            return self.judges.number(("", ""), line)
        source = _judged_for(task_set, own=not is_missing(fields.get("task_set")))
        found = self.judges.numbers.get((source, value)) if type(value) is str else None
        return self.judges.number((source, _name(fields, "judge")), line) if found is None else found

    def _name_category(self, question: int, fields: Mapping[str, Any], line: int) -> None:
        name = fields.get("category")
        if name is None:
            name = ""
        found = self.categories.numbers.get(name) if type(name) is str else None
        if found is None:
            found = self.categories.number("" if name == "" else _name(fields, "category"), line)
        if self._category_of[question] == _NOT_READ:
            self._category_of[question] = found
        elif found != self._category_of[question]:
            self._others_of.setdefault(question, {}).setdefault(found, line)

    def _write(self) -> None:
        rows = np.array(self._portion, VOTES)
        self.winners += np.bincount(rows["winner"], minlength=len(WINNERS))
        self._spool.write(rows.tobytes())
        self._portion.clear()


def _name(fields: Mapping[str, Any], field: str) -> str:
    return name_text(required(fields, field), field, longest=_NAMES[field])


def _winner(fields: Mapping[str, Any], labels: Mapping[str, int]) -> int:
    label = prose(required(fields, "winner"), "winner").strip()
    if label not in labels:
        raise BadValueError(
            f"winner “{label[:40]}” is not known; it is one of {', '.join(labels)}. Say what it means with "
            f'--value "{label[:40]}=…".'
        )
    return labels[label]


def _judged_for(task_set: str, *, own: bool) -> str:
    """ "user" by itself is the source of Arena's own users."""
    if own:
        return JUDGES
    return "user-set" if task_set == "user" else task_set


def _microseconds(value: Any) -> int:
    if is_missing(value):
        return NO_TIME
    at = moment(value, "tstamp")
    return NO_TIME if at is None else since_1970(at)
