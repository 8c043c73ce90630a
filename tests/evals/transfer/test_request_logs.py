"""Requests from the logs of gateways and observability tools become tasks. No database.

Of the files in request_logs/, the spans were written by OpenTelemetry's instrumentations of the OpenAI client against a
server on loopback, with Python's exporters; the others are written in the formats that their tools document.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from evals.transfer.files.errors import BadRowsError, Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.rows import read_rows
from evals.transfer.files.text import Limits
from evals.transfer.formats import format_of
from evals.transfer.formats.request_logs.records import found_at
from evals.transfer.tasks import TASK_FIELDS, read_tasks
from tests.evals.transfer.conftest import file

FILES = Path(__file__).parent / "request_logs"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PASSWORD = [("system", "Be brief."), ("user", "How do I reset my password?")]


def read(given, *, category="misc", by="", **columns):
    source = file((FILES / given).read_bytes() if isinstance(given, str) else b"\n".join(given), "log")
    problems = Problems()
    columns |= {"category": by} if by else {}
    layout = Layout(TASK_FIELDS, columns=columns, tasks=True)
    rows = read_rows(source, layout, problems)
    tasks, _ = read_tasks(rows, category=category, limits=Limits(), problems=problems)
    problems.raise_if_any()
    return format_of(source, layout).name, tasks, problems.notices


def lines(*records):
    return [json.dumps(record).encode() for record in records]


def asked(task):
    return [(message["role"], message["content"]) for message in task.messages]


@pytest.mark.parametrize("name", ["spans-with-messages.jsonl", "spans-with-numbered-messages.jsonl", "events.jsonl"])
def test_spans_in_each_convention_give_the_same_requests(name):
    found, tasks, _ = read(name)
    assert found == "opentelemetry"
    assert [asked(task) for task in tasks[:3]] == [
        PASSWORD,
        [("user", "Hi"), ("assistant", "Hello. What can I do?"), ("user", "Where is order 1177?")],
        [("user", "Weather in Rome?")],
    ]
    assert [message["role"] for message in tasks[3].messages] == ["user", "assistant", "tool"]
    assert tasks[3].messages[1]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Rome"}'}
    assert {task.metadata["model"] for task in tasks} == {"small-model-2026"}
    assert tasks[0].metadata["tokens_in"] == 21
    assert tasks[0].metadata["latency_ms"] >= 0
    if "numbered" in name:
        assert tasks[3].tools == [TOOL]


def test_a_span_may_hold_its_messages_instructions_and_tools_in_structured_form():
    def value(given):
        if isinstance(given, dict):
            return {"kvlistValue": {"values": [{"key": key, "value": value(one)} for key, one in given.items()]}}
        return {"arrayValue": {"values": [value(one) for one in given]}} if isinstance(given, list) else text(given)

    def text(given):
        return {"stringValue": given}

    called = {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Rome"}}
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.tool.definitions": [TOOL["function"] | {"type": "function"}],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "Weather in Rome?"}]},
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}, called]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "24 degrees"}]},
        ],
    }
    pairs = [{"key": key, "value": value(one)} for key, one in attributes.items()]
    span = {"traceId": "ab", "spanId": "cd", "name": "chat", "attributes": pairs}
    document = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, indent=1).encode()
    _, (task,), _ = read([document])
    assert [message["role"] for message in task.messages] == ["system", "user", "assistant", "tool"]
    assert (task.tools, task.external_id) == ([TOOL], "ab-cd")


def test_litellm_spend_logs_give_the_bodies_that_the_proxy_kept():
    found, (task,), notices = read("litellm.json", category="", by="metadata.spend_logs_metadata.kind")
    assert (found, task.external_id, task.category) == ("litellm", "chatcmpl-9f1", "howto")
    assert asked(task) == PASSWORD
    assert task.metadata == {
        "model": "openai/small-model",
        "at": "2026-10-04T08:15:02.114000Z",
        "tokens_in": 21,
        "tokens_out": 6,
    }
    assert "its call_type is aembedding. (record 2)" in notices[0]
    assert "store_prompts_in_spend_logs" in notices[1]


def test_litellm_rows_may_come_from_a_table_as_csv():
    records = json.loads((FILES / "litellm.json").read_text())
    out = io.StringIO()
    writer = csv.DictWriter(out, records[0])
    writer.writeheader()
    writer.writerow({key: json.dumps(one) if isinstance(one, dict | list) else one for key, one in records[0].items()})
    found, (task,), _ = read([out.getvalue().encode()], category="", by="request_tags")
    assert (found, task.category, task.metadata["tokens_out"]) == ("litellm", "support", 6)
    assert asked(task) == PASSWORD


def test_of_langfuse_observations_the_generations_are_read():
    found, tasks, notices = read("langfuse-observations.jsonl", category="", by="metadata.team")
    assert found == "langfuse"
    assert [(task.external_id, task.category, task.metadata["model"]) for task in tasks] == [
        ("4d1c", "support", "small-model"),
        ("4d1e", "tools", "small-model"),
    ]
    assert asked(tasks[0]) == PASSWORD
    assert tasks[1].tools == [TOOL]
    assert notices == ["A request is left out: it is an observation of the type SPAN. (line 2)"]


def test_a_langfuse_trace_gives_its_generations_and_what_it_says_of_itself():
    found, (task,), _ = read("langfuse-trace.json", category="", by="trace.tags")
    assert (found, task.category, asked(task)) == ("langfuse", "support", PASSWORD)


def test_lines_of_the_batch_api_are_read_and_other_endpoints_left_out():
    found, tasks, notices = read("batch.jsonl", category="none", by="body.metadata.team")
    assert found == "openai-requests"
    assert [(task.external_id, task.category) for task in tasks] == [("ticket-1", "support"), ("ticket-2", "none")]
    assert asked(tasks[0]) == PASSWORD
    assert [message["role"] for message in tasks[1].messages] == ["system", "user", "assistant", "tool"]
    assert [tool["function"]["name"] for tool in tasks[1].tools] == ["get_weather"]
    assert "web_search" in notices[0]
    assert "/v1/embeddings" in notices[1]


def test_the_answer_at_the_end_is_left_off_and_earlier_ones_stay():
    _, tasks, _ = read("pairs.jsonl", category="", by="tags")
    assert asked(tasks[0])[1:] == [("assistant", "Hello. What can I do?"), ("user", "Where is order 1177?")]
    assert asked(tasks[1]) == [("user", "Where is order 1177?")]
    assert tasks[0].metadata == {
        "model": "small-model-2026",
        "at": "2026-10-04T08:15:02Z",
        "tokens_in": 21,
        "tokens_out": 6,
        "latency_ms": 906,
    }


def test_bare_bodies_are_read_and_a_task_set_is_not_taken_for_them():
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}]}
    assert read(lines(body))[0] == "openai-requests"
    assert read(lines(body | {"category": "greetings"}))[0] == "jsonl"
    assert read(lines({"input": "2+2?", "ideal": "4", "trace_id": "x"}))[0] == "jsonl"


def test_anthropics_messages_are_translated():
    body = {
        "model": "m",
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Weather in Rome?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "w", "input": {"city": "Rome"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "24 degrees"}]},
        ],
        "tools": [{"name": "w", "input_schema": {"type": "object"}}],
    }
    _, (task,), _ = read(lines(body))
    assert [message["role"] for message in task.messages] == ["system", "user", "assistant", "tool"]
    assert json.loads(task.messages[2]["tool_calls"][0]["function"]["arguments"]) == {"city": "Rome"}
    assert task.tools[0]["function"] == {"name": "w", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "system", "content": "x"}], "nobody asks anything"),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], "part of the type “input_audio”"),
        ([{"role": "tool", "tool_call_id": "x", "content": "y"}], "result of a call that stands before"),
        ([{"role": "robot", "content": "x"}], "role “robot”"),
    ],
)
def test_what_cannot_be_asked_again_is_left_out_and_told(messages, reason):
    good = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    _, tasks, notices = read(lines(good, {"model": "m", "messages": messages}))
    assert len(tasks) == 1
    assert reason in notices[0]
    assert "line 2" in notices[0]


def test_a_log_without_any_chat_request_is_refused_with_the_reasons():
    with pytest.raises(UnreadableError, match=r"no chat requests.*embeddings"):
        read([(FILES / "batch.jsonl").read_bytes().splitlines()[2]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"request_id": "1", "call_type": "a", "spend": 0}, {"request_id": "2"', "record 2: is cut off"),
        (b'[{"request_id": "1", "call_type": "a", "spend": 0}, oops, {"x": 1}]', "record 2: is not a JSON object"),
        (b'{"resourceSpans": []}\n{"resourceSpans": [}\n', "line 2: is not JSON"),
        (b'[{"request_id": "1", "call_type": "a", "spend": 0, "spend": 1}]', "record 1: "),
        (b'{"request_id": "1", "call_type": "a",\n "spend": 0}}', "record 2: is not a JSON object: “}”"),
        (b'[{"request_id": "1", "call_type": "a", "spend": 0}, {"a": "\xff"}]', "is not UTF-8"),
    ],
)
def test_a_broken_log_is_refused_at_its_place(content, reason):
    with pytest.raises((BadRowsError, UnreadableError)) as caught:
        read([content])
    assert reason in str(caught.value)


def test_a_record_has_a_limit_on_its_length_wherever_it_ends():
    source = file(b'[{"request_id": "1", "call_type": "a", "spend": 0, "messages": "' + b"x" * 300_000, "log")
    problems = Problems()
    layout = Layout(TASK_FIELDS, limits=Limits(line_bytes=100_000), tasks=True)
    list(read_rows(source, layout, problems))
    assert "is longer than 97.7 KiB" in str(problems.errors[0])


def test_a_list_is_split_wherever_the_chunks_end():
    texts = [
        '{"request_id": "1", "call_type": "completion", "spend": 0, "messages": ' + json.dumps(said) + "}"
        for said in ("a" * 65_400, 'quo"te \\" ]}[{', "\\" * 131, "é" * 40_000)
    ]
    found, tasks, _ = read([("[" + ",\n".join(texts).replace('"1"', '"1"', 1) + "]").encode()], id="")
    assert found == "litellm"
    assert [asked(task)[0][1][:3] for task in tasks] == ["aaa", "quo", "\\\\\\", "ééé"]


def test_a_path_finds_keys_with_dots_and_places_in_lists():
    record = {"a.b": {"c": [1, {"d": 2}]}, "m": '{"team": "x"}'}
    assert found_at(record, "a.b.c.1.d", Limits()) == 2
    assert found_at(record, "m.team", Limits()) == "x"
    assert found_at(record, "m.other", Limits()) is None
