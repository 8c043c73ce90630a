"""Files out, and back in."""

from __future__ import annotations

import csv
import json
from decimal import Decimal

import pytest

from evals.models import Generation, Task, TaskSetItem, Vote
from evals.models.votes import LeftSide
from evals.transfer.exports import export_generations, export_task_set, export_votes
from evals.transfer.files.errors import BadRowsError
from evals.transfer.files.rows import open_source
from evals.transfer.files.writing import ExportError
from evals.transfer.generations import import_generations
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from evals.voting.reviewers import exclude
from tests.evals.transfer.conftest import file, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="rows are read in their order and in bulk")]

TASKS = (
    "id,category,system,prompt,reference,checks,source\n"
    '1,Customer support,,=SUM(A1:A9),+1,"[{""type"": ""equals""}]",@tickets\n'
    "2,sql,Be brief.,'-quoted,,,\n"
)
ANSWERS = (
    "task,model,text,sample,latency_ms,cost_usd,error\n"
    "1,m,=cmd|' /C calc'!A0,1,12.5,0.00000001,\n"
    "1,m,second,2,,,\n"
    "2,m,,1,,,timed out\n"
    '2,n,"-1, or\r\n+2",1,,0,\n'
)
VOTES = (
    "question_id,model_a,model_b,winner,judge,tstamp\n"
    "1,m,n,model_a,=ann,1683000000.123456\n"
    "1,n,m,model_a,bob,\n"
    "99,n,m,tie (bothbad),bob,\n"
    "2,m,n,tie,=ann,\n"
)


@pytest.fixture(params=[".csv", ".jsonl"])
def out(request, tmp_path):
    return tmp_path / f"out{request.param}"


def fill():
    import_tasks(source=file(TASKS), task_set="support")
    import_generations(source=file(ANSWERS), task_set="support")
    import_votes(source=file(VOTES), task_set="support", category="sql")


