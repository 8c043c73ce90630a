"""Conversations and tools in task files: what is read, in which form it is kept, and what is refused. No database."""

from __future__ import annotations

import json

import pytest

from evals.catalog.conversations import pretty_arguments, segments, turns_asked
from evals.catalog.names import BadValueError
from evals.catalog.services.task_sets import task_digest
from evals.transfer.answers import read_answer
from evals.transfer.exports import _asked
from evals.transfer.files.rows import Row
from evals.transfer.messages import MOST_TOOLS, MOST_TURNS
from tests.evals.transfer.test_task_files import asked, complaint, tasks, tasks_in
from tests.examples import examples

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
USER, GAP = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}


def read(messages, **fields):
    (task,) = tasks({"category": "c", "messages": messages} | fields)
    return task


def test_a_task_without_tools_keeps_the_digest_it_had_before_there_were_tools():
    content = {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Sort ä."}],
        "reference": "x",
        "checks": [{"type": "max_chars", "value": 3}],
    }
    known = "e801ab0d0568fd105f4568f14c31f830e9d38e4b98c8bc1bfe026d749f5c699e"
    assert task_digest(**content) == task_digest(**content, tools=[]) == known
    assert task_digest(**content, tools=[TOOL]) != known


@pytest.mark.parametrize("gap", [{"role": "assistant"}, {"role": "assistant", "content": None, "tool_calls": []}, GAP])
def test_an_assistant_message_without_content_is_a_gap_however_it_is_written(gap):
    task = read([USER, gap, {"role": "user", "content": "And?"}, gap])
    assert task.messages == [USER, GAP, {"role": "user", "content": "And?"}]
    assert turns_asked(task.messages) == 2
    assert segments(task.messages) == [[USER], [{"role": "user", "content": "And?"}]]


def test_a_gap_at_the_end_goes_without_saying():
    assert read([USER, GAP]).messages == read([USER]).messages == [USER]


def test_turns_take_a_system_text_and_attachments_as_prompts_do():
    (task,) = tasks(
        {"category": "c", "turns": ["One?", "Two?"], "system": "S", "attachments": [{"name": "a", "text": "t"}]}
    )
    assert asked(task) == [("system", "S"), ("user", "One?"), ("assistant", ""), ("user", "Two?\n\na:\n\nt")]


def test_parts_that_are_text_are_joined_and_images_are_kept_as_they_are():
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}}
    texts = [{"type": "text", "text": "Look."}, {"type": "text", "text": "What is it?"}]
    assert read([{"role": "user", "content": texts}]).messages == [{"role": "user", "content": "Look.\n\nWhat is it?"}]
    assert read([{"role": "user", "content": [*texts, image]}]).messages[0]["content"] == [*texts, image]


def test_calls_and_their_results_are_read_as_clients_dump_them():
    dumped = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "Sunny"}]}
    task = read([USER, dumped, result])
    assert task.messages == [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "Sunny", "tool_call_id": "c1"},
    ]
    assert turns_asked(task.messages) == 1


def test_tools_may_be_json_in_a_cell():
    content = 'category,prompt,tools\nc,Hi,"' + json.dumps([TOOL]).replace('"', '""') + '"\n'
    (task,), _ = tasks_in(content)
    assert task.tools == [TOOL]


def test_the_example_in_evaluation_md_is_read_as_it_says():
    (example,) = [one for one in examples("docs/evaluation.md") if one.language == "jsonl"]
    read, _ = tasks_in(example.text)
    assert [(turns_asked(task.messages), len(task.tools)) for task in read] == [(2, 0), (2, 1)]


