"""Preferences for training: of each vote that prefers one answer, the prompt, the chosen and the rejected one, in the
conversational preference format of TRL and Hugging Face data sets.

Left out: ties and votes that both are bad, votes of excluded reviewers, quarantined answers, and votes of which the
texts are not known. An imported vote names no generation, so it counts where its two contenders have one answer each.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evals.battles.queries import Filters, matching
from evals.catalog.conversations import segments
from evals.models import Battle, Category, Generation, Task, Vote
from evals.models.votes import Outcome, pseudonym

__all__ = ["LeftOut", "Preference", "preference_lines", "preferences", "skipped_words"]

Preference = dict[str, Any]
# Texts of so many votes are in memory at once.
_CHUNK = 200


@dataclass
class LeftOut:
    """Counted while the rows pass by."""

    votes: int = 0
    written: int = 0
    undecided: int = 0
    quarantined: int = 0
    without_texts: int = 0


@dataclass
class _Chunk:
    votes: list[Vote]
    tasks: Mapping[int, Task] = field(default_factory=dict)
    battles: Mapping[int, Battle] = field(default_factory=dict)
    # Of imported votes, by task and contender: all finished answers.
    answers: Mapping[tuple[int, int], list[Generation]] = field(default_factory=dict)


def preferences(filters: Filters, *, limit: int | None = None, left_out: LeftOut | None = None) -> Iterator[Preference]:
    """One row a vote, oldest first; memory is that of a few hundred answers. `limit` is the most rows made."""
    tally = left_out if left_out is not None else LeftOut()
    categories = dict(Category.with_dimensions.values_list("pk", "slug"))
    votes = matching(replace(filters, without_excluded=True)).select_related("lo", "hi", "ballot").order_by("pk")
    last = 0
    while chunk := list(votes.filter(pk__gt=last)[:_CHUNK]):
        last = chunk[-1].pk
        for row in _pairs(_filled(chunk), categories, tally):
            tally.written += 1
            yield row
            if limit is not None and tally.written >= limit:
                return


def preference_lines(filters: Filters, *, left_out: LeftOut | None = None) -> Iterator[str]:
    """As JSON Lines."""
    for row in preferences(filters, left_out=left_out):
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _filled(votes: list[Vote]) -> _Chunk:
    decided = [vote for vote in votes if vote.outcome in (Outcome.LO, Outcome.HI)]
    tasks = Task.objects.in_bulk({vote.task_id for vote in decided})
    related = Battle.objects.select_related("lo", "hi")
    battles = related.in_bulk({vote.ballot.battle_id for vote in decided if vote.ballot})
    imported = [vote for vote in decided if vote.ballot is None]
    answers: dict[tuple[int, int], list[Generation]] = defaultdict(list)
    if imported:
        found = Generation.objects.filter(
            task__in={vote.task_id for vote in imported},
            contender__in={pk for vote in imported for pk in (vote.lo_id, vote.hi_id)},
            state=Generation.State.DONE,
        )
        for one in found:
            answers[one.task_id, one.contender_id].append(one)
    return _Chunk(votes, tasks, battles, answers)


def _pairs(chunk: _Chunk, categories: Mapping[int, str], tally: LeftOut) -> Iterator[Preference]:
    for vote in chunk.votes:
        tally.votes += 1
        if vote.outcome not in (Outcome.LO, Outcome.HI):
            tally.undecided += 1
            continue
        task, pair = chunk.tasks[vote.task_id], _generations(vote, chunk)
        if pair is None or not task.messages or task.images or any(one.images for one in pair):
            tally.without_texts += 1
        elif any(one.quarantine for one in pair):
            tally.quarantined += 1
        else:
            yield _row(vote, task, pair, categories[vote.category_id])


def _generations(vote: Vote, chunk: _Chunk) -> tuple[Generation, Generation] | None:
    """The chosen and the rejected one."""
    if vote.ballot is not None:
        battle = chunk.battles[vote.ballot.battle_id]
        lo, hi = battle.lo, battle.hi
    else:
        los = chunk.answers.get((vote.task_id, vote.lo_id), [])
        his = chunk.answers.get((vote.task_id, vote.hi_id), [])
        if len(los) != 1 or len(his) != 1:
            return None
        lo, hi = los[0], his[0]
    return (lo, hi) if vote.outcome == Outcome.LO else (hi, lo)


def _row(vote: Vote, task: Task, pair: tuple[Generation, Generation], category: str) -> Preference:
    chosen, rejected = pair
    names = {vote.lo_id: vote.lo.slug, vote.hi_id: vote.hi.slug}
    asked = segments(task.messages)
    row: Preference = {
        "prompt": list(asked[0]),
        "chosen": _answered(asked, chosen),
        "rejected": _answered(asked, rejected),
    }
    if task.tools:
        row["tools"] = task.tools
    row["metadata"] = {
        "vote": vote.pk,
        "category": category,
        "task": vote.task_id,
        "chosen_model": names[chosen.contender_id],
        "rejected_model": names[rejected.contender_id],
        "reviewer": pseudonym(vote.reviewer_id),
        "strength": vote.ballot.strength if vote.ballot else "",
        "source": "ballot" if vote.ballot else "import",
        "cast_at": vote.cast_at.isoformat(),
    }
    return row


def _answered(asked: Sequence[Sequence[Any]], generation: Generation) -> list[dict[str, Any]]:
    """The answer as messages; of a conversation, with what the user said in between."""
    answers = generation.turns or [{"text": generation.text, "tool_calls": generation.tool_calls}]
    messages: list[dict[str, Any]] = []
    for n, answer in enumerate(answers):
        if 0 < n < len(asked):
            messages += [dict(message) for message in asked[n]]
        messages.append(_assistant(answer))
    return messages


def _assistant(answer: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": str(answer.get("text") or "")}
    if calls := answer.get("tool_calls"):
        message["tool_calls"] = [
            {"type": "function", "function": {"name": call.get("name", ""), "arguments": call.get("arguments", "")}}
            for call in calls
        ]
    return message


def skipped_words(tally: LeftOut) -> Counter[str]:
    """Why votes were left out, with how many, for messages."""
    return +Counter(
        {
            "ties and votes that both are bad": tally.undecided,
            "with a quarantined answer": tally.quarantined,
            "whose texts are not known or hold images": tally.without_texts,
        }
    )
