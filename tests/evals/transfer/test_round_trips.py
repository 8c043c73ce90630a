"""Whatever texts hold, what is written and read again is the same."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.transfer.files.errors import Problems
from evals.transfer.files.rows import Layout, open_source, read_rows
from evals.transfer.files.text import Limits
from evals.transfer.files.writing import write_rows
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


@given(st.decimals(0, 999_999, places=8))
@quick
def test_money_comes_back_to_the_last_decimal(tmp_path, amount):
    path = tmp_path / "money.jsonl"
    write_rows(path, ["cost"], [{"cost": amount}])
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert Decimal(str(row["cost"])).quantize(Decimal("1e-8")) == amount