def test_what_a_conversation_is_exported_as_is_read_as_the_same():
    given = [USER, GAP, {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]
    task = read(given, tools=[TOOL])
    again = read(_asked(task.messages)["messages"], tools=task.tools)
    assert (again.messages, again.tools) == (task.messages, task.tools) == (given, [TOOL])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"messages": [GAP, USER]}, "message 1 is the assistant's without content"),
        ({"messages": [USER, GAP, GAP, USER]}, "message 3 is the assistant's without content"),
        (
            {"messages": [USER, {"role": "assistant", "content": "x"}, GAP, USER]},
            "message 3 is a gap for the model after",
        ),
        (
            {"messages": [USER, GAP, {"role": "system", "content": "x"}]},
            "end without a user message after the last gap",
        ),
        ({"turns": ["x"] * 300}, "has 300 turns; the limit is 20"),
        ({"messages": [USER, GAP] * (MOST_TURNS + 1)}, "ask the model for 21 answers; the limit is 20"),
        ({"turns": ["x", " "]}, "turn 2 is blank"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "message 1 needs a role: system"),
        ({"messages": [USER] * 1001}, "hold 1,001 messages; the limit is 1,000"),
        (
            {"messages": [USER, {"role": "tool", "content": "x", "tool_call_id": "c1"}]},
            "message 2: its tool_call_id “c1”",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, USER]},
            "message 2: the call “c1” has no result",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [CALL, CALL]}, USER]},
            "the id “c1” of a call is given twice",
        ),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "message 2, tool call 1 must have"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [CALL | {"id": ""}]}]}, "tool call 1 needs an id"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "message 1, part 1 must be"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, USER]},
            "message 1, part 1: images belong to",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "part 1 needs the image's address"),
        ({"prompt": "x", "tools": {}}, "tools must be a JSON list"),
        ({"prompt": "x", "tools": [TOOL] * (MOST_TOOLS + 1)}, "has 129 tools; the limit is 128"),
        ({"prompt": "x", "tools": [TOOL, TOOL]}, "two tools have the name “weather”"),
        ({"prompt": "x", "tools": [{"name": "f", "input_schema": {}}]}, "tool 1 must have OpenAI's form"),
        ({"prompt": "x", "tools": [{"type": "function", "function": {"name": "a b"}}]}, "tool 1 needs a name"),
        ({"prompt": "x", "tools": [{"type": "function", "function": {"name": "f", "x": 1}}]}, "tool 1 has “x”"),
        (
            {"prompt": "x", "tools": [{"type": "function", "function": {"name": "f", "description": "d" * 200_000}}]},
            "the limit is 200,000",
        ),
    ],
)
def test_what_is_no_conversation_or_no_tool_says_where_and_why(fields, reason):
    said = complaint({"category": "c", "prompt": "fine"}, {"category": "c"} | fields)
    assert "line 2: " in said
    assert reason in said


@pytest.mark.parametrize(
    ("one", "other"),
    [('{"q":"x", "n": 1}', '{ "n":1,"q": "x" }'), ("[1.5,2]", "[ 1.5 , 2 ]")],
)
def test_arguments_have_one_form_whatever_their_spaces_and_order(one, other):
    assert pretty_arguments(one) == pretty_arguments(other) != one


@pytest.mark.parametrize("written", ["", " ", "{}", "{ }"])
def test_no_arguments_look_the_same_whichever_provider_wrote_none(written):
    assert pretty_arguments(written) == "{}"


@pytest.mark.parametrize(
    "written",
    ['{"city": ', '{"a": 1, "a": 2}', '{"a": 1.10}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 100_000, "{'a': 1}"],
)
def test_arguments_that_another_form_would_change_are_shown_as_they_were_written(written):
    assert pretty_arguments(written) == written


@pytest.mark.parametrize(("name", "most"), [("latency_ms", 1e308), ("tokens_in", 2**31 - 1), ("cost_usd", 999_999)])
def test_the_sum_over_turns_has_the_limits_of_a_figure(name, most):
    turns = [{"text": "x", name: most}] * 2

    with pytest.raises(BadValueError, match=name):
        read_answer(Row(1, {"task": "1", "model": "m", "turns": turns}, {}))
