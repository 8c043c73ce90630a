"""One task edited in a form, and its task set as a file from its page."""

from __future__ import annotations

import json

import pytest

from evals.catalog.services.task_sets import TaskMovedError
from evals.models import Generation, TaskSetItem
from evals.transfer.editing import TaskRefusedError, edit_task, written_fields
from evals.transfer.tasks import import_tasks
from tests.evals.transfer.conftest import file, nothing_written

pytestmark = pytest.mark.django_db

ROWS = [
    {"id": "a/1", "category": "Code", "system": "Be brief.", "prompt": "Sort:\r\n3 1 2", "metadata": {"from": "desk"}},
    {"id": "2", "category": "SQL", "prompt": "=Count.", "reference": "SELECT", "checks": [{"type": "not_refusal"}]},
]


@pytest.fixture
def items():
    import_tasks(source=file("".join(f"{json.dumps(row)}\n" for row in ROWS), "tasks.jsonl"), task_set="support")
    return {item.external_id: item for item in TaskSetItem.objects.select_related("task__category")}


def newest(external_id):
    return TaskSetItem.objects.filter(external_id=external_id).order_by("-version__n").select_related("task").first()


@pytest.mark.on_both(because="the task set is locked, and rows are stored in bulk")
def test_an_edited_task_is_a_new_version_and_the_second_editor_is_told(items):
    item, other = items["a/1"], items["2"]
    with nothing_written():
        assert edit_task(item=item, fields=written_fields(item), editor="Mara").unchanged
    mine = written_fields(item) | {"prompt": "Sort: 3 2 1", "checks": "- type: not_refusal\n"}
    saved = edit_task(item=item, fields=mine, editor="Mara")
    assert (saved.version.n, saved.tasks_new, saved.tasks_kept) == (2, 1, 1)
    now = newest("a/1")
    assert [message["content"] for message in now.task.messages] == ["Be brief.", "Sort: 3 2 1"]
    assert (now.position, now.metadata, now.task.checks[0]["type"]) == (0, {"from": "desk"}, "not_refusal")
    with pytest.raises(TaskMovedError) as moved:
        edit_task(item=item, fields=mine | {"prompt": "Mine."}, editor="Ole")
    assert moved.value.now == now
    # Another task of the version that was edited meanwhile is no conflict.
    assert edit_task(item=other, fields=written_fields(other) | {"reference": "COUNT"}, editor="Ole").version.n == 3
    assert newest("a/1").task_id == now.task_id
    with pytest.raises(TaskRefusedError) as refused:
        edit_task(item=newest("2"), fields=written_fields(newest("2")) | {"checks": "- type: [1"}, editor="Ole")
    assert refused.value.field == "checks"


@pytest.mark.runs_once(on="sqlite", because="what pages say")
def test_the_form_keeps_what_was_typed_and_the_export_is_imported_as_it_is(items, client_of, editor_user):
    client = client_of(editor_user)
    item = items["a/1"]
    address = f"/task-sets/support/tasks/{item.pk}/edit/"
    assert address in client.get("/task-sets/support/").content.decode()
    assert "Be brief." in client.get(address).content.decode()
    # A browser's line ends change nothing by themselves.
    typed = {name: text.replace("\r\n", "\n").replace("\n", "\r\n") for name, text in written_fields(item).items()}
    assert client.post(address, typed)["Location"] == "/task-sets/support/"
    assert client.post(address, typed | {"prompt": "First."})["Location"] == "/task-sets/support/changes/"
    conflict = client.post(address, typed | {"prompt": "Second."})
    page = conflict.content.decode()
    assert conflict.status_code == 409
    assert "Second." in page
    assert "First." in page
    again = f"/task-sets/support/tasks/{newest('a/1').pk}/edit/"
    assert f'action="{again}"' in page
    assert client.post(again, typed | {"prompt": ""}).status_code == 200
    assert client.post(again, typed | {"prompt": "Second."}).status_code == 302
    assert newest("a/1").task.messages[1]["content"] == "Second."
    assert not Generation.objects.exists()
    for form in ("csv", "jsonl"):
        answer = client.get(f"/task-sets/support/tasks.{form}")
        sent = b"".join(answer.streaming_content).decode()
        assert answer["Content-Disposition"] == f'attachment; filename="support-3.{form}"'
        assert import_tasks(source=file(sent, f"tasks.{form}"), task_set="support").unchanged
