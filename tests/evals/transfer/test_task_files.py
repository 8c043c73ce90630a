"""The shapes in which people already have their prompts. No database."""

from __future__ import annotations

import json

import pytest

from evals.transfer.files.errors import BadRowsError, Problems
from evals.transfer.files.rows import Layout, read_rows
from evals.transfer.files.text import Limits
from evals.transfer.tasks import TASK_FIELDS, read_tasks
from tests.evals.transfer.conftest import file


def tasks(*rows, category="", **columns):
    content = "\n".join(json.dumps(row) for row in rows)
    return tasks_in(content, category=category, columns=columns)[0]


def tasks_in(content, *, category="", columns=None):
    problems = Problems()
    rows = read_rows(file(content), Layout(TASK_FIELDS, columns=columns or {}), problems)
    read = read_tasks(rows, category=category, limits=Limits(), problems=problems)
    problems.raise_if_any()
    return read


def complaint(*rows, **options):
    with pytest.raises(BadRowsError) as caught:
        tasks(*rows, **options)
    return str(caught.value)


def asked(task):
    return [(message["role"], message["content"]) for message in task.messages]


def test_a_prompt_becomes_one_user_message_to_the_last_blank():
    (task,) = tasks({"id": 8, "category": "code", "prompt": "  Sort this.\n"})
    assert (task.external_id, task.category, asked(task)) == ("8", "code", [("user", "  Sort this.\n")])


def test_a_system_text_comes_first():
    (task,) = tasks({"category": "code", "prompt": "Sort.", "system": "Be brief."})
    assert asked(task) == [("system", "Be brief."), ("user", "Sort.")]


def test_messages_are_taken_as_they_are():
    given = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Sort."},
    ]
    (task,) = tasks({"category": "code", "messages": given})
    assert task.messages == given


def test_messages_may_be_json_in_a_cell():
    content = 'category,messages\ncode,"[{""role"": ""user"", ""content"": ""Hi""}]"\n'
    (task,), _ = tasks_in(content)
    assert asked(task) == [("user", "Hi")]


def test_the_row_number_is_the_id_of_a_row_that_names_none():
    read = tasks({"category": "c", "prompt": "a"}, {"category": "c", "prompt": "b", "id": ""})
    assert [task.external_id for task in read] == ["1", "2"]


@pytest.mark.parametrize("written", [8, 8.0, "8", " 8 "])
def test_an_id_is_the_same_however_it_is_written(written):
    (task,) = tasks({"id": written, "category": "c", "prompt": "a"})
    assert task.external_id == "8"


def test_what_is_no_field_is_kept_as_metadata():
    (task,) = tasks({"category": "c", "prompt": "a", "source": "tickets", "weight": 2, "note": None})
    assert task.metadata == {"source": "tickets", "weight": 2, "note": None}


def test_a_metadata_object_is_the_metadata_itself():
    (task,) = tasks({"category": "c", "prompt": "a", "metadata": {"source": "tickets"}, "weight": 2})
    assert task.metadata == {"source": "tickets", "weight": 2}


def test_a_category_given_for_rows_without_one_leaves_the_others_alone():
    read = tasks({"prompt": "a"}, {"prompt": "b", "category": "code"}, category="misc")
    assert [task.category for task in read] == ["misc", "code"]


def test_the_files_own_category_column_can_be_left_unread():
    (task,) = tasks({"prompt": "b", "category": ""}, category="misc")
    assert task.category == "misc"
    read, _ = tasks_in('{"prompt": "b", "category": "code"}', category="misc", columns={"category": ""})
    assert (read[0].category, read[0].metadata) == ("misc", {"category": "code"})


def test_mt_bench_questions_are_read_as_they_are():
    content = json.dumps(
        {"question_id": 81, "category": "math", "turns": ["First?", "And then?"], "reference": ["42", "43"]}
    )
    (task,), notices = tasks_in(content)
    assert (task.external_id, task.category, task.reference) == ("81", "math", "43")
    assert asked(task) == [("user", "First?"), ("assistant", ""), ("user", "And then?")]
    assert task.metadata == {"references": ["42", "43"]}
    assert notices == ["Conversations: each turn is asked, with the answers to those before it. (1 row)"]


