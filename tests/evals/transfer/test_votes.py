"""Votes cast elsewhere."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django_q.models import OrmQ

from evals.models import (
    Category,
    Contender,
    Ledger,
    Reviewer,
    ReviewerTally,
    Task,
    TaskSet,
    TaskTally,
    Vote,
    VoteImport,
)
from evals.transfer.files.errors import BadRowsError, UnreadableError
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from evals.voting import tallies
from evals.voting.reviewers import exclude
from tests.evals.transfer.conftest import file, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="rows are stored in bulk")]

HEADER = "question_id,model_a,model_b,winner,judge\n"
FILE = HEADER + (
    "1,x,y,model_a,ann\n"
    "1,y,x,model_a,bob\n"
    "1,x,y,tie,ann\n"
    "2,x,y,tie (bothbad),ann\n"
    "2,x,y,tie (bothbad),ann\n"
    "2,y,z,model_b,bob\n"
)


def take(content=FILE, *, name="battles.csv", task_set="arena", category="chat", **options):
    return import_votes(source=file(content, name), task_set=task_set, category=category, **options)


def better():
    """For each vote in order: the winner's slug, or tie or both_bad."""
    votes = Vote.objects.order_by("category", "seq").select_related("lo", "hi")
    return [{"lo": vote.lo.slug, "hi": vote.hi.slug}.get(vote.outcome, vote.outcome) for vote in votes]


def test_every_row_is_a_vote_repeats_included():
    done = take()
    assert (done.votes, done.reviewers, done.tasks, done.tasks_new) == (6, 2, 2, 2)
    assert better() == ["x", "y", "tie", "both_bad", "both_bad", "z"]
    assert done.by_winner == {"a": 2, "b": 1, "tie": 1, "both_bad": 2}
    assert list(Vote.objects.order_by("seq").values_list("seq", "row")) == [(n, n) for n in range(1, 7)]


def test_an_imported_vote_has_the_lower_contender_first_and_no_side():
    take()
    assert all(vote.lo_id < vote.hi_id for vote in Vote.objects.all())
    assert set(Vote.objects.values_list("left", "ballot", "n")) == {("unknown", None, 1)}


def test_unknown_task_sets_tasks_categories_and_contenders_are_made():
    take()
    assert TaskSet.objects.get().slug == "arena"
    assert Category.objects.get().slug == "chat"
    assert set(Contender.objects.values_list("slug", flat=True)) == {"x", "y", "z"}
    assert list(Task.objects.values_list("messages", flat=True)) == [[], []]


def test_votes_on_tasks_of_the_set_are_votes_on_those_tasks():
    import_tasks(source=file("id,category,prompt\n1,code,Sort.\n2,sql,Count.\n"), task_set="arena")
    done = take()
    assert done.tasks_new == 0
    assert done.by_category == {"code": 3, "sql": 3}
    assert "code 3, sql 3" in done.notices[0]


def test_the_ledger_and_the_tallies_move_with_the_votes():
    take()
    category = Category.objects.get()
    assert Ledger.objects.get().seq == 6
    counted = sorted(ReviewerTally.objects.values_list("reviewer__name", "lo_wins", "hi_wins", "ties", "both_bad"))
    assert counted == [("ann", 1, 0, 1, 2), ("bob", 0, 1, 0, 0), ("bob", 0, 1, 0, 0)]
    by_task = sorted(TaskTally.objects.values_list("lo_wins", "hi_wins", "ties", "both_bad"))
    tallies.rebuild(category)
    assert sorted(TaskTally.objects.values_list("lo_wins", "hi_wins", "ties", "both_bad")) == by_task


def test_one_rank_chore_is_enqueued_for_each_category():
    take("question_id,model_a,model_b,winner,category\n1,x,y,tie,a1\n2,x,y,tie,a2\n3,x,y,tie,a1\n")
    assert OrmQ.objects.count() == 2
    assert Ledger.objects.filter(rank_enqueued_at__isnull=False).count() == 2


