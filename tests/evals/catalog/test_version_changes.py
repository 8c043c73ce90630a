"""What changed between two versions of a task set."""

from __future__ import annotations

import pytest

from evals.catalog.queries.versions import version_changes
from evals.catalog.services.task_sets import TaskRow, save_version

pytestmark = pytest.mark.django_db


def save(*tasks, slug="support"):
    rows = [
        TaskRow(external_id, "Code", [{"role": "user", "content": text}], metadata=metadata)
        for external_id, text, metadata in tasks
    ]
    return save_version(task_set_slug=slug, rows=rows, source="test")


@pytest.mark.on_both(because="metadata is compared as text, in each engine's own")
def test_tasks_are_new_gone_or_changed_by_their_ids(django_assert_max_num_queries):
    save(("1", "Sort the list.", {}), ("2", "Search.", {}), ("3", "Count.", {"a": 1}), ("4", "Same.", {"b": 2}))
    save(("4", "Same.", {"b": 2}), ("1", "Sort the heap.", {}), ("5", "Search.", {}), ("3", "Count.", {"a": 2}))
    with django_assert_max_num_queries(7):
        changes = version_changes("support", metadata=True)
    assert changes is not None
    assert (changes.before, changes.after, changes.kind) == (1, 2, "changed")
    assert (changes.counts, changes.unchanged) == ({"changed": 2, "new": 1, "gone": 1}, 1)
    text, metadata = changes.rows
    assert (text.external_id, [field.name for field in text.fields]) == ("1", ["prompt"])
    assert '<mark class="differs">heap</mark>' in text.fields[0].difference.right
    assert (metadata.external_id, [field.name for field in metadata.fields]) == ("3", ["metadata"])
    new, gone = (version_changes("support", kind=kind).rows for kind in ("new", "gone"))
    assert [(row.external_id, row.also) for row in new] == [("5", "2")]
    assert [(row.external_id, row.also) for row in gone] == [("2", "5")]
    # Not for viewers.
    assert version_changes("support").counts["changed"] == 1


@pytest.mark.runs_once(on="sqlite", because="pages of what the test above reads on both")
def test_the_page_goes_on_where_it_ended_and_ends_early_on_long_texts(client_of, viewer_user):
    long = "word " * 7_000
    save(*((str(n), f"{long}{n}", {}) for n in range(3)))
    save(*((str(n), f"{long}{n + 7}", {}) for n in range(3)))
    client = client_of(viewer_user)
    seen, address = [], "/task-sets/support/changes/"
    while address:
        answer = client.get(address)
        changes = answer.context["changes"]
        seen.append([row.external_id for row in changes.rows])
        address = f"/task-sets/support/changes/?after={changes.next}" if changes.next is not None else ""
    assert seen == [["0"], ["1"], ["2"]]
    page = client.get("/task-sets/support/").content.decode()
    assert 'href="/task-sets/support/changes/?to=2"' in page
    assert client.get("/task-sets/support/changes/?from=9").status_code == 404