def records(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as stream:
        return [{name: cell for name, cell in row.items() if cell} for row in csv.DictReader(stream)]


def test_an_exported_task_set_is_imported_again_unchanged(out):
    fill()
    export_task_set(slug="support", path=out)
    with nothing_written(), open_source(out) as source:
        assert import_tasks(source=source, task_set="support").unchanged


def test_an_exported_task_set_is_the_same_elsewhere(out):
    fill()
    done = export_task_set(slug="support", path=out)
    assert (done.tasks, done.left_out) == (2, 1)
    with open_source(out) as source:
        import_tasks(source=source, task_set="copy")
    columns = ("external_id", "task_id", "metadata")
    copied = list(TaskSetItem.objects.filter(version__task_set__slug="copy").values_list(*columns))
    original = TaskSetItem.objects.filter(version__task_set__slug="support", version__n=1)
    assert copied == list(original.values_list(*columns))


def test_exported_answers_imported_again_are_there_already(out):
    fill()
    assert export_generations(path=out).generations == 4
    with nothing_written(), open_source(out) as source:
        done = import_generations(source=source)
    assert (done.new, done.present) == (0, 4)


def test_exported_answers_keep_their_measurements(out):
    fill()
    export_generations(path=out, task_set="support")
    first = records(out)[0]
    assert (first["task_set"], first["task"], first["model"]) == ("support", "1", "m")
    assert (float(first["latency_ms"]), float(first["cost_usd"])) == (12.5, 1e-8)
    assert "tokens_in" not in first


def test_conversations_tools_and_their_answers_come_back_as_they_were(out):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    rows = [
        {
            "id": "talk",
            "category": "c",
            "turns": ["A city?", "Its country?"],
            "reference": ["Rome", "Italy"],
            "tools": tools,
        },
        {"id": "tool", "category": "c", "prompt": "Weather?", "tools": tools},
    ]
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":  "Rome"}'}}]
    answers = [
        {"task": "talk", "model": "m", "turns": [{"text": "Rome.", "latency_ms": 9.5, "cost_usd": 0.1}, "=Italy."]},
        {"task": "talk", "model": "n", "turns": [{"text": "Oslo.", "tool_calls": calls}, "=Italy."], "latency_ms": 4},
        {"task": "talk", "model": "o", "turns": [{"text": n, "latency_ms": 2.5, "cost_usd": 0.1} for n in "ab"]},
        {"task": "tool", "model": "m", "text": "", "tool_calls": calls},
    ]
    import_tasks(source=jsonl(rows), task_set="support")
    assert import_generations(source=jsonl(answers), task_set="support").new == 4
    before = list(Generation.objects.order_by("pk").values_list("text", "tool_calls", "turns"))
    assert [turn["text"] for turn in before[0][2]] == ["Rome.", "=Italy."]
    assert before[0][2][0]["latency_ms"] == 9.5
    figures = [(None, None), (4, None), (5, Decimal("0.2"))]
    assert list(Generation.objects.order_by("pk").values_list("latency_ms", "cost_usd"))[:3] == figures
    assert before[3][1] == [{"id": "c1", "name": "weather", "arguments": '{"city":  "Rome"}'}]

    export_task_set(slug="support", path=out)
    with open_source(out) as source:
        assert import_tasks(source=source, task_set="support").unchanged
    export_generations(path=out, task_set="support")
    with open_source(out) as source:
        assert import_generations(source=source).present == 4
    Generation.objects.all().delete()
    with open_source(out) as source:
        import_generations(source=source)
    assert list(Generation.objects.order_by("pk").values_list("text", "tool_calls", "turns")) == before


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"text": "Italy."}, "is a conversation with 2 answers. Give all of them"),
        ({"turns": ["Rome."]}, "has 1 turns; task “talk” asks for 2 answers"),
        ({"turns": ["Rome.", "Italy."], "text": "France."}, "text is not the text of the last of its turns"),
        ({"turns": ["Rome.", {"words": "Italy."}]}, "turn 2 has “words”"),
        ({"turns": ["Rome.", {"text": "x", "latency_ms": -1}]}, "turn 2: latency_ms must be 0 or more"),
        ({"turns": ["x"] * 21}, "has 21 turns; the limit is 20"),
        ({"text": "", "tool_calls": [{"name": "weather"}]}, "the row, tool call 1 must have this form"),
    ],
)
def test_an_answer_to_half_a_conversation_is_refused_with_its_line(answer, reason):
    import_tasks(
        source=jsonl([{"id": "talk", "category": "c", "turns": ["A city?", "Its country?"]}]), task_set="support"
    )
    with pytest.raises(BadRowsError, match="line 1: ") as caught:
        import_generations(source=jsonl([{"task": "talk", "model": "m"} | answer]), task_set="support")
    assert reason in str(caught.value)


def jsonl(rows):
    return file("\n".join(map(json.dumps, rows)), "rows.jsonl")


def test_only_the_newest_finished_take_is_exported(out):
    fill()
    old = Generation.objects.get(text="second")
    Generation.objects.create(
        task=old.task, contender=old.contender, sample=2, take=2, state=Generation.State.DONE, text="third"
    )
    Generation.objects.create(task=old.task, contender=old.contender, sample=2, take=3)
    export_generations(path=out)
    assert [row["text"] for row in records(out) if row["sample"] in (2, "2")] == ["third"]


def test_answers_to_an_earlier_content_of_an_id_are_left_out_and_counted(out):
    fill()
    import_tasks(source=file(TASKS.replace("'-quoted", "changed")), task_set="support")
    done = export_generations(path=out)
    assert (done.generations, done.left_out) == (2, 2)


def test_exported_votes_say_the_same_when_they_are_imported_again(out):
    fill()
    assert export_votes(path=out).votes == 4
    before = facts()
    with open_source(out) as source:
        done = import_votes(source=source, dry_run=True)
    assert (done.votes, done.tasks_new, done.reviewers) == (4, 0, 2)
    with open_source(out) as source:
        import_votes(source=source)
    after = facts()
    assert after[: len(before)] == before
    assert sorted(after) == sorted(before * 2)


