"""Style reports and ratings over time: stored beside leaderboards, read by pages, closed to who votes."""

from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from evals.leaderboards import chores, style
from evals.leaderboards.history import rating_history
from evals.leaderboards.ranking import rank_category
from evals.models import AnswerStyle, Generation, Ledger, StyleReport, Task
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders

pytestmark = pytest.mark.django_db

STRENGTHS = {"atlas": 0.0, "kestrel": 0.7, "morrow": 1.4}
once = pytest.mark.runs_once(on="sqlite", because="what pages and files say of stored rows")


@pytest.fixture
def code():
    """Answers whose length grows with the contender's number and the task's, so that it differs within each pair."""
    made = contenders(*STRENGTHS)
    found = category()
    cast(found, simulate(STRENGTHS, 150, seed=1, reviewers=4, tasks=10, both_bad=0.1))
    tasks = Task.objects.filter(category=found).order_by("pk")
    Generation.objects.bulk_create(
        Generation(
            task=task,
            contender=one,
            state=Generation.State.DONE,
            text="" if (n, m) == (0, 0) else "- word\n" * (1 + n * m % 7),
        )
        for n, task in enumerate(tasks)
        for m, one in enumerate(made)
    )
    rank_category(category_id=found.pk)
    return found


@pytest.mark.on_both(because="it reads votes, answers and their style by joins, and stores JSON")
def test_the_chore_reads_each_answer_once_and_stores_a_report(code):
    chores.style(code.pk)
    report = style.latest_style(code)
    assert report is not None
    assert AnswerStyle.objects.count() == Generation.objects.count() == 30
    result = report.result
    assert [effect["feature"] for effect in result["effects"]] == ["length", "lists", "headers", "code", "bold"]
    assert result["effects"][0]["ci95"][0] < result["effects"][0]["points"] < result["effects"][0]["ci95"][1]
    assert result["effects"][2]["points"] is None
    # One answer is empty: the votes on it are left out, and so are those that compare nothing.
    assert result["left_out"] > 0
    assert result["votes"] + result["left_out"] == Ledger.objects.get(category=code).comparing
    assert {row["contender"] for row in result["ratings"]} == set(STRENGTHS)
    chores.style(code.pk)
    assert StyleReport.objects.count() == 1


@once
def test_a_report_is_due_again_once_the_votes_grew_by_a_twentieth(code):
    assert style.style_is_due(code.pk)
    chores.style(code.pk)
    assert not style.style_is_due(code.pk)
    cast(code, simulate(STRENGTHS, 7, seed=2))
    rank_category(category_id=code.pk)
    assert not style.style_is_due(code.pk)
    cast(code, simulate(STRENGTHS, 1, seed=3))
    rank_category(category_id=code.pk)
    assert style.style_is_due(code.pk)


@once
def test_votes_without_texts_make_a_report_that_says_so(code):
    Generation.objects.all().delete()
    chores.style(code.pk)
    report = style.latest_style(code)
    assert report is not None
    assert report.result["effects"] is None
    assert report.result["left_out"] == Ledger.objects.get(category=code).comparing


@pytest.mark.on_both(because="boards are picked by subqueries, and parts of their JSON are read")
def test_history_costs_four_queries_however_many_boards_there_are(code, django_assert_num_queries):
    for n in range(20):
        cast(code, simulate(STRENGTHS, 1, seed=10 + n))
        rank_category(category_id=code.pk)
    with django_assert_num_queries(4):
        boards = rating_history(code)
    assert len(boards) == 16
    assert (boards[0].seq, boards[-1].seq) == (150, 170)
    assert [board.seq for board in boards] == sorted(board.seq for board in boards)
    past = boards[0].ratings["morrow"]
    assert past.low < past.rating < past.high


@once
def test_the_page_draws_both_and_links_each_board(code, client_of, viewer_user):
    chores.style(code.pk)
    cast(code, simulate(STRENGTHS, 5, seed=9))
    rank_category(category_id=code.pk)
    html = client_of(viewer_user).get(reverse("evals:leaderboard", args=["code"])).content.decode()
    assert "Rating over time of morrow, kestrel, atlas" in html
    assert reverse("evals:leaderboard-at", args=["code", 150, 0]) in html
    assert "too few votes on answers that differ in it" in html
    assert 'id="style"' in html


@once
def test_who_votes_here_sees_neither_and_gets_no_file_while_the_board_is_closed(code, client_of, reviewer_user):
    client = client_of(reviewer_user)
    address = reverse("evals:leaderboard-csv", args=["code"])
    assert client.get(address).status_code == 403
    type(code).objects.filter(pk=code.pk).update(boards_open=True)
    chores.style(code.pk)
    html = client.get(reverse("evals:leaderboard", args=["code"])).content.decode()
    assert 'id="ratings"' in html
    assert 'id="style"' not in html
    assert 'id="history"' not in html
    assert client.get(address).status_code == 200


@once
def test_the_table_is_a_file_with_empty_cells_for_what_is_not_known(code, client_of, viewer_user):
    client = client_of(viewer_user)
    found = client.get(reverse("evals:leaderboard-csv", args=["code"]))
    rows = list(csv.DictReader(io.StringIO(found.content.decode())))
    assert [row["contender"] for row in rows] == ["morrow", "kestrel", "atlas"]
    assert rows[0]["usd_per_success"] == ""
    assert float(rows[0]["ci95_low"]) < float(rows[0]["rating"]) < float(rows[0]["ci95_high"])
    wide = client.get(reverse("evals:leaderboard-csv", args=["code"], query={"for": "people"}))
    assert next(csv.DictReader(io.StringIO(wide.content.decode())))["speaks_for"] == "people"


@once
def test_the_list_draws_the_first_two(code, client_of, viewer_user):
    html = client_of(viewer_user).get(reverse("evals:leaderboard-list")).content.decode()
    assert html.count('class="firsts"') == 2
    assert html.index("morrow") < html.index("kestrel")
