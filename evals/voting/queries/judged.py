"""Judged battles with the names of who wrote what, and what each reviewer said: for those who may see identities,
which are editors and admins. Nothing here is for a reviewer's page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from arena.ui.markup import first_line, render, render_code
from evals.catalog.conversations import content_text, prompt_text, written
from evals.catalog.images.references import images_in
from evals.models import Ballot, Battle, Category, Generation, GoldBattle, Reason, Task
from evals.models.votes import effective_votes
from evals.voting.choices import outcome_of
from evals.voting.holding import counted

__all__ = [
    "BattleDetail",
    "BattleLine",
    "Filter",
    "JudgedBallot",
    "battle_detail",
    "battle_lines",
]

Filter = Literal["", "split", "gold", "comments"]
# Votes, newest first, among which battles that reviewers disagree on are looked for: they may be rare.
_SEARCHED = 20_000
_CHUNK = 1000
# Ballots of one battle that its page lists.
_MOST_BALLOTS = 200

_OUTCOME_WORDS = {"lo": "A", "hi": "B", "tie": "tie", "both_bad": "both bad"}


@dataclass(frozen=True)
class BattleLine:
    """`seq` is the newest vote on it, the cursor of the list. `outcomes`: how many votes each outcome has."""

    id: int
    seq: int
    gist: str
    lo: str
    hi: str
    outcomes: dict[str, int]
    comments: int
    gold: str
    at: datetime

    @property
    def split(self) -> bool:
        return len(self.outcomes) > 1

    @property
    def words(self) -> str:
        """`2 for A, 1 tie`."""
        said = {"lo": "for A", "hi": "for B", "tie": "tie", "both_bad": "both bad"}
        return ", ".join(f"{n} {said[outcome]}" for outcome, n in self.outcomes.items())


@dataclass(frozen=True)
class JudgedAnswer:
    """One answer: its letter on this page, who wrote it, its text, and the numbers of its images."""

    letter: str
    contender: str
    generation: int
    parts: tuple[SafeString, ...]
    images: range
    quarantine: str


@dataclass(frozen=True)
class JudgedBallot:
    """What one reviewer made of the battle. `verdict` in this page's letters; `dimensions` by name."""

    reviewer: int
    name: str
    excluded: bool
    at: datetime
    verdict: str
    strength: str
    right: bool | None
    reasons: tuple[str, ...]
    dimensions: tuple[tuple[str, str], ...]
    comment: str
    left: str


@dataclass(frozen=True)
class BattleDetail:
    id: int
    category_slug: str
    category: str
    task: int
    prompt: tuple[tuple[str, SafeString], ...]
    prompt_images: range
    answers: tuple[JudgedAnswer, JudgedAnswer]
    ballots: tuple[JudgedBallot, ...]
    gold: GoldBattle | None
    gold_words: str


def battle_lines(category: Category, *, limit: int, before: int | None = None, only: Filter = "") -> list[BattleLine]:
    """Battles of Arena's own ballots by their newest vote, newest first; imported votes have none. Five queries, and
    two more for every thousand votes that are searched."""
    chosen = _gold(category, limit, before) if only == "gold" else _newest(category, limit, before, only)
    ids = [battle for battle, _ in chosen]
    texts = (f"{side}__{field}" for side in ("lo", "hi") for field in ("text", "turns", "tool_calls"))
    related = Battle.objects.select_related("task", "lo__contender", "hi__contender").defer(*texts)
    battles = related.in_bulk(ids)
    gold = dict(_marked(category).filter(battle__in=ids).values_list("battle", "outcome"))
    return [
        BattleLine(
            id=pk,
            seq=facts.seq,
            gist=_gist(battles[pk].task),
            lo=battles[pk].lo.contender.slug,
            hi=battles[pk].hi.contender.slug,
            outcomes={key: facts.outcomes[key] for key in _OUTCOME_WORDS if key in facts.outcomes},
            comments=facts.comments,
            gold=_OUTCOME_WORDS.get(gold.get(pk, ""), ""),
            at=facts.at,
        )
        for pk, facts in chosen
    ]


@dataclass
class _Facts:
    """Of one battle: its newest vote, the votes that count by outcome, and the comments."""

    seq: int
    at: datetime
    outcomes: Counter[str] = field(default_factory=Counter)
    comments: int = 0


def _marked(category: Category) -> QuerySet[GoldBattle]:
    return GoldBattle.objects.filter(battle__task__category=category, retired_at__isnull=True)


def _gold(category: Category, limit: int, before: int | None) -> list[tuple[int, _Facts]]:
    """All of them are read: there are few."""
    facts = _facts(category, list(_marked(category).values_list("battle", flat=True)))
    judged = [(pk, one) for pk, one in facts.items() if before is None or one.seq < before]
    return sorted(judged, key=lambda one: -one[1].seq)[:limit]


def _newest(category: Category, limit: int, before: int | None, only: Filter) -> list[tuple[int, _Facts]]:
    """Votes are read newest first until there are enough battles; a filter searches the newest ones alone."""
    found: list[tuple[int, _Facts]] = []
    seen: set[int] = set()
    read, size = 0, _CHUNK // 5
    while len(found) < limit and read < _SEARCHED:
        votes = effective_votes(category).filter(ballot__isnull=False)
        if before is not None:
            votes = votes.filter(seq__lt=before)
        rows = list(votes.order_by("-seq").values_list("seq", "ballot__battle_id")[:size])
        if not rows:
            break
        read, before, size = read + len(rows), rows[-1][0], _CHUNK
        newest = {battle: seq for seq, battle in reversed(rows) if battle is not None and battle not in seen}
        seen |= newest.keys()
        facts = _facts(category, list(newest))
        for battle, seq in sorted(newest.items(), key=lambda one: -one[1]):
            # One whose newest vote is another stands on an earlier page.
            if facts[battle].seq == seq and _passes(facts[battle], only):
                found.append((battle, facts[battle]))
    return found[:limit]