def test_the_same_file_twice_adds_nothing():
    take()
    with nothing_written():
        done = take()
    assert (done.already, done.votes) == (True, 0)


def test_the_same_file_under_another_name_adds_nothing():
    take()
    with nothing_written():
        assert take(name="copy.csv").already


def test_saying_what_is_the_default_anyway_is_no_other_way_to_read_the_file():
    take()
    with nothing_written():
        assert take(columns={"winner": "winner"}, values={"model_a": "a"}).already


def test_another_file_of_the_same_votes_is_more_votes():
    take()
    take(FILE + "1,x,y,tie,ann\n")
    assert Vote.objects.count() == 13
    assert VoteImport.objects.count() == 2
    assert Reviewer.objects.count() == 2


def test_labels_of_the_file_can_be_mapped():
    content = "prompt,left,right,winner,worker\n1,x,y,left,58\n1,x,y,right,58\n1,x,y,tie,58\n1,x,y,draw,58\n"
    take(
        content,
        columns={"question_id": "prompt", "model_a": "left", "model_b": "right", "judge": "worker"},
        values={"left": "a", "right": "b", "draw": "tie (bothbad)"},
    )
    assert better() == ["x", "y", "tie", "both_bad"]


def test_a_label_may_be_said_to_mean_something_else_than_usual():
    take(HEADER + "1,x,y,tie,ann\n", values={"tie": "both_bad"})
    assert better() == ["both_bad"]


@pytest.mark.parametrize("label", ["a", "b", "both_bad", "model_a", "model_b", "tie", "tie (bothbad)"])
def test_our_own_labels_are_read_too(label):
    assert take(HEADER + f"1,x,y,{label},ann\n").votes == 1


@pytest.mark.parametrize("values", [{"left": "left"}, {"a": "left"}, {"x": ""}])
def test_a_label_of_ours_that_does_not_exist_is_refused(values):
    with nothing_written(), pytest.raises(UnreadableError, match="not one of model_a"):
        take(values=values)


