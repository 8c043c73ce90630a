"""Whether several samples of a task agree: on their checks, and in what they say.

Two answers are equal if their texts are, without the white space around them; JSON is compared in one form, whatever
its spaces and the order of its keys. Tool calls count without their ids, images by content, and of a conversation
every turn. Answers that failed for good say nothing and are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Any

from django.core.cache import cache
from django.db.models import Case, Count, Exists, F, Func, Max, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import MD5

from evals.catalog.conversations import calls_in, pretty_arguments
from evals.models import Generation, Run, RunItem
from evals.ratings.consistency import Agreeing, agreeing

__all__ = ["Consistency", "answer_digests", "consistency", "run_consistency"]

_STATE = Generation.State
_ENDED = (_STATE.DONE, _STATE.FAILED)
_CHUNK = 500
_RECENT_S = 10
_WHITE = " \t\n\r\f\v"


@dataclass(frozen=True)
class Consistency:
    """Of one contender. `checks`: pairs of samples with the same result of every check, over tasks with checks.
    `answers`: pairs that say the same."""

    checks: Agreeing
    answers: Agreeing


def consistency(category_slug: str) -> dict[str, Consistency]:
    """By contender, of a category: the newest finished take of each sample, over tasks with two samples or more. Only
    contenders with such tasks are there. Kept for 10 seconds, or until an answer comes to an end.

    One query where no task was asked twice or nothing is new; two at most. Texts are compared in the database; only
    JSON, tool calls and conversations are read.
    """
    ended = Generation.objects.filter(state__in=_ENDED, task__category__slug=category_slug)
    facts = ended.aggregate(n=Count("pk"), finished=Max("finished_at"), made=Max("created_at"), most=Max("sample"))
    if (facts["most"] or 1) < 2:
        return {}
    stamps = [facts[name] and facts[name].timestamp() for name in ("finished", "made")]
    key = f"consistency:{category_slug}:{facts['n']}:{stamps}".replace(" ", "")
    kept: dict[str, Consistency] | None = cache.get(key)
    if kept is None:
        newer = ended.filter(
            task=OuterRef("task"), contender=OuterRef("contender"), sample=OuterRef("sample"), take__gt=OuterRef("take")
        )
        kept = _consistency(ended.filter(~Exists(newer), state=_STATE.DONE))
        cache.set(key, kept, _RECENT_S)
    return kept


def run_consistency(run: Run) -> dict[str, Consistency]:
    """By contender, of a run; empty if it asked once. Kept as `consistency` is, with the same queries."""
    if run.samples < 2:
        return {}
    ended = RunItem.objects.filter(run=run, generation__state__in=_ENDED)
    facts = ended.aggregate(n=Count("pk"), finished=Max("generation__finished_at"))
    key = f"run-consistency:{run.pk}:{facts['n']}:{facts['finished'] and facts['finished'].timestamp()}"
    kept: dict[str, Consistency] | None = cache.get(key)
    if kept is None:
        kept = _consistency(Generation.objects.filter(run_items__run=run, state=_STATE.DONE))
        cache.set(key, kept, _RECENT_S)
    return kept


def _consistency(done: QuerySet[Generation]) -> dict[str, Consistency]:
    """In one pass, a task at a time."""
    rows = _digested(done, "contender__slug", "task_id", "checks").order_by("contender__slug", "task_id")
    found = {}
    for slug, of_contender in groupby(rows.iterator(_CHUNK), key=lambda row: row[0]):
        checks: list[list[int]] = []
        answers: list[list[int]] = []
        for _task, of_task in groupby(of_contender, key=lambda row: row[1]):
            samples = list(of_task)
            if len(samples) < 2:
                continue
            answers.append(list(Counter(_digest(row[3:]) for row in samples).values()))
            results = [tuple(bool(check["ok"]) for check in row[2]) for row in samples if row[2]]
            checks.append(list(Counter(results).values()))
        if answers:
            found[slug] = Consistency(agreeing(checks), agreeing(answers))
    return found


def answer_digests(generations: Iterable[int]) -> dict[int, bytes]:
    """By primary key: answers that say the same have the same digest. One query; for some hundred at a time."""
    rows = _digested(Generation.objects.filter(pk__in=list(generations)), "pk").order_by()
    return {pk: _digest(rest) for pk, *rest in rows}


def _digested(generations: QuerySet[Generation], *columns: str) -> QuerySet[Any, tuple[Any, ...]]:
    """The columns, then what `_digest` takes: the text's digest, and the little that has to be read."""
    stripped = _Strip("text", Value(_WHITE), output_field=TextField())
    is_json = Q(stripped__startswith="{") | Q(stripped__startswith="[")
    return generations.annotate(
        stripped=stripped,
        digest=MD5("stripped"),
        json_text=Case(When(is_json, then=F("stripped")), default=None, output_field=TextField()),
        calls=_unless_empty("tool_calls"),
        pictures=_unless_empty("images"),
        said=_unless_empty("turns"),
    ).values_list(*columns, "digest", "json_text", "calls", "pictures", "said")


def _unless_empty(column: str) -> Case:
    return Case(When(~Q(**{column: []}), then=F(column)), default=None)


class _Strip(Func):
    """The text without these characters at its ends."""

    function = "TRIM"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="BTRIM", **context)


def _digest(row: Sequence[Any]) -> bytes:
    digest, json_text, calls, pictures, turns = row
    if not (json_text or calls or pictures or turns):
        return bytes.fromhex(digest)
    parts: list[str] = [pretty_arguments(json_text) if json_text else digest]
    if turns:
        parts = []
        for turn in turns:
            parts += [_one_form(str(turn.get("text", ""))), *_calls(turn.get("tool_calls"))]
    elif calls:
        parts += _calls(calls)
    parts += [str(one) for one in pictures or ()]
    # Each part with its length, so that no two lists of parts are written alike.
    hashed = blake2b(digest_size=16)
    for part in parts:
        written = part.encode(errors="surrogatepass")
        hashed.update(len(written).to_bytes(8, "big") + written)
    return hashed.digest()


def _one_form(text: str) -> str:
    text = text.strip(_WHITE)
    return pretty_arguments(text) if text.startswith(("{", "[")) else text


def _calls(calls: Any) -> Iterator[str]:
    for name, arguments in calls_in(calls):
        yield f"call {name}"
        yield arguments
