"""Whatever happens, in whatever order: tallies are those of the votes that stand, and leaderboards follow from them.

Real services on a real database. Each run starts from the same ground, by a savepoint rolled back at its end.
"""

from __future__ import annotations

import io
from collections import Counter
from contextlib import ExitStack, contextmanager
from itertools import product

import numpy as np
import pytest
import time_machine
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from arena.models import Role
from evals.catalog.services.contenders import retire, unretire
from evals.leaderboards.ranking import rank_category
from evals.models import (
    Ballot,
    Contender,
    ContenderVotes,
    Leaderboard,
    Ledger,
    Reviewer,
    ReviewerTally,
    ReviewerVotes,
    TaskTally,
    Vote,
)
from evals.ratings import Params, Standings, Tallies, compute, replay
from evals.transfer.files.text import Source
from evals.transfer.votes import import_votes
from evals.voting import tallies
from evals.voting.casting import BattleWithdrawnError, cast_vote, reopen, report, skip
from evals.voting.choices import outcome_of
from evals.voting.drawing import draw
from evals.voting.queries.battles import last_closed
from evals.voting.reviewers import exclude, include
from tests.evals.ratings.same import assert_same
from tests.evals.voting.conftest import World, cast, count_now
from tests.evals.voting.test_tallies import COUNTS, stored

SHORT = settings(max_examples=10, stateful_step_count=12)
NAMES = ("granit", "kiesel", "basalt")
JUDGES = ("ann", "bob")
FLIPPED = {"lo": "hi", "hi": "lo"}

verdicts = st.sampled_from(["left", "right", "tie", "both_bad"])
people = st.integers(0, 2)
places = st.sampled_from([0, 0, 1])
# Whether there are leaderboards just before and just after an act that takes votes away or brings them back.
watched = st.booleans()
rows = st.tuples(
    st.integers(0, 1),
    st.permutations(NAMES).map(lambda order: order[:2]),
    st.sampled_from(["model_a", "model_b", "tie", "tie (bothbad)"]),
    st.sampled_from(JUDGES),
)


class Ground:
    """Two categories with the same three contenders, three people who have voted in both, and an editor."""

    def __init__(self, make_user, make_reviewer):
        self.worlds = [World("code"), World("prose")]
        contenders = [self.worlds[0].contender(name) for name in NAMES]
        for world in self.worlds:
            world.contenders = contenders
            for n in range(3):
                task = world.task(f"{world.category.slug} {n}?")
                # In the second task the other contender has the lower generation, and so is the battle's `lo`.
                for contender in reversed(contenders) if n == 1 else contenders:
                    world.answer(task, contender)
        self.categories = [world.category for world in self.worlds]
        self.people = [make_reviewer(name) for name in ("mara", "noor", "otto")]
        self.editor = make_user(Role.EDITOR, "erik")
        for n, (category, reviewer) in enumerate(product(self.categories, self.people * 2)):
            ballot = draw(category=category, reviewer=reviewer, rng=np.random.default_rng(n))
            cast(ballot=ballot, choice=("left", "tie", "right", "left", "both_bad")[n % 5], reviewer=reviewer)
        for category in self.categories:
            rank_category(category_id=category.pk)


