"""Votes in the database, cast as an import casts them: ledger, votes and tallies in one transaction."""

from __future__ import annotations

from itertools import count

from django.db import transaction

from evals.models import Category, Contender, Provider, Reviewer, Task, Vote, VoteImport
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


def cast(category, votes):
    """`votes`: (reviewer, task, lo slug, hi slug, outcome); all new. Returns the rows, lower contender id first."""
    by_slug = {contender.slug: contender for contender in Contender.objects.all()}
    flip = {"lo": "hi", "hi": "lo"}
    rows = []
    with transaction.atomic():
        held = ledger.lock(category)
        file = VoteImport.objects.create(sha256=f"{next(_files):064d}", name="votes.csv", rows=len(votes))
        seqs = ledger.take_seqs(held, len(votes))
        for seq, (reviewer, task, first, second, verdict) in zip(seqs, votes, strict=True):
            one, other = by_slug[first], by_slug[second]
            in_order = one.pk < other.pk
            rows.append(
                Vote(
                    category=category,
                    seq=seq,
                    reviewer=Reviewer.objects.get_or_create(handle=f"test:{reviewer}", defaults={"name": reviewer})[0],
                    task=Task.objects.get_or_create(category=category, digest=task)[0],
                    lo=one if in_order else other,
                    hi=other if in_order else one,
                    left="unknown",
                    outcome=verdict if in_order else flip.get(verdict, verdict),
                    vote_import=file,
                    row=seq,
                )
            )
        Vote.objects.bulk_create(rows)
        tallies.move(category=category, removed=[], added=[VoteFacts.of(vote) for vote in rows])
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
