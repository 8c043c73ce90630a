"""Imports answers that were collected elsewhere."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.models import Attempt, Contender, Generation, Provider, Task
from evals.transfer.files.errors import BadRowsError, UnreadableError
from evals.transfer.generations import import_generations
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from tests.evals.transfer.conftest import file, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="rows are stored in bulk")]

HEADER = "task,model,text\n"


@pytest.fixture(autouse=True)
def support():
    content = (
        "id,category,prompt,checks\n"
        '1,code,Sort.,"[{""type"": ""contains"", ""value"": ""sorted""}]"\n'
        "2,code,Search.,\n"
        "2b,code,Search.,\n"
    )
    import_tasks(source=file(content), task_set="support")


def take(content, *, task_set="support", **options):
    return import_generations(source=file(content, "answers.csv"), task_set=task_set, **options)


def texts(model="m"):
    found = Generation.objects.filter(contender__slug=model).order_by("task_id", "sample")
    return list(found.values_list("task__messages__0__content", "sample", "text"))


def test_answers_are_stored_with_what_was_measured():
    take(
        "task,model,text,sample,latency_ms,ttft_ms,gap_ms_p50,gap_ms_p95,tokens_in,tokens_out,cost_usd\n"
        "1,m,sorted(x),2,1500.5,200,21.5,90,12,34,0.00012345\n"
    )
    one = Generation.objects.get()
    assert (one.state, one.text, one.sample, one.take) == ("done", "sorted(x)", 2, 1)
    assert (one.latency_ms, one.ttft_ms, one.tokens_in, one.tokens_out) == (1500.5, 200, 12, 34)
    assert (one.gap_ms_p50, one.gap_ms_p95, one.chunks) == (21.5, 90, None)
    assert one.cost_usd == Decimal("0.00012345")
    attempt = Attempt.objects.get()
    assert (attempt.generation, attempt.n, attempt.cost_usd) == (one, 1, one.cost_usd)


def test_what_the_file_does_not_say_is_unknown_and_never_zero():
    take(HEADER + "1,m,sorted\n")
    one = Generation.objects.get()
    assert (one.latency_ms, one.ttft_ms, one.tokens_in, one.tokens_out, one.cost_usd) == (None,) * 5


def test_an_unknown_model_becomes_a_contender_that_is_never_asked():
    done = take(HEADER + "1,m,sorted\n")
    contender = Contender.objects.get()
    assert (contender.slug, contender.kind) == ("m", Provider.Kind.IMPORTED)
    assert contender.used_at is not None
    assert done.contenders_new == ("m",)


def test_a_known_contender_is_used_and_so_frozen():
    provider = Provider.objects.create(slug="p", base_url="http://127.0.0.1:1/v1")
    Contender.objects.create(slug="m", family="m", provider=provider, model_name="m-2026")
    done = take(HEADER + "1,m,sorted\n")
    contender = Contender.objects.get()
    assert contender.provider == provider
    assert contender.used_at is not None
    assert (done.contenders, done.contenders_new) == (("m",), ())


def test_thinking_is_kept_apart_from_the_answer():
    take(HEADER + "2,m,<think>Where?</think> Here.\n1,m,So it is so.</think>sorted(x)\n")

    stored = Generation.objects.order_by("task_id").values_list("text", "thinking")
    assert list(stored) == [("sorted(x)", "So it is so."), ("Here.", "Where?")]


def test_an_empty_text_is_an_answer():
    take(HEADER + "2,m,\n")
    assert Generation.objects.get().state == "done"


def test_an_error_is_a_failed_call():
    done = take("task,model,text,error\n1,m,,timed out after 60 s\n")
    one = Generation.objects.get()
    assert (one.state, one.error, one.error_detail) == ("failed", "imported", "timed out after 60 s")
    assert (done.failed, one.checks) == (1, [])


def test_the_tasks_checks_are_run():
    take(HEADER + "1,m,sorted(x)\n1,n,no idea\n")
    assert [one.checks[0]["ok"] for one in Generation.objects.order_by("contender__slug")] == [True, False]


def test_an_answer_that_names_its_own_model_is_kept_from_reviewers():
    done = take(HEADER + '2,kestrel-70b,"I am Kestrel-70b, a large language model."\n2,m,By halves.\n')
    assert done.quarantined == 1
    assert Generation.objects.get(contender__slug="kestrel-70b").quarantine
    assert not Generation.objects.get(contender__slug="m").quarantine


def test_the_same_file_twice_adds_nothing():
    content = "task,model,text,sample,error\n1,m,a,1,\n1,m,b,2,\n2,m,,1,timed out\n2,n,,,\n2b,m,other,1,\n"
    take(content)
    with nothing_written():
        done = take(content)
    assert (done.rows, done.new, done.present) == (5, 0, 5)


def test_ids_of_equal_content_are_one_task_and_a_different_text_is_the_next_sample():
    done = take("task,model,text,sample\n2,m,first,1\n2b,m,second,1\n2b,m,first,\n")
    assert (done.new, done.present, done.moved) == (2, 1, 1)
    assert texts() == [("Search.", 1, "first"), ("Search.", 2, "second")]


def test_a_further_different_text_in_a_later_file_is_the_next_sample():
    take(HEADER + "2,m,first\n")
    take(HEADER + "2,m,second\n2,m,first\n")
    assert texts() == [("Search.", 1, "first"), ("Search.", 2, "second")]


def test_a_sample_that_is_being_collected_keeps_its_number():
    take(HEADER + "2,m,first\n")
    task, contender = Task.objects.get(messages__0__content="Sort."), Contender.objects.get()
    Generation.objects.create(task=task, contender=contender, sample=1)
    take(HEADER + "1,m,sorted\n")
    assert Generation.objects.get(task=task, text="sorted").sample == 2


def test_columns_and_models_can_be_called_otherwise():
    take(
        '{"prompt": 2, "name": "Heron (7B)", "out": "x"}\n',
        columns={"task": "prompt", "model": "name", "text": "out"},
        contenders={"Heron (7B)": "heron"},
    )
    assert Contender.objects.get().slug == "heron"


def test_rows_may_name_their_task_sets_themselves():
    import_tasks(source=file("id,category,prompt\n1,code,Other.\n"), task_set="other")
    take("task_set,task,model,text\nsupport,1,m,a\nother,1,m,b\n", task_set="")
    assert {(prompt, text) for prompt, _, text in texts()} == {("Sort.", "a"), ("Other.", "b")}


def test_an_id_of_an_earlier_version_still_stands_for_its_task():
    import_tasks(source=file("id,category,prompt\n9,code,New.\n"), task_set="support")
    take(HEADER + "2,m,x\n9,m,y\n")
    assert Generation.objects.count() == 2


def test_a_dry_run_reports_the_same_and_writes_nothing():
    with nothing_written():
        done = take(HEADER + "1,m,sorted\n2,n,x\n", dry_run=True)
    assert (done.new, done.contenders_new) == (2, ("m", "n"))


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (HEADER + "1,m,a\n99,m,b\n", 3, "task “99” is not in the task set support"),
        (HEADER + "1,m,a\n,m,b\n", 3, "has no task"),
        (HEADER + "1,,a\n", 2, "has no model"),
        ("task,model\n1,m\n", 2, "has no text"),
        ("task,model,text,sample\n1,m,a,0\n", 2, "sample must be a whole number from 1"),
        ("task,model,text,sample\n1,m,a,1.5\n", 2, "sample must be a whole number"),
        ("task,model,text,latency_ms\n1,m,a,fast\n", 2, "latency_ms must be a number, not “fast”"),
        ("task,model,text,latency_ms\n1,m,a,-1\n", 2, "latency_ms must be 0 or more"),
        ("task,model,text,ttft_ms\n1,m,a,nan\n", 2, "ttft_ms must be 0 or more"),
        ("task,model,text,gap_ms_p50,gap_ms_p95\n1,m,a,9,8\n", 2, "gap_ms_p95 is less than gap_ms_p50"),
        ("task,model,text,tokens_in\n1,m,a,99999999999\n", 2, "tokens_in must be a whole number"),
        ("task,model,text,cost_usd\n1,m,a,1e7\n", 2, "cost_usd"),
        (HEADER + "1,new,a\n", 2, "model “new”"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_nothing_is_written(content, line, reason):
    with nothing_written(), pytest.raises(BadRowsError) as caught:
        take(content)
    assert f"line {line}: " in str(caught.value)
    assert reason in str(caught.value)


def test_answers_need_a_task_set():
    with nothing_written(), pytest.raises(UnreadableError, match="--task-set"):
        take(HEADER + "1,m,a\n", task_set="")


def test_a_task_without_text_takes_no_answers():
    votes = "question_id,model_a,model_b,winner\n77,x,y,tie\n"
    import_votes(source=file(votes, "v.csv"), task_set="support", category="code")
    with pytest.raises(BadRowsError, match="known only from votes"):
        take(HEADER + "77,m,a\n")
