"""A leaderboard follows from the votes: in any order of arrival, after any number of warm starts, from a rebuild."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evals.leaderboards.ranking import rank_category
from evals.models import Category, Contender, Leaderboard, Reviewer, Task
from evals.ratings import Params, Standings, Tallies, compute, replay
from evals.transfer.files.text import Source
from evals.transfer.votes import import_votes
from evals.voting import ledger, reviewers
from tests.evals.ratings.same import assert_same
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders, retract
from tests.golden.make_llmfao import CROWD, HERE

pytestmark = pytest.mark.django_db

STRENGTHS = {"atlas": 0.0, "kestrel": 0.5, "morrow": 1.0, "onyx": -0.7}


@pytest.fixture
def code():
    contenders(*STRENGTHS)
    return category()


def votes(n, seed=1):
    return simulate(STRENGTHS, n, seed=seed, reviewers=4, tasks=9, taste=0.4, task_taste=0.4, both_bad=0.1)


def ranked(category, **options) -> Standings:
    leaderboard = rank_category(category_id=category.pk, **options)
    assert leaderboard is not None
    return Standings.from_json(leaderboard.result)


def cold(category, cast_votes) -> Standings:
    """What the votes say to a process that knows nothing else, with the keys that the database has for them."""
    person = {reviewer.name: reviewer.pk for reviewer in Reviewer.objects.all()}
    task = dict(Task.objects.filter(category=category).values_list("digest", "pk"))
    told = [(person[r], task[t], lo, hi, outcome) for r, t, lo, hi, outcome in cast_votes]
    return compute(Tallies.from_votes(told), Params(), replay(vote[2:] for vote in told))


def in_pieces(sequence, rng):
    cuts = [0, *sorted(rng.choice(np.arange(1, len(sequence)), 8, replace=False).tolist()), len(sequence)]
    return [sequence[start:end] for start, end in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_the_votes_came(code, admin_user, seed):
    """One category gets them at once. The other shuffled and piece by piece, ranked after each piece, among others
    that are taken back, and with one reviewer excluded for a time."""
    rng = np.random.default_rng(seed)
    cast(code, votes(120))
    prose = category("prose")
    order = [votes(120)[k] for k in rng.permutation(120)]
    for n, piece in enumerate(in_pieces(order, rng)):
        *_, slip = cast(prose, [*piece, ("r0", "t0", "onyx", "atlas", "lo")])
        ranked(prose)
        retract(slip)
        if n == 3:
            reviewers.exclude(reviewer=Reviewer.objects.get(name="r1"), reason="too fast", actor=admin_user)
        if n == 6:
            reviewers.include(reviewer=Reviewer.objects.get(name="r1"), reason="not so fast", actor=admin_user)
    assert_same(ranked(prose), ranked(code), elo=False)


def test_elo_alone_knows_the_order(code):
    prose = category("prose")
    cast(code, votes(60))
    cast(prose, votes(60)[::-1])
    first, second = ranked(code), ranked(prose)
    assert first.digest == second.digest
    assert first.elo != second.elo


def test_after_a_long_chain_of_warm_starts(code):
    everything = votes(40)
    for vote in everything:
        cast(code, [vote])
        chained = ranked(code)
    assert_same(chained, cold(code, everything))


@pytest.mark.on_both(because="tallies are recounted in SQL")
def test_from_a_rebuild_and_under_a_new_revision(code):
    everything = votes(90)
    for piece in (everything[:80], everything[80:]):
        cast(code, piece)
        before = ranked(code)
    assert ranked(code, rebuild=True).to_json() == before.to_json()
    assert Leaderboard.objects.count() == 2
    with transaction.atomic():
        ledger.raise_revision(code)
    again = ranked(code)
    assert Leaderboard.objects.count() == 3
    assert_same(again, before)


@pytest.mark.on_both(because="tallies are moved in SQL")
def test_an_exclusion_and_its_end_lead_back_to_the_same_leaderboard(code, admin_user):
    cast(code, votes(120))
    before = ranked(code)
    reviewer = Reviewer.objects.get(name="r2")
    reviewers.exclude(reviewer=reviewer, reason="too fast", actor=admin_user)
    without = ranked(code)
    assert_same(without, cold(code, [vote for vote in votes(120) if vote[0] != "r2"]))
    reviewers.include(reviewer=reviewer, reason="not so fast", actor=admin_user)
    assert_same(ranked(code), before)


ACTS = {
    "save": lambda board: board.save(),
    "update": lambda board: Leaderboard.objects.update(votes=7),
    "bulk update": lambda board: Leaderboard.objects.bulk_update([board], ["result"]),
    "delete": lambda board: board.delete(),
    "delete all": lambda board: Leaderboard.objects.all()._raw_delete("default"),
    "SQL update to the same": lambda board: sql("UPDATE evals_leaderboard SET result = result"),
    "SQL delete": lambda board: sql("DELETE FROM evals_leaderboard"),
}


def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.on_both(because="each engine has triggers of its own")
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_was_ranked_cannot_be_changed_or_deleted(code, act):
    cast(code, votes(20))
    board = rank_category(category_id=code.pk)
    stored = Leaderboard.objects.values().get()
    with pytest.raises(DatabaseError, match="leaderboards are append-only"), transaction.atomic():
        act(board)
    assert Leaderboard.objects.values().get() == stored


@pytest.mark.on_both(because="each engine has triggers of its own")
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no TRUNCATE")
def test_what_was_ranked_cannot_be_truncated(code):
    cast(code, votes(20))
    rank_category(category_id=code.pk)
    connection.check_constraints()  # deferred ones would refuse it first
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql("TRUNCATE evals_leaderboard CASCADE")


@pytest.mark.skipif(not os.environ.get("ARENA_TEST_DATA"), reason="ARENA_TEST_DATA names no folder with llmfao's files")
def test_real_votes_imported_and_ranked_have_the_golden_figures(db):
    with (Path(os.environ["ARENA_TEST_DATA"]) / "llmfao" / CROWD).open("rb") as file:
        import_votes(
            source=Source(file, CROWD),
            task_set="llmfao",
            category="llmfao",
            columns={"question_id": "prompt", "model_a": "left", "model_b": "right", "judge": "worker"},
            values={"left": "a", "right": "b"},
        )
    standings = ranked(Category.objects.get())
    names = dict(Contender.objects.values_list("slug", "model_name"))
    golden = json.loads((HERE / "llmfao-whole.json").read_text(encoding="utf-8"))
    expected = {name: figures for name, *figures in golden["ratings"]}
    assert {names[str(rating.contender)] for rating in standings.ratings} == expected.keys()
    for rating in standings.ratings:
        found = [rating.rating, *rating.panel, *rating.people]
        assert found == pytest.approx(expected[names[str(rating.contender)]], abs=2e-6)
