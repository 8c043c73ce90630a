"""Votes in the database, cast as an import casts them: ledger, votes and tallies in one transaction."""

from __future__ import annotations

from itertools import count

from django.db import transaction
from django.utils import timezone

from evals.models import Category, Contender, Provider, Reviewer, Task, Vote, VoteImport
from evals.models.bulk import insert
from evals.voting import ledger, tallies
from evals.voting.tallies import VoteFacts

_files = count()


def category(slug="code", **fields):
    return Category.objects.create(slug=slug, name=slug.title(), **fields)


def contenders(*slugs):
    provider, _ = Provider.objects.get_or_create(slug="elsewhere", kind=Provider.Kind.IMPORTED)
    return [
        Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug, settings={})
        for slug in slugs
    ]


def store(category, votes, seqs):
    """The rows of an imported file, as `import_votes` writes them; tallies are the caller's to move."""
    now = timezone.now()
    file = VoteImport.objects.create(sha256=f"{next(_files):064d}", name="votes.csv", rows=len(votes))
    same = {"category_id": category.pk, "n": 1, "vote_import_id": file.pk, "cast_at": now, "created_at": now}
    columns = (*VoteFacts._fields, "seq", "row", *same)
    rows = ((*facts, seq, row, *same.values()) for row, (facts, seq) in enumerate(zip(votes, seqs, strict=True), 1))
    insert(Vote, columns, rows)
    return file


def _keys(column, rows, **same):
    """The primary keys of `rows`, which are stored unless they are already, by what is in their `column`."""
    if not rows:
        return {}
    kept = type(rows[0]).objects
    kept.bulk_create(rows, ignore_conflicts=True)
    return dict(kept.filter(**same).values_list(column, "pk"))


def cast(category, votes):
    """`votes`: (reviewer, task, lo slug, hi slug, outcome); all new. Returns the rows, lower contender id first."""
    by_slug = {contender.slug: contender.pk for contender in Contender.objects.all()}
    names, digests = (dict.fromkeys(vote[at] for vote in votes) for at in (0, 1))
    people = _keys("handle", [Reviewer(handle=f"test:{name}", name=name) for name in names])
    tasks = _keys("digest", [Task(category=category, digest=digest) for digest in digests], category=category)
    flip = {"lo": "hi", "hi": "lo"}
    rows = []
    for reviewer, task, first, second, outcome in votes:
        one, other = by_slug[first], by_slug[second]
        lo, hi, of_lo = (one, other, outcome) if one < other else (other, one, flip.get(outcome, outcome))
        rows.append(VoteFacts(people[f"test:{reviewer}"], tasks[task], lo, hi, "unknown", of_lo))
    with transaction.atomic():
        held = ledger.lock(category)
        file = store(category, rows, ledger.take_seqs(held, len(rows)))
        tallies.move(category=category, removed=[], added=rows)
        ledger.enqueue_rank(held)
    return list(Vote.objects.filter(vote_import=file).order_by("seq"))


def retract(vote):
    """A new row that supersedes `vote` and says nothing."""
    with transaction.atomic():
        held = ledger.lock(vote.category)
        [seq] = ledger.take_seqs(held, 1)
        file = VoteImport.objects.create(sha256=f"{next(_files):064d}", name="undo", rows=1)
        kept = ("category_id", "reviewer_id", "task_id", "lo_id", "hi_id", "left")
        facts = {name: getattr(vote, name) for name in kept}
        Vote.objects.create(**facts, seq=seq, supersedes=vote, outcome=None, vote_import=file, row=1)
        tallies.move(category=vote.category, removed=[VoteFacts.of(vote)], added=[])
        ledger.enqueue_rank(held)
