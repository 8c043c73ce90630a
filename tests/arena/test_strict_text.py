"""JSON and YAML read strictly: nothing is dropped or approximated, and every error names its place."""

from __future__ import annotations

import json
import tracemalloc
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.strict_text import StrictTextError, check_strings, read_items, read_json, read_yaml

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_reads_as_the_standard_library_reads_it(value):
    assert read_json(json.dumps(value), nesting=64) == value


def test_a_long_text_with_brackets_takes_no_more_memory_than_its_length():
    text = json.dumps(["[" * 500_000 + '"' + "\\" * 500_000])
    tracemalloc.start()
    try:
        assert read_json(text, nesting=3) == json.loads(text)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(text)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b": }', "is not JSON: Expecting value (line 2, column 7)."),
        ('{"a": {"b": 1}, "c": {"b": 2, "d": {"b": 3},\n"b": 4}}', "names “b” twice in one object (line 2, column 1)."),
        ('{"x": "a", "y": {"a": 1}, "a": 1, "\\u0061": 2}', "names “a” twice in one object (column 35)."),
        ('["NaN", NaN]', "holds NaN, which is not a number in JSON (column 9)."),
        ("[1,\n-1e999]", "holds -1e999, a number too large to store (line 2, column 1)."),
        ('[["]", [[1]]]]', "is nested deeper than 3 levels, the limit on nesting (column 9)."),
    ],
)
def test_an_error_in_json_names_its_place(text, message):
    with pytest.raises(StrictTextError) as refused:
        read_json(text, nesting=3)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  b: 1\n  b: 2", "names “b” twice in one object (line 3, column 3)."),
        ("a: &x 1\nb: *x", "uses an alias (line 2, column 4)."),
        ("<<: {a: 1}\na: 2", "merges objects (<<) (line 1, column 1)."),
        ("a:\n- .inf", "holds “.inf”, which is neither text nor a number here (line 2, column 3)."),
        ("on: 1", "has a name on that is not text (line 1, column 1)."),
        ("[a]: 1", "has a name of an object that is not text (line 1, column 1)."),
        ("a:\n- <<", "holds “<<”, which is neither text nor a number here (line 2, column 3)."),
        ("[[[[1]]]]", "is nested deeper than 3 levels, the limit on nesting (line 1, column 4)."),
    ],
)
def test_an_error_in_yaml_names_its_place(text, message):
    with pytest.raises(StrictTextError) as refused:
        read_yaml(text, nesting=3)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "written",
    [
        *("!!map x", "!!map [a]", "!!seq x", "!!seq {a: b}", "!!bool x", "!!bool ''", "!!int ''", "!!int x"),
        *("!!float ''", "!!null x", "!!str 1", "!!str [a]", "!!set {b}", "!!omap [a: 1]", "!!pairs x", "!!binary x"),
        *("!!timestamp x", "!!merge x", "!!value {=: 1}", "!!python/object:os.system x", "!ours x", "! 1"),
        *("!<!ours> x", "!<tag:yaml.org,2002:bool> x"),
    ],
)
def test_every_tag_in_yaml_is_refused_in_its_place(written):
    tag = written.split()[0]
    tag = {"!<!ours>": "!ours", "!<tag:yaml.org,2002:bool>": "!!bool"}.get(tag, tag)
    message = f"uses a tag (line 2, column 6). YAML tags are not read: leave out {tag}."
    with pytest.raises(StrictTextError) as refused:
        read_yaml(f"- b\n- a: {written}", nesting=9)
    assert str(refused.value) == message
    with pytest.raises(StrictTextError) as refused:
        read_items(f"- b\n- a: {written}", "yaml", key="models", nesting=9)
    assert str(refused.value) == message


@pytest.mark.parametrize("text", ["!!map x", "!!bool x", "!!str a: 1", "? !!int ''\n: 1", "models: !!seq x"])
def test_a_tag_is_refused_wherever_it_stands(text):
    for read in (read_yaml, partial(read_items, form="yaml", key="models")):
        with pytest.raises(StrictTextError, match="YAML tags are not read"):
            read(text, nesting=9)


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_a_text_that_is_too_long_is_not_parsed(read):
    with pytest.raises(StrictTextError, match=r"has 11 characters; the limit is 10\."):
        read("{" * 11, nesting=3, longest=10)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yaml", "# ours\n- {a: 1}\n\n- {a: 2}\n"),
        ("yaml", "models:\n  - a: 1\n  # two\n  - a: 2\n"),
        ("json", '[\n{"a": 1},\n\n{"a": 2}]'),
        ("json", '{"models":\n[{"a": 1}\n,\n{"a": 2}]}'),
    ],
)
def test_the_items_of_a_list_come_with_their_lines(form, text):
    assert read_items(text, form, key="models", nesting=3) == [(2, {"a": 1}), (4, {"a": 2})]


@pytest.mark.parametrize(("form", "text"), [("yaml", "a: 1"), ("json", '{"models": [], "more": []}'), ("yaml", "")])
def test_what_is_not_a_list_says_how_to_write_one(form, text):
    with pytest.raises(StrictTextError, match=r"is not a list of models\. Write a list, or `models:`"):
        read_items(text, form, key="models", nesting=3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"b": ["\x00"]}, "“a” holds a NUL character."),
        ({"\ud800": 1}, "“a” holds half a surrogate pair"),
        (["long"], "“a” has 4 characters; the limit on one field is 3."),
    ],
)
def test_strings_that_no_database_stores_are_refused(value, message):
    with pytest.raises(StrictTextError, match=message):
        check_strings(value, "a", longest=3)
