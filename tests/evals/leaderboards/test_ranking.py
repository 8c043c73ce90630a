"""Ranking is driven by the ledger's numbers: whatever is lost or doubled, the last vote ends up in a leaderboard."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from evals.leaderboards.ranking import rank_category
from evals.models import Contender, Leaderboard, Ledger, Reviewer, ReviewerTally
from evals.ratings import Standings, replay
from evals.signals import leaderboard_computed
from evals.voting import ledger as ledgers
from evals.voting import reviewers
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders, retract

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="a ranking locks the ledger's row")]

STRENGTHS = {"atlas": 0.0, "kestrel": 0.5, "morrow": 1.0}


@pytest.fixture
def code():
    contenders(*STRENGTHS)
    return category()


@pytest.fixture
def heard():
    """The leaderboards that were announced."""
    news = []

    def listen(sender, leaderboard, **_):
        news.append((leaderboard.seq, leaderboard.revision))

    leaderboard_computed.connect(listen)
    yield news
    leaderboard_computed.disconnect(listen)


def votes(n, seed=1):
    return simulate(STRENGTHS, n, seed=seed, reviewers=3, tasks=20, both_bad=0.1)


def ranked(category, **options) -> Leaderboard:
    leaderboard = rank_category(category_id=category.pk, **options)
    assert leaderboard is not None
    return leaderboard


def numbers(category):
    ledger = Ledger.objects.get(category=category)
    return ledger.seq, ledger.revision, ledger.ranked_seq, ledger.ranked_revision


def rank_chores():
    """How many wait; routing may have enqueued chores of its own."""
    return sum(queued.func() == "evals.leaderboards.chores.rank" for queued in OrmQ.objects.all())


def test_one_ranking_takes_in_every_vote_cast_while_none_ran(code, heard):
    for vote in votes(200):
        cast(code, [vote])
    assert rank_chores() == 1, "the first vote enqueues a chore, the rest find its mark"
    leaderboard = ranked(code)
    assert numbers(code) == (200, 0, 200, 0)
    assert (leaderboard.seq, leaderboard.votes, leaderboard.reviewers) == (200, 200, 3)
    assert heard == [(200, 0)]


def test_ranking_twice_makes_one_leaderboard_and_one_piece_of_news(code, heard):
    cast(code, votes(50))
    first, second = ranked(code), ranked(code)
    assert first == second
    assert Leaderboard.objects.count() == 1
    assert heard == [(50, 0)]


def test_a_raised_revision_makes_a_new_leaderboard(code, heard):
    cast(code, votes(50))
    before = ranked(code)
    with transaction.atomic():
        ledgers.raise_revision(code)
    after = ranked(code)
    assert (after.seq, after.revision) == (50, 1)
    assert after.digest == before.digest
    assert numbers(code) == (50, 1, 50, 1)
    assert heard == [(50, 0), (50, 1)]


def test_other_parameters_make_another_leaderboard_of_the_same_votes(code):
    cast(code, votes(50))
    panel = ranked(code)
    code.speaks_for = "people"
    code.save()
    people = ranked(code)
    assert (people.seq, people.revision) == (panel.seq, panel.revision)
    assert people.params_digest != panel.params_digest
    assert people.params["speaks_for"] == "people"


def test_a_category_without_votes_has_no_leaderboard(code, heard):
    with transaction.atomic():
        ledgers.raise_revision(code)
    assert rank_category(category_id=code.pk) is None
    assert numbers(code) == (0, 1, 0, 1)
    assert heard == []


def test_a_vote_during_the_ranking_is_left_for_the_next(code):
    def vote_meanwhile(sender, leaderboard, **_):
        if leaderboard.seq == 50:
            cast(code, votes(1, seed=2))

    leaderboard_computed.connect(vote_meanwhile)
    try:
        cast(code, votes(50))
        OrmQ.objects.all().delete()
        ranked(code)
    finally:
        leaderboard_computed.disconnect(vote_meanwhile)
    assert numbers(code) == (51, 0, 50, 0)
    assert rank_chores() == 1, "the mark was cleared, so the new vote enqueued a chore of its own"
    ranked(code)
    assert numbers(code) == (51, 0, 51, 0)


def test_what_a_receiver_refuses_is_not_stored(code):
    def refuse(**_):
        raise RuntimeError("no")

    leaderboard_computed.connect(refuse)
    try:
        cast(code, votes(10))
        with pytest.raises(RuntimeError):
            ranked(code)
    finally:
        leaderboard_computed.disconnect(refuse)
    assert not Leaderboard.objects.exists()
    assert numbers(code) == (10, 0, 0, 0)


def test_votes_all_taken_back_leave_an_empty_leaderboard(code):
    [vote] = cast(code, [("ana", "t", "atlas", "kestrel", "lo")])
    ranked(code)
    retract(vote)
    leaderboard = ranked(code)
    assert (leaderboard.seq, leaderboard.votes) == (2, 0)
    assert Standings.from_json(leaderboard.result).ratings == ()


def test_excluding_a_reviewer_makes_a_leaderboard_without_their_votes(code, admin_user):
    cast(code, votes(120))
    ranked(code)
    reviewers.exclude(
        reviewer=Reviewer.objects.get(handle="test:r0"), reason="clicked faster than one can read", actor=admin_user
    )
    leaderboard = ranked(code)
    kept = [vote for vote in votes(120) if vote[0] != "r0"]
    assert (leaderboard.revision, leaderboard.votes, leaderboard.reviewers) == (1, len(kept), 2)
    standings = Standings.from_json(leaderboard.result)
    assert standings.elo == replay(in_stored_order(kept))


def test_a_retired_contender_is_out_of_the_ranks(code):
    cast(code, votes(90))
    Contender.objects.filter(slug="morrow").update(retired_at=timezone.now())
    with transaction.atomic():
        ledgers.raise_revision(code)
    standings = Standings.from_json(ranked(code).result)
    assert "morrow" in standings
    assert set(standings.active) == {"atlas", "kestrel"}


def in_stored_order(cast_votes):
    """Elo's arithmetic sees the lower contender id first: exactly, not to rounding."""
    order = list(STRENGTHS)
    flip = {"lo": "hi", "hi": "lo"}
    return [
        (lo, hi, outcome) if order.index(lo) < order.index(hi) else (hi, lo, flip.get(outcome, outcome))
        for _, _, lo, hi, outcome in cast_votes
    ]


