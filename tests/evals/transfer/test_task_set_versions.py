"""What importing a task file does to task sets, versions and tasks."""

from __future__ import annotations

import pytest

from evals.catalog.services.task_sets import TaskSetError, save_version
from evals.models import Category, Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.transfer.files.errors import BadRowsError, UnreadableError
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from tests.evals.transfer.conftest import file, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="rows are stored in bulk")]

CSV = "id,category,prompt\n1,code,Sort.\n2,code,Search.\n3,sql,Count.\n"


def take(content=CSV, *, task_set="support", **options):
    return import_tasks(source=file(content, "tasks.csv"), task_set=task_set, **options)


def ids(slug="support"):
    version = TaskSetVersion.objects.filter(task_set__slug=slug).order_by("-n").first()
    return list(version.items.order_by("position").values_list("external_id", flat=True))


def test_a_file_becomes_a_task_set_with_its_tasks_in_order():
    done = take()
    assert (done.version, done.ids, done.tasks_new, done.tasks_kept, done.unchanged) == (1, 3, 3, 0, False)
    assert done.by_category == {"code": 2, "sql": 1}
    assert ids() == ["1", "2", "3"]
    assert TaskSetVersion.objects.get().source == "tasks.csv"


def test_the_same_file_twice_adds_nothing():
    take()
    with nothing_written():
        done = take()
    assert (done.version, done.unchanged, done.tasks_new, done.tasks_kept) == (1, True, 0, 3)


def test_a_changed_file_is_a_new_version_in_which_unchanged_tasks_are_the_same():
    take()
    before = dict(TaskSetItem.objects.values_list("external_id", "task_id"))
    done = take(CSV.replace("Search.", "Search well."))
    assert (done.version, done.tasks_new, done.tasks_kept) == (2, 1, 2)
    after = dict(TaskSetItem.objects.filter(version__n=2).values_list("external_id", "task_id"))
    assert {given for given in before if before[given] == after[given]} == {"1", "3"}
    assert TaskSetItem.objects.filter(version__n=1).count() == 3


def test_another_order_or_other_metadata_is_another_version():
    take("id,category,prompt,note\n1,code,Sort.,a\n2,code,Search.,b\n")
    assert take("id,category,prompt,note\n2,code,Search.,b\n1,code,Sort.,a\n").version == 2
    assert take("id,category,prompt,note\n2,code,Search.,c\n1,code,Sort.,a\n").version == 3
    assert Task.objects.count() == 2


def test_equal_content_under_two_ids_is_one_task():
    done = take("id,category,prompt\n1,code,Sort.\n2,code,Sort.\n")
    assert (done.ids, done.tasks_new) == (2, 1)
    assert ids() == ["1", "2"]


def test_equal_content_in_another_category_is_another_task():
    take("id,category,prompt\n1,code,Sort.\n2,sql,Sort.\n")
    assert Task.objects.count() == 2


def test_task_sets_share_tasks_of_equal_content():
    take()
    done = take(task_set="other")
    assert (done.tasks_new, done.tasks_kept) == (0, 3)


def test_a_dry_run_reports_the_same_and_writes_nothing():
    with nothing_written():
        done = take(dry_run=True)
    assert (done.version, done.tasks_new, done.dry_run) == (1, 3, True)


def test_one_bad_row_and_nothing_is_written():
    with nothing_written(), pytest.raises(BadRowsError, match="line 4"):
        take(CSV.replace("sql,Count.", "sql,"))


@pytest.mark.parametrize("slug", ["new", "versions", "NEW", "has blanks", "a/b", "", "x" * 81])
def test_a_task_set_whose_name_would_break_its_address_is_refused(slug):
    with nothing_written(), pytest.raises(UnreadableError):
        take(task_set=slug)


@pytest.mark.parametrize("name", ["new", "Versions", "b"])
def test_a_category_that_is_a_word_of_our_addresses_is_refused_with_its_line(name):
    with (
        nothing_written(),
        pytest.raises(BadRowsError, match=r"line 3: the category .* is reserved for Arena"),
    ):
        take(f"id,category,prompt\n1,code,Sort.\n2,{name},x\n")


def test_a_categorys_spellings_are_one_category():
    take("id,category,prompt\n1,Customer support,a\n2,customer-support,b\n3,CUSTOMER  SUPPORT,c\n")
    assert Category.objects.get().slug == "customer-support"


def test_two_categories_that_would_have_one_address_are_refused_with_the_line():
    take("id,category,prompt\n1,C++,a\n")
    with nothing_written(), pytest.raises(BadRowsError, match=r"line 3: the category “C#” .* which “C\+\+” has"):
        take("id,category,prompt\n1,C++,a\n2,C#,b\n")


def test_a_category_in_another_script_gets_an_address_of_its_own():
    take("id,category,prompt\n1,поддержка,a\n2,перевод,b\n")
    slugs = set(Category.objects.values_list("slug", flat=True))
    assert len(slugs) == 2
    assert all(slug.isascii() for slug in slugs)


def test_local_only_marks_the_set_and_its_tasks_for_ever():
    take(local_only=True)
    take(CSV.replace("Sort.", "Sort well."))
    assert TaskSet.objects.get().local_only
    assert set(Task.objects.values_list("local_only", flat=True)) == {True}


def test_a_task_shared_with_a_local_only_set_is_local_only():
    take()
    take("id,category,prompt\n1,code,Sort.\n", task_set="secret", local_only=True)
    assert dict(Task.objects.values_list("messages__0__content", "local_only"))["Sort."] is True
    assert not TaskSet.objects.get(slug="support").local_only


def test_a_set_that_becomes_local_only_takes_its_earlier_versions_along():
    take()
    take("id,category,prompt\n9,code,New.\n", local_only=True)
    assert set(Task.objects.values_list("local_only", flat=True)) == {True}


def test_tasks_known_only_from_votes_stay_until_their_text_comes():
    import_votes(
        source=file("question_id,model_a,model_b,winner\n1,x,y,model_a\n99,x,y,tie\n", "v.csv"),
        task_set="support",
        category="code",
    )
    assert ids() == ["1", "99"]
    take()
    assert ids() == ["1", "2", "3", "99"]
    with nothing_written():
        assert take().unchanged


def test_saving_no_task_is_an_error():
    with nothing_written(), pytest.raises(TaskSetError):
        save_version(task_set_slug="support", rows=[], source="")
