"""The files with which imports are measured: they are what people's files are, and can be imported."""

import pytest

from benchmarks.importing.files import SMALL, write_answers, write_tasks
from evals.models import Generation
from evals.transfer.files.rows import open_source
from evals.transfer.generations import import_generations


@pytest.mark.django_db
def test_answers_that_are_made_pass_for_answers(tmp_path, settings):
    settings.VAR_DIR = tmp_path
    write_tasks(SMALL)
    write_answers(tmp_path / "answers.jsonl", SMALL, seed=1)
    with open_source(tmp_path / "answers.jsonl") as source:
        done = import_generations(source=source, task_set="answered")
    assert (done.new, done.failed, done.quarantined) == (SMALL.answers, 0, 0)
    assert len(set(Generation.objects.values_list("text", flat=True))) == SMALL.answers
    assert {len(checks) for checks in Generation.objects.values_list("checks", flat=True)} == {2}