def facts():
    columns = ("category__slug", "task", "lo__slug", "hi__slug", "outcome", "reviewer__name", "cast_at")
    return list(Vote.objects.order_by("pk").values_list(*columns))


def test_exported_votes_have_lmarenas_columns(out):
    fill()
    export_votes(path=out, category="customer-support")
    assert [
        {name: row[name] for name in ("question_id", "model_a", "model_b", "winner", "category")}
        for row in records(out)
    ] == [
        {"question_id": "1", "model_a": "m", "model_b": "n", "winner": "model_a", "category": "customer-support"},
        {"question_id": "1", "model_a": "m", "model_b": "n", "winner": "model_b", "category": "customer-support"},
    ]
    assert float(records(out)[0]["tstamp"]) == 1683000000.123456


def test_a_vote_is_exported_as_its_reviewer_saw_it(out):
    fill()
    vote = Vote.objects.filter(outcome="lo").get()
    retake = Vote(
        **{field.attname: getattr(vote, field.attname) for field in Vote._meta.concrete_fields if field.attname != "id"}
    )
    retake.seq, retake.row, retake.left = 1000, 1000, LeftSide.HI
    retake.save()
    export_votes(path=out)
    last = next(row for row in records(out) if row["model_a"] == vote.hi.slug)
    assert (last["model_b"], last["winner"]) == (vote.lo.slug, "model_b")


def test_votes_that_do_not_count_are_left_out(out, admin_user):
    fill()
    exclude(reviewer=Vote.objects.filter(reviewer__name="bob").first().reviewer, reason="asleep", actor=admin_user)
    done = export_votes(path=out)
    assert (done.votes, done.excluded) == (2, 2)


def test_a_vote_on_an_earlier_content_names_its_version_too(out):
    fill()
    import_tasks(source=file(TASKS.replace("'-quoted", "changed")), task_set="support")
    export_votes(path=out)
    assert {row["question_id"] for row in records(out)} == {"1", "99", "2@1"}


def test_two_judges_of_one_name_stay_two(out):
    fill()
    import_votes(source=file(VOTES), task_set="other", category="sql")
    export_votes(path=out)
    assert {row["judge"].lstrip("'") for row in records(out)} == {
        "support:=ann",
        "support:bob",
        "other:=ann",
        "other:bob",
    }


def test_spreadsheets_find_no_formula_in_a_csv(tmp_path):
    fill()
    for number, export in enumerate((export_votes, export_generations)):
        export(path=tmp_path / f"{number}.csv")
    export_task_set(slug="support", path=tmp_path / "2.csv")
    cells = [cell for path in tmp_path.glob("*.csv") for row in csv.reader(path.open(newline="")) for cell in row]
    assert any(cell.startswith("'=") for cell in cells)
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


def test_an_apostrophe_of_the_text_itself_survives(tmp_path):
    fill()
    export_task_set(slug="support", path=tmp_path / "tasks.csv")
    with open_source(tmp_path / "tasks.csv") as source:
        import_tasks(source=source, task_set="copy")
    prompts = {message["content"] for task in Task.objects.all() for message in task.messages}
    assert prompts == {"=SUM(A1:A9)", "Be brief.", "'-quoted"}


def test_a_suffix_that_names_no_format_is_refused(tmp_path):
    fill()
    with pytest.raises(ExportError, match=r"\.csv or \.jsonl"):
        export_votes(path=tmp_path / "votes.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ExportError, match="No such file or directory"):
        export_votes(path=tmp_path / "no" / "votes.csv")


def test_a_failed_export_leaves_the_old_file(tmp_path):
    (tmp_path / "votes.csv").write_text("old")
    with pytest.raises(ExportError):
        export_votes(path=tmp_path / "votes.csv", category="none")
    assert (tmp_path / "votes.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("n", [None, 9])
def test_a_task_set_that_is_not_there_is_told(tmp_path, n):
    with pytest.raises(ExportError, match="no task set “nothing”"):
        export_task_set(slug="nothing", path=tmp_path / "x.csv", n=n)
