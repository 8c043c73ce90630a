"""Real votes: 8,931 of them on answers of 59 models (Dmitry Ustalov's llmfao, CC BY 4.0), by commands alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evals.models import Category, Contender, Generation, Ledger, Reviewer, ReviewerTally, Task, Vote
from tests.evals.transfer.conftest import nothing_written

DATA = Path(os.environ.get("ARENA_TEST_DATA", "")) / "llmfao"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not os.environ.get("ARENA_TEST_DATA") or not DATA.is_dir(),
        reason="ARENA_TEST_DATA names no folder with llmfao/ in it: the whole files are not there to import.",
    ),
]


def import_all(run):
    told = run("import_tasks", DATA / "prompts.jsonl", task_set="llmfao", category="llmfao", map=["prompt=text"])
    told += run(
        "import_generations",
        DATA / "results.jsonl",
        task_set="llmfao",
        map=["task=prompt", "model=name", "text=result", "latency_ms=duration"],
    )
    return told + run(
        "import_votes",
        DATA / "crowd-comparisons.csv",
        task_set="llmfao",
        category="llmfao",
        map=["question_id=prompt", "model_a=left", "model_b=right", "judge=worker"],
        value=["left=a", "right=b"],
    )


def test_the_whole_files_are_imported_add_nothing_a_second_time_and_come_back_out(run, tmp_path):
    told = import_all(run)
    assert "19 rows, 19 new tasks" in told
    assert "1,133 rows: 1,133 new answers of 70 contenders" in told
    assert "8,931 votes (a 2,911, b 2,549, tie 3,471) by 124 reviewers on 13 tasks, 0 of them new" in told
    assert Category.objects.get().slug == "llmfao"
    assert (Task.objects.count(), Generation.objects.count(), Vote.objects.count()) == (19, 1133, 8931)
    assert Reviewer.objects.count() == 124

    voted = set(Vote.objects.values_list("lo__model_name", flat=True)) | set(
        Vote.objects.values_list("hi__model_name", flat=True)
    )
    assert len(voted) == 59
    assert {"GPT 4", "LLaMA-2-Chat (70B)"} <= voted
    assert {"gpt-4", "llama-2-chat-70b"} <= set(Contender.objects.values_list("slug", flat=True))

    counted = ReviewerTally.objects.values_list("lo_wins", "hi_wins", "ties", "both_bad")
    assert sum(map(sum, counted)) == Ledger.objects.get().seq == 8931

    one = Generation.objects.get(contender__model_name="Airoboros L2 70B", task__items__external_id="8")
    assert one.text.startswith("For Kubernetes, a plea,")
    assert one.latency_ms == 6837.0

    with nothing_written():
        import_all(run)

    run("export_votes", tmp_path / "votes.csv")
    run("export_generations", tmp_path / "answers.jsonl")
    assert "1,133 already stored" in run("import_generations", tmp_path / "answers.jsonl")
    told = run("import_votes", tmp_path / "votes.csv", dry_run=True)
    assert "8,931 votes (" in told
    assert "by 124 reviewers on 13 tasks, 0 of them new, between 59 contenders." in told