def _passes(facts: _Facts, only: Filter) -> bool:
    if only == "split":
        return len(facts.outcomes) > 1
    return facts.comments > 0 if only == "comments" else True


def _facts(category: Category, battles: list[int]) -> dict[int, _Facts]:
    """By battle; those without a vote that counts are missing. One query, from the battles' ballots: begun from the
    votes it would read all of the category."""
    rows = Ballot.objects.filter(battle__in=battles).order_by().values_list(
        "battle", "comment", "votes__category", "votes__seq", "votes__outcome", "votes__cast_at",
        "votes__superseded_by",
    )  # fmt: skip
    found: dict[int, _Facts] = {}
    for battle, comment, of, seq, outcome, at, superseded in rows:
        if of != category.pk or outcome is None or superseded is not None:
            continue
        one = found.setdefault(battle, _Facts(seq, at))
        if seq > one.seq:
            one.seq, one.at = seq, at
        one.outcomes[outcome] += 1
        one.comments += comment != ""
    return found


def battle_detail(pk: int) -> BattleDetail | None:
    """Everything about one battle; votes that are still held are not there. Five queries."""
    related = Battle.objects.select_related("task__category", "lo__contender", "hi__contender", "gold__created_by")
    battle = related.filter(pk=pk).first()
    if battle is None:
        return None
    gold: GoldBattle | None = getattr(battle, "gold", None)
    if gold is not None and gold.retired_at is not None:
        gold = None
    images = len(images_in(battle.task.messages))
    return BattleDetail(
        id=battle.pk,
        category_slug=battle.task.category.slug,
        category=battle.task.category.name,
        task=battle.task_id,
        prompt=tuple(_prompt(battle.task)),
        prompt_images=range(1, images + 1),
        answers=(_answer("A", battle.lo), _answer("B", battle.hi)),
        ballots=tuple(_ballots(battle, gold)),
        gold=gold,
        gold_words=_OUTCOME_WORDS[gold.outcome] if gold else "",
    )


def _gist(task: Task) -> str:
    return first_line(prompt_text(task.messages)) if task.messages else f"task {task.pk}"


def _prompt(task: Task) -> list[tuple[str, SafeString]]:
    return [
        (str(message.get("role", "")).title(), render(content_text(message.get("content"))))
        for message in task.messages
        if message.get("content")
    ]


def _answer(letter: str, generation: Generation) -> JudgedAnswer:
    parts: list[SafeString] = []
    for text, calls in written(text=generation.text, tool_calls=generation.tool_calls, turns=generation.turns):
        parts += [render(text), *(render_code(call, "json") for call in calls)]
    return JudgedAnswer(
        letter=letter,
        contender=generation.contender.slug,
        generation=generation.pk,
        parts=tuple(part for part in parts if part),
        images=range(1, len(generation.images) + 1),
        quarantine=generation.quarantine,
    )


def _ballots(battle: Battle, gold: GoldBattle | None) -> list[JudgedBallot]:
    """Newest first. Without those that are open or whose vote can still be undone."""
    done = counted() | Q(state__in=(Ballot.State.SKIPPED, Ballot.State.REPORTED))
    rows = battle.ballots.filter(done).select_related("reviewer").order_by("-closed_at", "-pk")[:_MOST_BALLOTS]
    ballots = list(rows)
    reasons = Reason.objects.in_bulk({pk for ballot in ballots for pk in ballot.reasons})
    below = Category.with_dimensions.filter(dimension_of=battle.task.category_id)
    dimensions = dict(below.values_list("slug", "name")) if any(ballot.dimensions for ballot in ballots) else {}
    found = []
    for ballot in ballots:
        outcome = outcome_of(ballot.choice, ballot.left) if ballot.choice else ""
        verdict = _OUTCOME_WORDS.get(outcome) or {
            Ballot.State.SKIPPED: "skipped",
            Ballot.State.REPORTED: "reported",
        }.get(Ballot.State(ballot.state), "")
        if ballot.skip_reason:
            verdict = f"{verdict}: {Ballot.SkipReason(ballot.skip_reason).label}"
        found.append(
            JudgedBallot(
                reviewer=ballot.reviewer_id,
                name=ballot.reviewer.name,
                excluded=ballot.reviewer.excluded_at is not None,
                at=ballot.closed_at or ballot.reserved_until,
                verdict=verdict,
                strength=ballot.strength,
                right=outcome == gold.outcome if gold is not None and outcome else None,
                reasons=tuple(reasons[pk].label for pk in ballot.reasons if pk in reasons),
                dimensions=tuple(
                    (dimensions[slug], _OUTCOME_WORDS[outcome_of(choice, ballot.left)])
                    for slug, choice in ballot.dimensions.items()
                    if slug in dimensions
                ),
                comment=ballot.comment,
                left="A" if ballot.left == "lo" else "B",
            )
        )
    return found
