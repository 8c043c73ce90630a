"""The commands: what they print, how they end, and that their help is true."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from evals.models import Contender, Generation, Vote
from tests.evals.transfer.conftest import SMALL, nothing_written

pytestmark = pytest.mark.django_db

COMMANDS = (
    "import_tasks",
    "import_generations",
    "import_votes",
    "export_task_set",
    "export_generations",
    "export_votes",
)
TASKS = "id,category,prompt\n1,code,Sort.\n2,sql,Count.\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_of_the_command(name):
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    told = parser.format_help()
    assert f"\n  manage.py {name} " in told[told.index("examples:") :]


def test_importing_tasks_tells_the_counts(run):
    told = run("import_tasks", TASKS, task_set="support")
    assert "code: 1 task\nsql: 1 task\n" in told
    assert "Task set support: version 1. 2 rows, 2 new tasks, 0 known before, 0 with checks." in told
    assert "unchanged, no new version. 2 rows, 0 new tasks, 2 known before" in run(
        "import_tasks", TASKS, task_set="support"
    )


def test_a_dry_run_says_so(run):
    with nothing_written():
        assert "This was a dry run: nothing was written." in run(
            "import_tasks", TASKS, task_set="support", dry_run=True
        )


def test_bad_rows_are_told_line_by_line_and_end_in_an_error(run):
    with nothing_written(), pytest.raises(CommandError) as caught:
        run("import_tasks", TASKS + "2,sql,Again.\n3,sql,\n", task_set="support")
    assert str(caught.value).splitlines() == [
        "line 4: has the id “2”, which is already on line 3.",
        "line 5: has no prompt and no messages. If the text is in another column, map it: prompt=…",
        "2 rows are wrong, so nothing was written.",
    ]


@pytest.mark.parametrize("pair", ["prompt", "=text", "colour=text", "prompt=nowhere"])
def test_a_mapping_that_fits_nothing_is_an_error(run, pair):
    with nothing_written(), pytest.raises(CommandError):
        run("import_tasks", TASKS, task_set="support", map=[pair])


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    for name in ("import_generations", "import_votes"):
        with pytest.raises(CommandError, match="No such file"):
            call_command(name, str(tmp_path / "nothing.csv"))
    with pytest.raises(CommandError, match="Is a directory"):
        call_command("import_votes", str(tmp_path))


@pytest.mark.runs_once(on="sqlite", because="the exit status and stderr are the subject")
def test_a_process_of_its_own_ends_with_1_and_tells_the_reason_on_stderr(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"id,category,prompt\n1,code,caf\xe9\n")
    done = subprocess.run(
        [sys.executable, "manage.py", "import_tasks", str(tmp_path / "bad.csv"), "--task-set", "x"],
        env={**os.environ, "ARENA_VAR": str(tmp_path), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "line 2: byte 11 of the line (byte 30 of the file) is 0xE9, which is not UTF-8" in done.stderr
    assert done.stdout == ""


def import_small(run):
    told = run("import_tasks", SMALL / "prompts.jsonl", task_set="small", category="small", map=["prompt=text"])
    told += run(
        "import_generations",
        SMALL / "results.jsonl",
        task_set="small",
        map=["task=prompt", "model=name", "text=result", "latency_ms=duration"],
    )
    return told + run(
        "import_votes",
        SMALL / "comparisons.csv",
        task_set="small",
        category="small",
        map=["question_id=prompt", "model_a=left", "model_b=right", "judge=worker"],
        value=["left=a", "right=b"],
    )


def test_files_of_another_shape_are_imported_by_commands_alone(run):
    told = import_small(run)
    assert "3 rows, 3 new tasks" in told
    assert "5 rows: 5 new answers of 3 contenders, 0 of them failed calls; 0 already stored." in told
    assert "New contenders: fjord-chat-7b, heron-2, plover-mini" in told
    assert "5 votes (a 2, b 1, tie 2) by 3 reviewers on 2 tasks, 0 of them new, between 3 contenders." in told
    assert Contender.objects.get(slug="fjord-chat-7b").model_name == "Fjord Chat (7B)"
    assert Generation.objects.get(text="It is Oslo, on the Oslofjord.").latency_ms == 1530.5


def test_the_same_files_again_add_nothing(run):
    import_small(run)
    with nothing_written():
        told = import_small(run)
    assert "no new version" in told
    assert "0 new answers of 3 contenders" in told
    assert "This file was already imported with the same options: 0 votes added." in told


def test_what_is_exported_is_imported_again(run, tmp_path):
    import_small(run)
    told = run("export_votes", tmp_path / "votes.csv")
    told += run("export_generations", tmp_path / "answers.jsonl", task_set="small")
    call_command("export_task_set", "small", str(tmp_path / "tasks.csv"))
    assert "5 votes written" in told
    assert "5 answers written" in told
    assert "no new version" in run("import_tasks", tmp_path / "tasks.csv", task_set="small")
    assert "5 already stored" in run("import_generations", tmp_path / "answers.jsonl")
    assert "5 votes (" in run("import_votes", tmp_path / "votes.csv")
    assert Vote.objects.count() == 10


def test_an_export_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(CommandError, match=r"\.csv or \.jsonl"):
        call_command("export_votes", str(tmp_path / "votes.txt"))
    with pytest.raises(CommandError, match="no task set"):
        call_command("export_task_set", "nothing", str(tmp_path / "tasks.csv"))