class AnySequence(RuleBasedStateMachine):
    def __init__(self, ground: Ground):
        super().__init__()
        self.ground = ground
        self.undone = ExitStack()
        self.undone.enter_context(transaction.atomic())
        self.undone.callback(transaction.set_rollback, True)

    def teardown(self):
        with self.undone:
            for category in self.ground.categories:
                count_now(category)
                assert_follows_from_the_votes(category)
                assert_votes_are_the_ballots(category)

    @rule(who=people, where=places, verdict=verdicts, left=st.sampled_from(["lo", "hi"]), chance=st.integers(0, 9))
    def vote(self, who, where, verdict, left, chance):
        ballot = self._drawn(who, where, chance)
        if ballot is not None:
            Ballot.objects.filter(pk=ballot.pk).update(left=left)
            cast_vote(ballot=ballot, choice=verdict, reviewer=self.ground.people[who])

    @rule(who=people, where=places, verdict=verdicts)
    def send_the_form_again(self, who, where, verdict):
        mine = Ballot.objects.filter(reviewer=self.ground.people[who], category=self.ground.categories[where])
        ballot = mine.filter(state=Ballot.State.VOTED).order_by("-closed_at", "-pk").first()
        if ballot is not None:
            votes = Vote.objects.count()
            cast_vote(ballot=ballot, choice=verdict, reviewer=self.ground.people[who])
            assert Vote.objects.count() == votes

    @rule(where=places)
    def the_hold_is_over(self, where):
        count_now(self.ground.categories[where])

    @rule(who=people, where=places, watched=watched)
    def undo(self, who, where, watched):
        ballot = last_closed(self.ground.people[who], self.ground.categories[where])
        if ballot is not None:
            with self._ranked(watched):
                reopen(ballot=ballot, reviewer=self.ground.people[who])

    @rule(who=people, where=places, verdict=verdicts, watched=watched)
    def change(self, who, where, verdict, watched):
        ballot = last_closed(self.ground.people[who], self.ground.categories[where])
        if ballot is None:
            return
        with self._ranked(watched):
            reopen(ballot=ballot, reviewer=self.ground.people[who])
            try:
                cast_vote(ballot=ballot, choice=verdict, reviewer=self.ground.people[who])
            except BattleWithdrawnError:
                assert Ballot.objects.get(pk=ballot.pk).state == Ballot.State.OPEN

    @rule(who=people, where=places)
    def skip(self, who, where):
        ballot = self._drawn(who, where, 0)
        if ballot is not None:
            skip(ballot=ballot)

    @rule(who=people, where=places, side=st.sampled_from(["left", "right"]))
    def report(self, who, where, side):
        ballot = self._drawn(who, where, 0)
        if ballot is not None:
            report(ballot=ballot, side=side)

    @rule(where=places, votes=st.lists(rows, min_size=1, max_size=4))
    def import_a_file(self, where, votes):
        category = self.ground.categories[where].slug
        lines = [f"{category} {n},{a},{b},{winner},{judge}" for n, (a, b), winner, judge in votes]
        # A file is known by its content: each needs one line of its own.
        lines += [f"{category} {Vote.objects.count()},granit,kiesel,tie,ann"]
        file = io.BytesIO("\n".join(["question_id,model_a,model_b,winner,judge", *lines]).encode())
        done = import_votes(source=Source(file, "judged.csv"), task_set=category, category=category)
        assert done.votes == len(lines)

    @rule(chance=st.integers(0, 9), watched=watched)
    def exclude(self, chance, watched):
        included = Reviewer.objects.filter(excluded_at__isnull=True).order_by("pk")
        if included:
            with self._ranked(watched):
                exclude(reviewer=included[chance % len(included)], reason="too fast", actor=self.ground.editor)

    @precondition(lambda self: Reviewer.objects.filter(excluded_at__isnull=False).exists())
    @rule(chance=st.integers(0, 9), watched=watched)
    def include(self, chance, watched):
        excluded = Reviewer.objects.filter(excluded_at__isnull=False).order_by("pk")
        with self._ranked(watched):
            include(reviewer=excluded[chance % len(excluded)], reason="spoke with them", actor=self.ground.editor)

    @rule(which=st.integers(0, 2), watched=watched)
    def retire_or_bring_back(self, which, watched):
        contender = self.ground.worlds[0].contenders[which]
        with self._ranked(watched):
            if not retire(contender=contender):
                unretire(contender=contender)

    @rule(where=places)
    def rank(self, where):
        rank_category(category_id=self.ground.categories[where].pk)

    @contextmanager
    def _ranked(self, watched):
        if watched:
            for category in self.ground.categories:
                rank_category(category_id=category.pk)
        yield
        if watched:
            for category in self.ground.categories:
                assert_ranked(category, votes_that_stand(category))

    def _drawn(self, who, where, chance):
        rng = np.random.default_rng(chance)
        return draw(category=self.ground.categories[where], reviewer=self.ground.people[who], rng=rng)


def assert_follows_from_the_votes(category):
    standing = votes_that_stand(category)
    assert_counted(category, standing)
    assert_ranked(category, standing)


def assert_votes_are_the_ballots(category):
    """Every ballot voted on is one vote, of the choice that stands, and no other ballot is any."""
    voted = Ballot.objects.filter(category=category, state=Ballot.State.VOTED)
    assert not voted.filter(counted_at=None).exists()
    stored = dict(Vote.objects.filter(category=category, ballot__isnull=False).values_list("ballot", "outcome"))
    assert stored == {ballot.pk: outcome_of(ballot.choice, ballot.left) for ballot in voted}
    assert Vote.objects.filter(category=category, ballot__isnull=False).count() == len(stored)


def votes_that_stand(category):
    """In the order cast; from the rows alone, by none of the code that is tested."""
    everything = list(Vote.objects.filter(category=category).order_by("seq").select_related("lo", "hi", "reviewer"))
    ledger = Ledger.objects.filter(category=category).first()
    assert [vote.seq for vote in everything] == list(range(1, 1 + (ledger.seq if ledger else 0)))
    superseded = {vote.supersedes_id for vote in everything}
    return [
        vote
        for vote in everything
        if vote.pk not in superseded and vote.outcome is not None and vote.reviewer.excluded_at is None
    ]


