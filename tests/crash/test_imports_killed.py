"""A real process that imports a file, a real SIGKILL in the middle: all of the file is stored in the end, and until
then none of it is ranked or exported."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from evals.leaderboards.ranking import rank_category
from evals.models import Attempt, Category, FileImport, Generation, ImportPortion, Ledger, Vote
from evals.transfer.chores import finish_imports
from evals.transfer.exports import export_votes
from evals.transfer.files.rows import open_source
from evals.transfer.generations import import_generations
from evals.transfer.portions.finishing import finish_left
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from tests.evals.transfer.conftest import file
from tests.evals.voting.test_tallies import assert_equal_to_a_rebuild
from tests.processes import Process, Processes, wait_until

pytestmark = [
    pytest.mark.crash,
    pytest.mark.django_db(transaction=True),
    pytest.mark.on_both(because="what a dead process had locked is let go by each engine in its own way"),
]

ROWS = 3_000
IMPORT = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "arena.settings"
django.setup()
from evals.transfer.files.rows import open_source
from evals.transfer.{module} import import_{module}
with open_source(sys.argv[1]) as source:
    import_{module}(source=source, task_set="arena", portion=20{more})
"""


def killed_in_the_middle(process: Process, model: type[Vote | Generation]) -> int:
    """How many rows it had stored; it is killed while it waits to store more."""
    wait_until(lambda: model.objects.exists() or not process.running(), "some rows are stored")
    with transaction.atomic():
        # The importer locks its import's row for each portion; on SQLite, every transaction that writes waits.
        list(FileImport.objects.select_for_update())
        stored = model.objects.count()
        process.kill_group()
    assert 0 < stored < ROWS, process.output()
    return stored


def test_votes_of_a_killed_import_are_all_stored_and_none_before_is_ranked_or_exported(
    processes: Processes, tmp_path: Path
) -> None:
    path = tmp_path / "votes.csv"
    rows = (f"{n % 50},m{n % 9},m{n % 9 + 1},tie,judge {n % 20}\n" for n in range(ROWS))
    path.write_text("question_id,model_a,model_b,winner,judge\n" + "".join(rows))
    process = processes.python("-c", IMPORT.format(module="votes", more=', category="chat"'), str(path))
    stored = killed_in_the_middle(process, Vote)

    category = Category.objects.get()
    assert Ledger.objects.get().seq == stored
    assert_equal_to_a_rebuild(category)
    assert rank_category(category_id=category.pk) is None
    assert export_votes(path=tmp_path / "out.csv").votes == 0
    assert not OrmQ.objects.exists()
    assert finish_left() == 0, "it was alive a moment ago"

    with open_source(path) as source:
        done = import_votes(source=source, task_set="arena", category="chat")
    assert (done.votes, done.resumed) == (ROWS, True)
    assert list(Vote.objects.order_by("seq").values_list("seq", "row")) == [(n, n) for n in range(1, ROWS + 1)]
    assert_equal_to_a_rebuild(category)
    assert not FileImport.objects.exists()
    assert OrmQ.objects.count() == 1
    board = rank_category(category_id=category.pk)
    assert board is not None
    assert (board.seq, board.votes) == (ROWS, ROWS)


def test_answers_of_a_killed_import_are_all_stored_by_the_chore(processes: Processes, tmp_path: Path) -> None:
    tasks = "id,category,prompt\n" + "".join(f"{n},chat,Task {n}.\n" for n in range(ROWS // 10))
    import_tasks(source=file(tasks), task_set="arena")
    path = tmp_path / "answers.csv"
    rows = (f"{n % (ROWS // 10)},m{n % 9},text {n},{n % 3 + 1}\n" for n in range(ROWS))
    path.write_text("task,model,text,sample\n" + "".join(rows))
    process = processes.python("-c", IMPORT.format(module="generations", more=""), str(path))
    stored = killed_in_the_middle(process, Generation)
    left = sum(ImportPortion.objects.values_list("rows", flat=True))
    assert stored + left == ROWS

    FileImport.objects.update(touched_at=timezone.now() - timedelta(hours=1))
    assert finish_left(seconds=0) == 0, "no time, nothing done"
    with open_source(path) as source:
        done = import_generations(source=source, task_set="arena", dry_run=True)
    assert (done.new, done.present) == (ROWS - stored, stored)
    assert finish_imports().startswith("1 import finished")
    assert Generation.objects.count() == Attempt.objects.count() == ROWS
    assert not FileImport.objects.exists()
