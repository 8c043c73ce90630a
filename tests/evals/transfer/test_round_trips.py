"""Whatever texts hold, what is written and read again is the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.transfer.files.errors import Problems
from evals.transfer.files.rows import Layout, open_source, read_rows
from evals.transfer.files.text import Limits
from evals.transfer.files.writing import write_rows
from evals.transfer.messages import GAP
from evals.transfer.tasks import TASK_FIELDS, read_tasks

storable = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
hostile = st.one_of(
    storable,
    st.sampled_from(
        ["=1+1", "'=1", "''=1", "-", "+x", "@a", "\t=1", "\r=1", "\n-", "＝1", ",", '"', '""', "a\r\nb", "'", ";"]
    ),
    st.builds(str.__add__, st.sampled_from(["=", "'", "-", '"', "\r", "\n"]), storable),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=6,
)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(
    rows=st.lists(
        st.fixed_dictionaries({"a": hostile, "b": hostile, "n": st.integers(0, 10**6)}), min_size=1, max_size=5
    )
)
@quick
def test_texts_come_back_as_they_were(tmp_path, suffix, rows):
    path = tmp_path / f"rows{suffix}"
    write_rows(path, ["a", "b", "n"], rows)
    problems = Problems()
    with open_source(path) as source:
        read = [row.fields for row in read_rows(source, Layout(("a", "b", "n")), problems)]
    problems.raise_if_any()
    assert [{**row, "n": int(row["n"])} for row in read] == rows


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(prompt=hostile.filter(str.strip), reference=hostile, metadata=st.dictionaries(storable, json_values, max_size=3))
@quick
def test_tasks_come_back_as_they_were(tmp_path, suffix, prompt, reference, metadata):
    path = tmp_path / f"tasks{suffix}"
    row = {"id": "1", "category": "c", "prompt": prompt, "reference": reference or None, "metadata": metadata or None}
    write_rows(path, ["id", "category", "prompt", "reference", "metadata"], [row])
    problems = Problems()
    with open_source(path) as source:
        rows = read_rows(source, Layout(TASK_FIELDS), problems)
        (task,), _ = read_tasks(rows, category="", limits=Limits(), problems=problems)
    problems.raise_if_any()
    assert task.messages == [{"role": "user", "content": prompt}]
    assert task.reference == reference
    assert json.dumps(task.metadata, sort_keys=True) == json.dumps(metadata, sort_keys=True)


words = hostile.filter(str.strip)
checks = st.one_of(
    st.builds(lambda value: {"type": "equals", "value": value}, hostile),
    st.builds(lambda value: {"type": "contains", "value": value}, words),
    st.builds(lambda text: {"type": "regex", "pattern": re.escape(text)}, hostile),
    st.builds(
        lambda value, more: {"type": "reference", "value": value, "match": "contains", "accepted": more},
        words,
        st.lists(words, min_size=1, max_size=3),
    ),
    st.builds(lambda value, edits: {"type": "similar", "value": value, "max_edits": edits}, words, st.integers(0, 9)),
    st.builds(lambda value: {"type": "json_schema", "schema": {"const": value}}, json_values),
    st.builds(lambda name, given: {"type": "tool_call", "name": name, "arguments": given}, words,
              st.dictionaries(hostile, json_values, max_size=2)),
    st.sampled_from(
        [
            {"type": "json"},
            {"type": "language", "value": "pt"},
            {"type": "sql", "dialect": "postgres", "block": "last"},
            {"type": "code", "language": "python"},
            {"type": "max_tokens", "value": 12},
            {"type": "number", "value": -1.5, "tolerance": 0.25},
            {"type": "not_refusal"},
        ]
    ),
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(
    given_checks=st.lists(checks, max_size=4),
    said=st.lists(words, min_size=1, max_size=3),
    tool=st.none() | st.dictionaries(hostile, json_values, max_size=2),
)
@quick
def test_checks_conversations_and_tools_come_back_as_they_were(tmp_path, suffix, given_checks, said, tool):
    path = tmp_path / f"tasks{suffix}"
    messages = [message for one in said for message in ({"role": "user", "content": one}, GAP)]
    tools = None if tool is None else [{"type": "function", "function": {"name": "look_up", "parameters": tool}}]
    columns = ["id", "category", "messages", "tools", "checks"]

    def read(row):
        write_rows(path, columns, [row])
        problems = Problems()
        with open_source(path) as source:
            rows = read_rows(source, Layout(TASK_FIELDS), problems)
            read, _ = read_tasks(rows, category="", limits=Limits(), problems=problems)
        problems.raise_if_any()
        return read[0]

    first = read({"id": "1", "category": "c", "messages": messages, "tools": tools, "checks": given_checks or None})
    for one, wanted in zip(first.checks, given_checks, strict=True):
        assert {**one, **wanted} == one
    again = read(
        {
            "id": first.external_id,
            "category": first.category,
            "messages": first.messages,
            "tools": first.tools or None,
            "checks": first.checks or None,
        }
    )
    assert replace(again, line=first.line) == first


@given(st.decimals(0, 999_999, places=8))
@quick
def test_money_comes_back_to_the_last_decimal(tmp_path, amount):
    path = tmp_path / "money.jsonl"
    write_rows(path, ["cost"], [{"cost": amount}])
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert Decimal(str(row["cost"])).quantize(Decimal("1e-8")) == amount
