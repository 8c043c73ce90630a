"""The pages of task sets: who sees them, what they show, and the way in for a file."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evals.models import TaskSet, TaskSetVersion
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from tests.evals.transfer.conftest import file, nothing_written

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"),
]

TASKS = 'id,category,prompt,checks\n1,code,Sort.,\n2,SQL,Count <b>rows</b>.,"[{""type"": ""not_refusal""}]"\n'
NEW = "/task-sets/new/"


@pytest.fixture
def viewer(client_of, viewer_user):
    return client_of(viewer_user)


@pytest.fixture
def editor(client_of, editor_user):
    return client_of(editor_user)


def words(response):
    """The page, each run of white space as one space."""
    return " ".join(response.content.decode().split())


def support(content=TASKS, **options):
    return import_tasks(source=file(content, "tasks.csv"), task_set="support", name="Support desk", **options)


def form(content=TASKS, act="import", **data):
    content = content if isinstance(content, bytes) else content.encode()
    return {"file": SimpleUploadedFile("tasks.csv", content), "slug": "support", "act": act} | data


def htmx(client, data):
    return client.post(NEW, data, headers={"HX-Request": "true"})


def test_the_addresses_are_the_public_ones():
    assert reverse("evals:task-set-list") == "/task-sets/"
    assert reverse("evals:task-set-new") == NEW
    assert reverse("evals:task-set", args=["support"]) == "/task-sets/support/"


@pytest.mark.parametrize("path", ["/task-sets/", NEW, "/task-sets/support/"])
def test_strangers_are_sent_to_sign_in(client, path):
    assert client.get(path).status_code == 302


def test_only_editors_import(client_of, reviewer_user, viewer):
    for client in (viewer, client_of(reviewer_user)):
        assert client.get(NEW).status_code == 403
        with nothing_written():
            assert client.post(NEW, form()).status_code == 403
        assert NEW not in client.get("/task-sets/").content.decode()


def test_an_empty_list_says_what_will_be_there(viewer, editor):
    assert "No task sets yet" in viewer.get("/task-sets/").content.decode()
    assert NEW in editor.get("/task-sets/").content.decode()


def test_the_list_tells_tasks_categories_and_versions(viewer):
    support(local_only=True)
    page = viewer.get("/task-sets/").content.decode()
    assert 'href="/task-sets/support/">Support desk</a>' in page
    assert "SQL, code" in page
    assert "local only" in page


def test_the_list_needs_as_many_queries_for_many_sets_as_for_one(viewer, django_assert_max_num_queries):
    for number in range(5):
        import_tasks(source=file(TASKS), task_set=f"set-{number}")
    with django_assert_max_num_queries(12):
        viewer.get("/task-sets/")


def test_a_task_sets_page_shows_its_tasks_by_category_and_runs_nothing_in_them(viewer):
    support()
    page = viewer.get("/task-sets/support/").content.decode()
    assert "Support desk" in page
    assert "Count &lt;b&gt;rows&lt;/b&gt;." in page
    assert "not_refusal" in page
    assert "Ask contenders" not in page


def test_an_editor_may_ask_contenders_and_import_a_next_version(editor):
    support()
    page = words(editor.get("/task-sets/support/"))
    assert f'{reverse("evals:run-new")}?task-set=support">Ask contenders' in page
    assert f"{NEW}?task-set=support" in page


def test_an_earlier_version_is_kept_as_it_was(viewer):
    support()
    support(TASKS.replace("Sort.", "Sort well."))
    assert "Sort well." in viewer.get("/task-sets/support/").content.decode()
    first = viewer.get("/task-sets/support/?version=1").content.decode()
    assert "Sort." in first
    assert "Sort well." not in first


@pytest.mark.parametrize("path", ["/task-sets/nothing/", "/task-sets/support/?version=7"])
def test_what_is_not_there_is_not_found(viewer, path):
    support()
    assert viewer.get(path).status_code == 404


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize("version", ["x", "", "-1", "9" * 30, "²"])
def test_a_version_that_is_no_number_shows_the_newest(viewer, version):
    support()
    assert viewer.get("/task-sets/support/", {"version": version}).status_code == 200


def test_of_many_tasks_some_are_shown_with_a_way_to_all(viewer):
    support("id,category,prompt\n" + "".join(f"{n},code,Task number {n}.\n" for n in range(30)))
    page = words(viewer.get("/task-sets/support/"))
    assert "10 more in code" in page
    assert "Task number 29." not in page
    assert "Task number 29." in viewer.get("/task-sets/support/?category=code").content.decode()


def test_tasks_known_only_by_id_say_so(viewer):
    votes = "question_id,model_a,model_b,winner\n1,x,y,tie\n"
    import_votes(source=file(votes, "v.csv"), task_set="support", category="code")
    page = viewer.get("/task-sets/support/").content.decode()
    assert "Known only by its id" in page


def test_importing_leads_to_the_task_set(editor):
    answer = editor.post(NEW, form(name="Support desk"), follow=True)
    assert answer.redirect_chain == [("/task-sets/support/", 302)]
    assert "Imported: support, version 1." in answer.content.decode()
    assert TaskSet.objects.get().name == "Support desk"


def test_importing_the_same_file_says_that_nothing_is_new(editor):
    editor.post(NEW, form())
    answer = editor.post(NEW, form(), follow=True)
    assert "Nothing changed: support stays at version 1." in answer.content.decode()
    assert TaskSetVersion.objects.count() == 1


def test_checking_writes_nothing_and_says_what_would_happen(editor):
    with nothing_written():
        page = words(editor.post(NEW, form(act="check")))
    assert "Ready to import" in page
    assert "2 tasks, 2 of them new" in page
    assert "<form" in page


def test_htmx_gets_the_answer_of_the_check_alone(editor):
    with nothing_written():
        page = htmx(editor, form(act="check")).content.decode()
    assert "Ready to import" in page
    assert "<form" not in page


@pytest.mark.parametrize("act", ["check", "import"])
def test_bad_rows_are_shown_with_their_lines_and_nothing_is_written(editor, act):
    with nothing_written():
        page = editor.post(
            NEW, form("id,category,prompt\n1,code,Sort.\n1,code,<i>x</i>\n2,code,\n", act=act)
        ).content.decode()
    assert "2 rows cannot be imported." in page
    assert "Has the id “1”, which is already on line 2." in page
    assert '<th class="n" scope="row">4</th>' in page


def test_bad_rows_are_downloaded_with_the_reasons_and_mended_they_are_imported(editor):
    bad = "id,category,prompt\n1,code,Sort.\n2,code,\n"
    with nothing_written():
        assert "Download with the reasons" in htmx(editor, form(bad, act="check")).content.decode()
        answer = editor.post(NEW, form(bad, act="errors"))
    assert answer["Content-Disposition"] == 'attachment; filename="tasks-errors.csv"'
    marked = answer.content.decode()
    assert '"has no prompt and no messages.' in marked
    editor.post(NEW, form(marked.replace(",2,code,,", ",2,code,Count.,")))
    items = TaskSetVersion.objects.get().items.order_by("position")
    assert [(one.external_id, one.metadata) for one in items] == [("1", {}), ("2", {})]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"content": b""}, "is empty"),
        ({"content": b"id\n"}, "has no rows"),
        ({"content": b"PK\x03\x04"}, "is not a workbook that can be read"),
        ({"slug": "new"}, "is reserved for Arena"),
        ({"slug": "no blanks"}, "slug"),
        ({"columns": "prompt"}, "two words with an ="),
        ({"columns": "prompt=nowhere"}, "“nowhere”"),
    ],
)
def test_what_is_wrong_as_a_whole_is_told_at_its_field_and_to_htmx(editor, data, reason):
    for post in (lambda sent: editor.post(NEW, sent), lambda sent: htmx(editor, sent | {"act": "check"})):
        with nothing_written():
            page = post(form(**data)).content.decode()
        assert reason in page


def test_columns_may_be_mapped(editor):
    content = "number,kind of task,words\n1,code,Sort.\n"
    editor.post(NEW, form(content, columns="id=number\r\ncategory=kind of task\r\nprompt=words\r\n"))
    assert TaskSetVersion.objects.get().items.get().task.category.slug == "code"


def test_a_category_for_rows_that_name_none(editor):
    editor.post(NEW, form("prompt\nSort.\n", category="code", local_only="on"))
    task = TaskSetVersion.objects.get().items.get().task
    assert (task.category.slug, task.local_only) == ("code", True)


def test_the_form_for_a_next_version_knows_the_set(editor):
    support()
    page = editor.get(f"{NEW}?task-set=support").content.decode()
    assert "Next version of Support desk" in page
    assert 'value="support"' in page


def test_an_upload_has_limits_that_it_names(editor):
    too_many = "prompt\n" + "x\n" * 50_001
    with nothing_written():
        page = htmx(editor, form(too_many, act="check", category="code")).content.decode()
    assert "limit on rows is 50,000" in page