def test_an_mt_bench_question_of_one_turn_without_reference_needs_no_notice():
    (task,), notices = tasks_in('{"question_id": 1, "category": "writing", "turns": ["Write."]}')
    assert (task.reference, task.metadata, notices) == ("", {}, [])


def test_openai_evals_are_read_as_they_are():
    chat = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "2+2?"}]
    with_chat, with_text = tasks({"input": chat, "ideal": "4"}, {"input": "2+3?", "ideal": ["5", "five"]}, category="m")
    assert (asked(with_chat), with_chat.reference) == ([("system", "Answer."), ("user", "2+2?")], "4")
    assert (asked(with_text), with_text.reference) == ([("user", "2+3?")], "5")
    assert with_text.metadata == {"ideal": ["5", "five"]}


def test_few_shot_messages_of_openai_evals_keep_their_names():
    chat = [
        {"role": "system", "name": "example_user", "content": "1+1?"},
        {"role": "system", "name": "example_assistant", "content": "2"},
        {"role": "user", "content": "2+2?"},
    ]
    (task,) = tasks({"input": chat, "ideal": "4"}, category="m")
    assert task.messages == chat


def test_input_beside_a_prompt_is_metadata():
    (task,) = tasks({"prompt": "Summarise.", "input": "A text", "ideal": "x"}, category="m")
    assert (asked(task), task.metadata) == ([("user", "Summarise.")], {"input": "A text", "ideal": "x"})


def test_attached_texts_are_asked_along_with_the_last_user_message():
    (task,) = tasks(
        {"category": "c", "prompt": "Summarise.", "attachments": [{"name": "report.txt", "text": "All is well."}]}
    )
    assert asked(task) == [("user", "Summarise.\n\nreport.txt:\n\nAll is well.")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "a"}, "has no category"),
        ({"category": "c"}, "has no prompt and no messages"),
        ({"category": "c", "prompt": " \n"}, "prompt is blank"),
        ({"category": "c", "prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "both prompt and messages"),
        ({"category": "c", "prompt": ["a"]}, "prompt must be text, not a list"),
        ({"category": "c", "messages": "Hello"}, "messages is not JSON"),
        ({"category": "c", "messages": {}}, "must be a JSON list"),
        ({"category": "c", "messages": [{"role": "robot", "content": "x"}]}, "message 1 needs a role"),
        ({"category": "c", "messages": [{"role": "user", "content": 5}]}, "message 1 needs content, as text"),
        ({"category": "c", "messages": [{"role": "user", "content": "x", "at": 1}]}, "message 1 has “at”"),
        (
            {"category": "c", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "there is nothing to ask",
        ),
        (
            {
                "category": "c",
                "system": "s",
                "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}],
            },
            "a system text and a system message",
        ),
        ({"category": "c", "prompt": "a", "id": True}, "id must be text, not true or false"),
        ({"category": "c", "prompt": "a", "id": "x" * 201}, "the limit is 200"),
        ({"category": "c", "prompt": "a", "id": "a\nb"}, "line break"),
        ({"category": "c", "prompt": "a", "checks": {}}, "checks must be a JSON list"),
        ({"category": "c", "prompt": "a", "attachments": [{"url": "https://x.example"}]}, "attachment 1 is neither"),
        ({"category": "c", "turns": []}, "turns must be a list of texts"),
    ],
)
def test_a_row_that_is_no_task_says_why(row, reason):
    said = complaint({"category": "c", "prompt": "fine", "id": "fine"}, row)
    assert "line 2: " in said
    assert reason in said


def test_an_id_given_twice_names_both_lines():
    said = complaint(*({"id": given, "category": "c", "prompt": "a"} for given in ("7", "8", "7")))
    assert "line 3: has the id “7”, which is already on line 1" in said


def test_an_escaped_nul_inside_json_in_a_cell_is_refused():
    with pytest.raises(BadRowsError, match="NUL"):
        tasks_in('category,messages\nc,"[{""role"": ""user"", ""content"": ""a\\u0000""}]"\n')
