"""Files that are stored in many transactions: all of each or nothing, whoever stores it."""

from __future__ import annotations

import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from evals.collection import schedules
from evals.models import Attempt, Category, FileImport, Generation, ImportPortion, Ledger, Reviewer, Vote
from evals.transfer.answers import FIGURES
from evals.transfer.chores import finish_imports
from evals.transfer.files.errors import BadRowsError, Problems
from evals.transfer.files.rows import Layout
from evals.transfer.generations import import_generations
from evals.transfer.portions.generations import (
    GenerationPortions,
    StagedAnswer,
    body_of,
    names_of_generations,
)
from evals.transfer.portions.staging import staged
from evals.transfer.portions.votes import VOTES as VOTES_STAGED
from evals.transfer.tasks import import_tasks
from evals.transfer.vote_files import VOTE_FIELDS, VoteFile, read_labels
from evals.transfer.votes import import_votes
from evals.voting.reviewers import exclude
from tests.evals.transfer.conftest import file, nothing_written
from tests.evals.voting.test_tallies import assert_equal_to_a_rebuild

both = pytest.mark.on_both(because="portions lock rows, and are stored in bulk")

VOTES = "question_id,model_a,model_b,winner,judge,category,tstamp\n" + "".join(
    f"{n % 7},m{n % 3},m{n % 3 + 1},{('model_a', 'model_b', 'tie', 'tie (bothbad)')[n % 4]},judge {n % 2},"
    f"{'code' if n % 7 < 3 else 'chat'},{1_700_000_000 + n}.25\n"
    for n in range(40)
)
TASKS = "id,category,prompt\n" + "".join(f"{n},code,Task {n}.\n" for n in range(5))
ANSWERS = "task,model,text,sample\n" + "".join(f"{n % 5},m{n % 3},text {n % 11},{n % 4 or ''}\n" for n in range(60))


def take_votes(portion=7, **options):
    return import_votes(source=file(VOTES, "votes.csv"), task_set="arena", portion=portion, **options)


def take_answers(portion=4, **options):
    return import_generations(source=file(ANSWERS, "answers.csv"), task_set="support", portion=portion, **options)


def stored_votes():
    columns = ("category__slug", "seq", "row", "reviewer__name", "lo__slug", "hi__slug", "outcome", "cast_at")
    return list(Vote.objects.order_by("category", "seq").values_list(*columns))


def stored_answers():
    columns = ("task__messages__0__content", "contender__slug", "sample", "text")
    return sorted(Generation.objects.values_list(*columns))


@both
@pytest.mark.django_db
def test_votes_in_portions_are_the_same_votes():
    done = take_votes()
    assert (done.votes, done.by_category) == (40, {"chat": 22, "code": 18})
    assert [row[3:6] for row in stored_votes()[:2]] == [("judge 1", "m0", "m1"), ("judge 0", "m1", "m2")]
    for category in Category.objects.all():
        seqs = list(Vote.objects.filter(category=category).order_by("row").values_list("seq", flat=True))
        assert seqs == list(range(1, len(seqs) + 1)), "the file's order, without a gap"
        assert Ledger.objects.get(category=category).seq == len(seqs)
        assert_equal_to_a_rebuild(category)
    assert not FileImport.objects.exists()
    assert OrmQ.objects.count() == 2, "ranked once each, at the end"


@pytest.mark.django_db
def test_an_excluded_reviewers_votes_count_in_no_portion(admin_user):
    take_votes()
    exclude(reviewer=Reviewer.objects.get(name="judge 1"), reason="clicks at random", actor=admin_user)
    import_votes(source=file(VOTES + VOTES.split("\n", 1)[1], "more.csv"), task_set="arena", portion=7)
    assert Vote.objects.count() == 120
    for category in Category.objects.all():
        assert_equal_to_a_rebuild(category)
    assert sum(Ledger.objects.values_list("excluded", flat=True)) == 60


@both
@pytest.mark.django_db
def test_answers_in_portions_get_the_samples_they_get_at_once():
    import_tasks(source=file(TASKS), task_set="support")
    expected = take_answers(portion=1000, dry_run=True)
    done = take_answers()
    assert (done.new, done.present, done.moved) == (expected.new, expected.present, expected.moved)
    assert Generation.objects.count() == Attempt.objects.count() == done.new
    assert not FileImport.objects.exists()
    with nothing_written():
        again = take_answers(portion=9)
    assert (again.new, again.present) == (0, 60)


