"""What pages, API and command show of a leaderboard."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from evals.leaderboards import queries
from evals.leaderboards.documents import documents
from evals.leaderboards.ranking import rank_category
from evals.models import Contender, Leaderboard
from evals.voting import ledger as ledgers
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders

pytestmark = pytest.mark.django_db

STRENGTHS = {"atlas": 0.0, "kestrel": 0.7, "morrow": 1.4}


@pytest.fixture
def code():
    contenders(*STRENGTHS, "lone", "lonely")
    made = category()
    cast(made, simulate(STRENGTHS, 150, seed=1, reviewers=4, tasks=30, both_bad=0.1))
    return made


def newest(slug) -> queries.LeaderboardView:
    found = queries.latest(slug)
    assert found is not None
    return found


def test_before_the_first_ranking_there_is_nothing(code):
    assert queries.latest("code") is None
    assert queries.all_latest() == []
    assert queries.latest("no-such") is None


def test_the_latest_is_the_newest_by_seq_and_revision(code):
    rank_category(category_id=code.pk)
    with transaction.atomic():
        ledgers.raise_revision(code)
    rank_category(category_id=code.pk)
    cast(code, simulate(STRENGTHS, 5, seed=2))
    found = newest("code")
    assert (found.seq, found.revision, found.votes, found.waiting) == (150, 1, 150, 5)
    assert [view.seq for view in queries.all_latest()] == [150]


def test_reading_the_latest_of_every_category_is_one_query(code, django_assert_num_queries):
    other = category("letters")
    cast(other, simulate(STRENGTHS, 20, seed=3))
    category("retired", retired_at=timezone.now())
    for made in (code, other):
        rank_category(category_id=made.pk)
    queries.all_latest()
    with django_assert_num_queries(1):  # and one more where standings have not been read yet
        assert [view.category for view in queries.all_latest()] == ["code", "letters"]


def test_the_document_is_the_public_contract(code):
    rank_category(category_id=code.pk)
    document = json.loads(json.dumps(newest("code").document()))
    assert {"category", "votes", "reviewers", "computed_at", "method", "digest", "ratings"} <= set(document)
    assert (document["category"], document["votes"], document["reviewers"]) == ("code", 150, 4)
    assert document["computed_at"].endswith("Z")
    wanted = {"contender", "rating", "ci95", "rank", "p_best", "elo", "wins", "losses", "ties", "both_bad"}
    for row in document["ratings"]:
        assert wanted | {"both_bad_rate"} <= set(row)
        assert row["ci95"][0] < row["rating"] < row["ci95"][1]
        assert row["rank"][0] <= row["rank"][1]
    assert [row["contender"] for row in document["ratings"]] == ["morrow", "kestrel", "atlas"]
    assert document["retired"] == []


def test_retired_contenders_leave_the_ratings_of_the_document(code):
    Contender.objects.filter(slug="morrow").update(retired_at=timezone.now())
    rank_category(category_id=code.pk)
    document = newest("code").document()
    assert [row["contender"] for row in document["ratings"]] == ["kestrel", "atlas"]
    assert [(row["contender"], row["rank"]) for row in document["retired"]] == [("morrow", None)]


def test_a_category_that_is_not_connected_says_so(code):
    cast(code, [("r9", "t", "lone", "lonely", "lo")])
    rank_category(category_id=code.pk)
    found = newest("code")
    assert not found.connected
    assert found.document()["groups"] == [["atlas", "kestrel", "morrow"], ["lone", "lonely"]]


def test_the_matrix_shows_wins_in_percent_with_ties_as_half(code):
    other = category("letters")
    votes = [("r", f"t{i}", "atlas", "kestrel", "lo") for i in range(6)]
    votes += [("r", f"t{i}", "kestrel", "atlas", "tie") for i in range(4)]
    votes += [("r", "t", "atlas", "morrow", "hi"), ("r", "t", "kestrel", "morrow", "both_bad")]
    cast(other, votes)
    rank_category(category_id=other.pk)
    matrix = queries.head_to_head(newest("letters").standings)
    cells = {
        (row, column): cell
        for row, line in zip(matrix.contenders, matrix.rows, strict=True)
        for column, cell in zip(matrix.contenders, line, strict=True)
    }
    assert cells["atlas", "kestrel"] == queries.Cell(percent=80.0, n=10)
    assert cells["kestrel", "atlas"] == queries.Cell(percent=20.0, n=10)
    assert not cells["atlas", "kestrel"].few
    assert cells["atlas", "morrow"] == queries.Cell(percent=0.0, n=1)
    assert cells["atlas", "morrow"].few
    assert cells["kestrel", "morrow"] == queries.Cell(percent=None, n=0)
    assert cells["atlas", "atlas"] is None


def run(*arguments):
    out = StringIO()
    call_command("rank", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_one_json_document(code):
    document = json.loads(run("--json"))
    assert document == {"leaderboards": documents([newest("code")])}
    assert json.loads(run("--json", "--category", "code", "--rebuild")) == document
    assert Leaderboard.objects.count() == 1


def test_the_command_names_the_contenders_best_first(code):
    printed = run("--category", "Code")
    assert printed.index("morrow") < printed.index("kestrel") < printed.index("atlas")
    compared = newest("code").compared
    assert compared < 150
    assert f"150 votes, {compared} of them comparing, by 4 reviewers" in printed


def test_the_command_without_votes_says_so(db):
    assert "No votes yet" in run()
    assert json.loads(run("--json")) == {"leaderboards": []}


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_command_refuses_an_unknown_category_and_names_the_known(code):
    with pytest.raises(CommandError, match=r"no category 'cod'.*code"):
        run("--category", "cod")


def test_the_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command("rank", "--help")
    assert exit_.value.code == 0
    assert "manage.py rank --category code --json" in capsys.readouterr().out
