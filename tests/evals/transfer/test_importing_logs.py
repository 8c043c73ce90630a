"""Logs on their way in: by the command, the page and the API. Nothing is written before replacements are confirmed."""

from __future__ import annotations

import io
import json
import shlex
import shutil

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError

from evals.models import TaskSetItem, TaskSetVersion
from evals.transfer.files.errors import BadRowsError, UnreadableError
from evals.transfer.files.text import Source
from evals.transfer.requests import Redaction, Sample
from evals.transfer.tasks import import_tasks
from tests.evals.transfer.conftest import file, nothing_written
from tests.evals.transfer.test_request_logs import FILES
from tests.examples import examples

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="asks the database nothing that other imports do not"),
]

NEW = "/task-sets/new/"
SECRET = "mara@mail.example.org"


def record(n, text, team="support"):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return {"custom_id": f"r{n}", "team": team, "body": {"model": "gpt-x", "messages": messages}}


def log(*texts):
    return "\n".join(json.dumps(record(n, text)) for n, text in enumerate(texts))


LOG = log(f"Write to {SECRET}, says Mara.", "Sort these words.", "Sort these words.", "Sort these words, too.")
OPTIONS = {"task_set": "production", "columns": {"category": "team"}}


def stored():
    return [item.task.messages[1]["content"] for item in TaskSetVersion.objects.latest("pk").items.all()]


def test_equal_requests_are_one_task_that_says_how_often():
    done = import_tasks(source=file(LOG, "log"), **OPTIONS)
    assert (done.ids, done.by_category) == (3, {"support": 3})
    assert done.notices == ("4 requests, 3 of them different; equal ones are one task.",)
    sort = TaskSetItem.objects.get(external_id="r1")
    assert sort.metadata == {"model": "gpt-x", "requests": 2}


def test_a_sample_is_imported_and_the_same_seed_adds_nothing():
    source = log(
        *(" ".join(f"{word}{letter}" for word in ("sort", "these", "words", "now")) for letter in "abcdefghij")
    )
    done = import_tasks(source=file(source, "log"), sample=Sample(4), **OPTIONS)
    assert done.ids == len(done.drawn.rows) == 4
    assert done.drawn.seen == 10
    assert import_tasks(source=file(source, "log"), sample=Sample(4), **OPTIONS).unchanged
    with nothing_written():
        assert not import_tasks(source=file(source, "log"), sample=Sample(4, seed=2), dry_run=True, **OPTIONS).unchanged


def test_a_sample_of_a_file_with_a_broken_row_is_refused_at_the_row():
    with nothing_written(), pytest.raises(BadRowsError, match="line 5"):
        import_tasks(source=file(LOG + "\n{oops", "log"), sample=Sample(1), **OPTIONS)


@pytest.mark.parametrize("size", [0, 10_001])
def test_a_sample_has_limits(size):
    with pytest.raises(UnreadableError, match="1 to 10,000"):
        import_tasks(source=file(LOG, "log"), sample=Sample(size), **OPTIONS)


def test_nothing_is_written_before_exactly_these_replacements_are_confirmed():
    def once(content=LOG, **redaction):
        return import_tasks(source=file(content, "log"), redaction=Redaction(("Mara",), **redaction), **OPTIONS)

    with nothing_written():
        shown = once()
        assert shown.unconfirmed
        assert once(LOG.replace("Sort", "Order"), confirmed=shown.confirmation).unconfirmed
    assert not once(confirmed=shown.confirmation).dry_run
    assert stored()[0] == "Write to [EMAIL_1], says [NAME_1]."
    assert SECRET not in json.dumps(list(TaskSetItem.objects.values("metadata", "external_id")))