@pytest.mark.parametrize("label", ["Model_A", "TIE", "x", "left", "draw", "invalid"])
def test_an_unknown_label_is_an_error_with_its_line_and_never_a_tie(label):
    with nothing_written(), pytest.raises(BadRowsError, match=f"line 8: winner “{label}” is not known"):
        take(FILE + f"1,x,y,{label},ann\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("3,x,x,tie,ann", "model_a and model_b are both “x”"),
        (",x,y,tie,ann", "has no question_id"),
        ("3,,y,tie,ann", "has no model_a"),
        ("3,x,,tie,ann", "has no model_b"),
        ("3,x,y,,ann", "has no winner"),
        ("3,x,new,tie,ann", "model “new”"),
        ("3,x,y,tie", "has 4 cells"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_nothing_is_written(row, reason):
    with nothing_written(), pytest.raises(BadRowsError) as caught:
        take(FILE + row + "\n")
    assert "line 8: " in str(caught.value)
    assert reason in str(caught.value)


def test_votes_on_a_task_in_long_prompts_are_refused():
    short = TaskSet.objects.create(slug="arena", name="Arena")
    TaskSet.objects.create(slug="arena-long", name="Arena, long", long_context_of=short)
    with nothing_written(), pytest.raises(BadRowsError, match=r"line 2: task set “arena-long” .* name arena\."):
        take(task_set="arena-long")
    assert take().votes == 6


def test_a_required_column_that_is_missing_is_told():
    with pytest.raises(BadRowsError, match="line 2: has no winner"):
        take("question_id,model_a,model_b\n1,x,y\n")


def test_a_new_task_needs_a_category():
    with nothing_written(), pytest.raises(BadRowsError, match="line 2: question “1” has no category"):
        take(category="")


def test_rows_may_name_their_category():
    take("question_id,model_a,model_b,winner,category\n1,x,y,tie,Creative writing\n2,x,y,tie,\n", category="chat")
    assert set(Vote.objects.values_list("category__slug", flat=True)) == {"creative-writing", "chat"}


def test_a_category_that_is_not_the_tasks_is_an_error():
    import_tasks(source=file("id,category,prompt\n1,code,Sort.\n"), task_set="arena")
    content = "question_id,model_a,model_b,winner,category\n1,x,y,tie,code\n1,x,y,tie,sql\n"
    with (
        nothing_written(),
        pytest.raises(BadRowsError, match="line 3: question “1” of arena is in the category “code”"),
    ):
        take(content)
    assert take(content, columns={"category": ""}).by_category == {"code": 2}


def test_one_question_in_two_categories_is_an_error():
    with nothing_written(), pytest.raises(BadRowsError, match="line 3: "):
        take("question_id,model_a,model_b,winner,category\n1,x,y,tie,a1\n1,x,y,tie,a2\n")


def test_without_a_judge_all_rows_of_an_import_are_one_reviewers():
    done = take("question_id,model_a,model_b,winner\n1,x,y,tie\n2,x,y,tie\n")
    assert done.reviewers == 1
    assert Reviewer.objects.get().name == "battles.csv"
    assert "2 rows name no judge" in done.notices[0]
    take("question_id,model_a,model_b,winner\n1,x,y,tie\n", name="more.csv")
    assert Reviewer.objects.count() == 2


def test_a_judge_is_one_person_within_a_task_set_and_not_across_them():
    take()
    take(HEADER + "9,x,y,tie,ann\n")
    take(HEADER + "9,x,y,tie,ann\n", task_set="other")
    assert sorted(Reviewer.objects.values_list("handle", flat=True)) == ["arena:ann", "arena:bob", "other:ann"]


def test_a_task_set_called_user_makes_nobody_of_ours(admin_user):
    take(HEADER + f"9,x,y,tie,{admin_user.pk}\n", task_set="user")
    assert Reviewer.objects.get().handle == f"user-set:{admin_user.pk}"
    assert Reviewer.objects.get().user is None


def test_the_files_name_is_the_task_set_where_none_is_given():
    take(task_set="", name="My battles (v2).csv")
    assert TaskSet.objects.get().slug == "my-battles-v2"


@pytest.mark.parametrize(
    "when", ["1683000000.5", "2023-05-02T04:00:00.500Z", "2023-05-02 04:00:00.5", "2023-05-02T06:00:00.5+02:00"]
)
def test_a_time_may_be_seconds_or_iso(when):
    take(f"question_id,model_a,model_b,winner,tstamp\n1,x,y,tie,{when}\n")
    assert Vote.objects.get().cast_at == dt.datetime(2023, 5, 2, 4, 0, 0, 500_000, tzinfo=dt.UTC)


@pytest.mark.parametrize("when", ["yesterday", "1e18", "-5", "nan", "2023-13-01"])
def test_a_time_that_is_none_is_an_error(when):
    with nothing_written(), pytest.raises(BadRowsError, match="line 2: tstamp"):
        take(f"question_id,model_a,model_b,winner,tstamp\n1,x,y,tie,{when}\n")


def test_votes_of_an_excluded_reviewer_are_kept_and_not_counted(admin_user):
    take()
    exclude(reviewer=Reviewer.objects.get(name="ann"), reason="clicks at random", actor=admin_user)
    take(HEADER + "1,x,y,model_a,ann\n")
    assert Vote.objects.count() == 7
    assert not ReviewerTally.objects.filter(reviewer__name="ann").exists()


def test_jsonl_is_read_too():
    row = {
        "question_id": "a",
        "model_a": "x",
        "model_b": "y",
        "winner": "model_b",
        "judge": "u1",
        "tstamp": 1683000000.1,
    }
    take(json.dumps(row), name="battles.json")
    assert better() == ["y"]


def test_a_dry_run_reports_the_same_and_writes_nothing():
    with nothing_written():
        done = take(dry_run=True)
    assert (done.votes, done.tasks_new, done.contenders_new) == (6, 2, ("x", "y", "z"))
    assert take().votes == 6