def assert_counted(category, standing):
    by_reviewer, by_task = Counter(), Counter()
    for vote in standing:
        lo, hi, left, outcome = vote.lo_id, vote.hi_id, vote.left, vote.outcome
        if lo > hi:
            lo, hi, left, outcome = hi, lo, FLIPPED.get(left, left), FLIPPED.get(outcome, outcome)
        column = COUNTS[("lo", "hi", "tie", "both_bad").index(outcome)]
        by_reviewer[vote.reviewer_id, lo, hi, left, column] += 1
        by_task[vote.task_id, lo, hi, column] += 1
    assert cells(ReviewerTally, category, ("reviewer", "lo", "hi", "left")) == by_reviewer
    assert cells(TaskTally, category, ("task", "lo", "hi")) == by_task
    ledger = Ledger.objects.get(category=category)
    bad = sum(vote.outcome == "both_bad" for vote in standing)
    assert (ledger.votes, ledger.comparing) == (len(standing), len(standing) - bad)
    assert_kept(category, standing)
    before = stored(category)
    assert all(any(row[-4:]) for row in before[0] | before[1]), "a row that counts nothing was kept"
    tallies.rebuild(category)
    assert stored(category) == before


def assert_kept(category, standing):
    """What pages count: votes of contenders that count, and those of reviewers, whether they count or not."""
    by_contender = Counter()
    for vote in standing:
        for side in (vote.lo_id, vote.hi_id):
            by_contender[side, "votes"] += 1
            by_contender[side, "both_bad"] += vote.outcome == "both_bad"
    kept = ContenderVotes.objects.filter(category=category).values_list("contender", "votes", "both_bad")
    found = {(pk, "votes"): votes for pk, votes, _ in kept} | {(pk, "both_bad"): bad for pk, _, bad in kept}
    assert +Counter(found) == +by_contender
    superseded = set(Vote.objects.filter(supersedes__isnull=False).values_list("supersedes", flat=True))
    mine = {}
    for vote in Vote.objects.filter(category=category, outcome__isnull=False).exclude(pk__in=superseded):
        decisive = vote.outcome in ("lo", "hi") and vote.left in ("lo", "hi")
        figures = mine.setdefault(vote.reviewer_id, [0, 0, 0])
        figures[0] += 1
        figures[1] += decisive and vote.outcome == vote.left
        figures[2] += decisive and vote.outcome != vote.left
    sums = ReviewerVotes.objects.filter(category=category).order_by().values_list("reviewer")
    found = sums.annotate(Sum("votes"), Sum("left_won"), Sum("right_won"))
    assert {pk: figures for pk, *figures in found if any(figures)} == mine


def cells(model, category, key):
    """Each count that is not nothing, by its row's key and its column."""
    table = model.objects.filter(category=category).values_list(*key, *COUNTS)
    width = len(key)
    return {
        (*row[:width], column): count
        for row in table
        for column, count in zip(COUNTS, row[width:], strict=True)
        if count
    }


def assert_ranked(category, standing):
    """The leaderboard is what a cold start makes of the votes, and no further ranking or rebuild makes another."""
    leaderboard = rank_category(category_id=category.pk)
    ledger = Ledger.objects.get(category=category)
    assert (ledger.ranked_seq, ledger.ranked_revision) == (ledger.seq, ledger.revision)
    if leaderboard is None:
        assert ledger.seq == 0
        return
    assert (leaderboard.seq, leaderboard.revision) == (ledger.seq, ledger.revision)
    told = [(v.reviewer_id, v.task_id, v.lo.slug, v.hi.slug, v.outcome) for v in standing]
    counted = Tallies.from_votes(told)
    cold = compute(
        counted,
        Params(),
        replay((lo, hi, outcome) for _, _, lo, hi, outcome in told),
        retired=Contender.objects.filter(retired_at__isnull=False).values_list("slug", flat=True),
    )
    assert_same(Standings.from_json(leaderboard.result), cold)
    boards = Leaderboard.objects.count()
    assert rank_category(category_id=category.pk) == leaderboard
    assert rank_category(category_id=category.pk, rebuild=True) == leaderboard
    assert Leaderboard.objects.count() == boards


@pytest.mark.django_db
def test_after_any_sequence_of_acts_tallies_and_leaderboards_follow_from_the_votes(make_user, make_reviewer):
    # Time stands still, or those votes would some day be too old to be undone, and one run not be like another.
    with time_machine.travel(timezone.now(), tick=False):
        ground = Ground(make_user, make_reviewer)
        run_state_machine_as_test(lambda: AnySequence(ground), settings=SHORT)