def test_the_command_shows_the_replacements_and_writes_only_with_yes(run, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("Mara\n")
    options = {"task_set": "production", "map": ["category=team"], "redact": True, "names": str(names)}
    with nothing_written(), pytest.raises(CommandError, match="run the same command with --yes"):
        run("import_tasks", LOG, suffix=".jsonl", **options)
    with nothing_written():
        said = run("import_tasks", LOG, suffix=".jsonl", dry_run=True, **options)
    assert "e-mail addresses: 1 value in 1 place" in said
    assert "line 1, user message: …Write to[m•••@••••.•••••••.•••], says [NAME_1].…" in said
    assert "Rules do not find: names that are not on your list" in said
    assert SECRET not in said
    said = run("import_tasks", LOG, suffix=".jsonl", yes=True, sample=2, **options)
    assert "Sample of 2 from 4 rows, 3 of them different (seed 1)" in said
    assert len(stored()) == 2


def test_the_command_of_the_documents_reads_a_log(tmp_path, monkeypatch):
    block = next(one.text for one in examples("docs/evaluation.md") if "--redact" in one.text)
    shutil.copy(FILES / "litellm.json", tmp_path / "spend-logs.json")
    (tmp_path / "names.txt").write_text("Mara\n")
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with nothing_written(), pytest.raises(CommandError, match="--yes"):
        call_command(*shlex.split(block.replace("\\\n", " "))[1:], stdout=out)
    assert "support: 1 of 1" in out.getvalue()


def test_names_need_redact(run):
    with pytest.raises(CommandError, match="go with --redact"):
        run("import_tasks", LOG, task_set="x", yes=True)


def form(act="import", **data):
    sent = {"file": SimpleUploadedFile("log.jsonl", LOG.encode()), "slug": "production", "columns": "category=team"}
    return sent | {"act": act} | data


def test_the_page_previews_and_asks_before_it_imports(client_of, editor_user):
    editor = client_of(editor_user)
    with nothing_written():
        page = editor.post(NEW, form("import", redact="on", names="Mara", sample="3")).content.decode()
    assert "Nothing was written yet" in page
    assert "I have looked through this" in page
    assert "m•••@••••" in page
    assert SECRET not in page
    assert "In the sample" in page
    code = page.split('name="confirmed" value="')[-1].split('"')[0]
    assert len(code) == 16
    answer = editor.post(NEW, form("import", redact="on", names="Mara", sample="3", confirmed=code))
    assert answer.status_code == 302
    assert stored()[0] == "Write to [EMAIL_1], says [NAME_1]."


def test_the_page_refuses_a_sample_beyond_its_limits_at_its_field(client_of, editor_user):
    editor = client_of(editor_user)
    with nothing_written():
        page = editor.post(NEW, form(sample="0")).content.decode()
    assert "greater than or equal to 1" in page


def test_the_api_previews_and_writes_what_was_confirmed(client_of, editor_user):
    editor = client_of(editor_user)
    body = {
        "slug": "production",
        "format": "openai-requests",
        "columns": {"category": "team"},
        "tasks": [json.loads(line) for line in LOG.splitlines()],
        "sample": {"size": 3},
        "redact": {"names": ["Mara"]},
    }

    def post():
        return editor.post("/api/v1/task-sets", json.dumps(body), content_type="application/json")

    with nothing_written():
        shown = post()
    told = shown.json()
    assert (shown.status_code, told["written"], told["drawn"]["seen"]) == (200, False, 4)
    assert {kind["kind"]: kind["places"] for kind in told["replacements"]["kinds"]} == {"EMAIL": 1, "NAME": 1}
    assert SECRET not in shown.content.decode()
    body["redact"]["confirmation"] = told["confirmation"]
    assert post().status_code == 201
    assert stored()[0] == "Write to [EMAIL_1], says [NAME_1]."


def test_what_a_log_tells_of_its_model_reaches_no_reviewer(client_of, reviewer_user, editor_user):
    import_tasks(source=Source(io.BytesIO(LOG.encode()), "log"), **OPTIONS)
    shown, kept = (client_of(user).get("/api/v1/task-sets/production/tasks") for user in (editor_user, reviewer_user))
    assert "gpt-x" in shown.content.decode()
    assert "gpt-x" not in kept.content.decode()