def test_elo_goes_on_where_the_last_leaderboard_stopped(code):
    first, second = votes(60), votes(40, seed=2)
    cast(code, first)
    ranked(code)
    cast(code, second)
    standings = Standings.from_json(ranked(code).result)
    assert standings.elo == replay(in_stored_order(first + second))


def test_elo_is_replayed_when_an_old_vote_is_taken_back(code):
    first, second = votes(60), votes(10, seed=2)
    rows = cast(code, first)
    ranked(code)
    retract(rows[5])
    cast(code, second)
    standings = Standings.from_json(ranked(code).result)
    assert standings.elo == replay(in_stored_order(first[:5] + first[6:] + second))


def test_elo_goes_back_only_to_the_leaderboard_before_the_vote_that_was_taken_back(code):
    batches = [votes(20, seed=seed) for seed in range(4)]
    rows = []
    for batch in batches:
        rows += cast(code, batch)
        ranked(code)
    retract(rows[45])  # after the second leaderboard, before the third
    with CaptureQueriesContext(connection) as queries:
        standings = Standings.from_json(ranked(code).result)
    kept = [vote for batch in batches for vote in batch]
    del kept[45]
    assert standings.elo == replay(in_stored_order(kept))
    # Votes are read from the second leaderboard's 40 on; an older one would do, and cost as much as the log is long.
    [read] = [query["sql"] for query in queries if 'ORDER BY "evals_vote"."seq"' in query["sql"]]
    assert '"seq" > 40' in read


def test_elo_follows_votes_taken_back_one_after_another(code):
    first, second, third = votes(20), votes(20, seed=2), votes(20, seed=3)
    rows = cast(code, first)
    ranked(code)
    rows += cast(code, second)
    retract(rows[5])
    ranked(code)
    rows += cast(code, third)
    retract(rows[30])
    standings = Standings.from_json(ranked(code).result)
    assert standings.elo == replay(in_stored_order(first[:5] + first[6:] + second[:10] + second[11:] + third))


def test_elo_goes_on_after_an_exclusion_without_the_excluded(code, admin_user):
    first, second = votes(60), votes(30, seed=2)
    cast(code, first)
    ranked(code)
    reviewers.exclude(reviewer=Reviewer.objects.get(handle="test:r0"), reason="too fast", actor=admin_user)
    ranked(code)
    cast(code, second)
    standings = Standings.from_json(ranked(code).result)
    assert standings.elo == replay(in_stored_order([vote for vote in first + second if vote[0] != "r0"]))


def test_a_rebuild_gives_the_same_leaderboard(code):
    cast(code, votes(80))
    before = ranked(code)
    assert ranked(code, rebuild=True) == before
    assert numbers(code) == (80, 0, 80, 0)


def test_a_rebuild_of_tallies_that_drifted_raises_the_revision(code):
    cast(code, votes(80))
    right = ranked(code)
    with transaction.atomic():
        ledgers.raise_revision(code)
    stranger = Reviewer.objects.create(handle="test:stranger", name="stranger")
    ReviewerTally.objects.filter(pk=ReviewerTally.objects.earliest("pk").pk).update(reviewer=stranger)
    wrong = ranked(code)
    assert wrong.digest != right.digest
    healed = ranked(code, rebuild=True)
    assert healed.digest == right.digest
    assert healed.revision == wrong.revision + 1
    assert numbers(code) == (80, 2, 80, 2)


@pytest.mark.django_db(transaction=True)
def test_two_rankings_at_once_make_one_leaderboard(heard):
    contenders(*STRENGTHS)
    code = category()
    cast(code, votes(100))
    start = threading.Barrier(3)
    failures = []

    def rank():
        try:
            start.wait()
            ranked(code)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=rank) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Leaderboard.objects.count() == 1
    assert heard == [(100, 0)]
    assert numbers(code) == (100, 0, 100, 0)


def test_a_mark_is_cleared_by_the_ranking_and_an_old_one_is_no_obstacle(code):
    cast(code, votes(1))
    assert Ledger.objects.get(category=code).rank_enqueued_at is not None
    ranked(code)
    assert Ledger.objects.get(category=code).rank_enqueued_at is None
    Ledger.objects.filter(category=code).update(rank_enqueued_at=timezone.now() - timedelta(seconds=61))
    queued = rank_chores()
    cast(code, votes(1, seed=2))
    assert rank_chores() == queued + 1