@both
@pytest.mark.django_db
def test_an_answer_whose_check_was_skipped_as_stored_is_checked_when_it_is_new_after_all():
    import_tasks(source=file(TASKS), task_set="support")
    import_generations(source=file("task,model,text\n1,kestrel-70b,By halves.\n"), task_set="support")
    stored = Generation.objects.get()
    portions = GenerationPortions(FileImport(names=names_of_generations([stored.contender_id])))
    text = "I am Kestrel-70b, a large language model."
    row = StagedAnswer(0, stored.task_id, text, "", (), [], [], None, [None] * len(FIGURES), "", key=b"new")
    assert portions.store(portions.prepare(body_of([row]))) == {"new": 1, "failed": 0, "quarantined": 1, "moved": 0}
    assert "Kestrel-70b" in Generation.objects.get(sample=2).quarantine


@pytest.mark.django_db
def test_a_file_that_is_refused_leaves_nothing_staged():
    content = "question_id,model_a,model_b,winner,category\n1,x,y,tie,a1\n2,x,y,tie,a1\n1,x,y,tie,a2\n"
    with nothing_written(), pytest.raises(BadRowsError, match="line 4: question “1”"):
        import_votes(source=file(content, "v.csv"), task_set="arena", portion=1)


@pytest.mark.django_db
def test_each_row_between_two_names_of_one_contender_is_told():
    content = "question_id,model_a,model_b,winner\n1,x,y,tie\n1,x,z,tie\n2,y,x,tie\n"
    with nothing_written(), pytest.raises(BadRowsError) as caught:
        import_votes(source=file(content, "v.csv"), category="chat", contenders={"y": "x"}, portion=1)
    assert [error.line for error in caught.value.errors] == [2, 4]
    assert "“x” and “y” are both contender x" in str(caught.value)


@both
@pytest.mark.django_db
def test_what_a_killed_process_had_staged_is_deleted_by_the_chore_once_nobody_adds_to_it():
    left = FileImport.objects.create(kind="votes", name="left.csv")
    ImportPortion.objects.bulk_create(ImportPortion(file_import=left, n=n, rows=1, body=b"x") for n in range(45))
    finish_imports()
    assert FileImport.objects.get() == left, "it may still be at it"

    FileImport.objects.update(touched_at=timezone.now() - timedelta(hours=1))
    assert finish_imports() == "0 imports finished, 1 given up before all of the file was read."
    assert not ImportPortion.objects.exists()
    assert not FileImport.objects.exists()


@pytest.mark.django_db
def test_a_process_that_fails_while_it_stages_leaves_nothing():
    def fail():
        with staged(FileImport.Kind.VOTES, "x.csv") as staging:
            staging.add(b"x", 1)
            raise KeyboardInterrupt

    with nothing_written(), pytest.raises(KeyboardInterrupt):
        fail()


@pytest.mark.django_db
def test_interrupted_imports_have_a_schedule():
    schedules.ensure()
    schedule = Schedule.objects.get(func=schedules.IMPORTS)
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)
    assert f"{finish_imports.__module__}.{finish_imports.__name__}" == schedules.IMPORTS


@pytest.mark.django_db
def test_the_database_goes_back_only_once_every_file_is_whole():
    go_back = import_module("evals.migrations.0021_import_portions").keep_whole_files
    schedules.ensure()
    left = FileImport.objects.create(kind="generations", state="storing", name="left.csv")
    with nothing_written(), pytest.raises(RuntimeError, match="not stored to its end"):
        go_back(apps, None)

    left.delete()
    go_back(apps, None)
    assert not Schedule.objects.filter(func=schedules.IMPORTS).exists()


def at_once(*acts):
    def run(act):
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result() for done in [pool.submit(run, act) for act in acts]]


@both
@pytest.mark.django_db(transaction=True)
def test_the_same_files_imported_twice_at_once_are_stored_once():
    import_tasks(source=file(TASKS), task_set="support")
    expected = take_answers(portion=1000, dry_run=True)
    results = at_once(take_votes, take_votes, take_answers, take_answers)
    assert [result.votes for result in results[:2] if not (result.already or result.resumed)] == [40]
    assert len(stored_votes()) == 40
    for category in Category.objects.all():
        assert_equal_to_a_rebuild(category)
    assert sum(result.new for result in results[2:]) == Generation.objects.count() == expected.new
    assert not FileImport.objects.exists()


@pytest.mark.django_db
def test_memory_does_not_grow_with_the_votes():
    def peak(votes):
        rows = (f"{n % 50},m{n % 9},m{n % 9 + 1},tie,judge {n % 20}\n" for n in range(votes))
        source = file("question_id,model_a,model_b,winner,judge\n" + "".join(rows))
        with tempfile.TemporaryFile() as spool:
            read = VoteFile(spool, portion=500)
            tracemalloc.start()
            read.read(source, Layout(VOTE_FIELDS), Problems(), task_set="arena", labels=read_labels({}))
            size = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert sum(len(body) for body in read.portions()) == votes * VOTES_STAGED.itemsize
        return size

    peak(10)
    # Six times, if it did.
    assert peak(12_000) < 2 * peak(2_000)
