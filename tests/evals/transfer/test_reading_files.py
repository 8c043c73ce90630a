"""Files as they come: formats, encodings, limits, and what hostile ones try. No database."""

from __future__ import annotations

import codecs

import pytest

from evals.transfer.files.errors import BadRowsError, Problems, UnreadableError
from evals.transfer.files.rows import Layout, read_rows
from evals.transfer.files.text import Limits
from tests.evals.transfer.conftest import file


def read(content, *, fields=("a", "b"), name="file", **layout):
    problems = Problems()
    rows = list(read_rows(file(content, name), Layout(fields, **layout), problems))
    problems.raise_if_any()
    return rows


def values(content, **layout):
    return [row.fields | row.extra for row in read(content, **layout)]


def complaint(content, **layout):
    with pytest.raises((BadRowsError, UnreadableError)) as caught:
        read(content, **layout)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,y\r\n",
        "a,b\r1,x\r2,y\r",
        "\ufeffa,b\n1,x\n2,y",
        "a;b\n1;x\n2;y\n",
        "a\tb\n1\tx\n2\ty\n",
        '{"a": "1", "b": "x"}\n{"a": "2", "b": "y"}\n',
        '\ufeff\n{"a": "1", "b": "x"}\r\n\n{"a": "2", "b": "y"}',
    ],
)
def test_the_format_is_found_by_what_stands_in_the_file(content):
    assert values(content, name="upload.dat") == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


def test_a_row_is_named_by_the_physical_line_on_which_it_begins():
    rows = read('a,b\n1,"two\nlines\n"\n\n2,"x"\n')
    assert [(row.line, row.fields["a"]) for row in rows] == [(2, "1"), (6, "2")]


def test_quoted_commas_quotes_and_line_ends_are_part_of_the_text():
    assert values('a,b\n"1,5","say ""hi""\r\nto\rall"\n') == [{"a": "1,5", "b": 'say "hi"\r\nto\rall'}]


def test_columns_nobody_asked_for_are_kept_apart():
    (row,) = read("a,b,colour\n1,x,red\n")
    assert row.extra == {"colour": "red"}


def test_a_column_without_a_name_is_left_out():
    assert values(",a,b,\n0,1,x,\n") == [{"a": "1", "b": "x"}]


def test_a_mapped_column_is_read_under_our_name():
    (row,) = read("theirs,a\n1,2\n", columns={"a": "theirs", "b": ""})
    assert row.fields == {"a": "1"}
    assert row.extra == {"a": "2"}


@pytest.mark.parametrize("content", ["x,y\n1,2\n", '{"x": 1, "y": 2}\n'])
def test_mapping_a_column_that_is_not_there_says_which_are(content):
    assert "“z”" in (said := complaint(content, columns={"a": "z"}))
    assert "x, y" in said


def test_mapping_an_unknown_field_says_which_there_are():
    with pytest.raises(UnreadableError, match=r"no field “c”\. Fields: a, b"):
        Layout(("a", "b"), columns={"c": "x"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "has no rows"),
        (b"a,b\n", "has no rows"),
        (codecs.BOM_UTF8, "has no rows"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "is not a workbook that can be read"),
        (b'[{"a": 1}]', "one JSON list"),
        (b"a,b,a\n1,2,3\n", "line 1: the column “a” is in the header twice"),
        (b",\n1,2\n", "line 1: the header is empty"),
    ],
)
def test_a_file_that_makes_no_sense_as_a_whole_is_refused(content, reason):
    assert reason in complaint(content)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"a,b\n1,x\n2,caf\xe9\n", 3, "byte 6 of the line (byte 14 of the file) is 0xE9"),
        (b"a,b\n1,x\x00y\n", 2, "NUL"),
        (b"a,b\n1,x\n2\n", 3, "has 1 cells; the header has 2"),
        (b"a,b\n1,x,y\n", 2, "has 3 cells"),
        (b'a,b\n1,x\n2,"never closed\n3,y\n', 3, "opens a quote that never closes"),
        (b'a,b\n1,"x"y\n', 2, "text after a closing quote"),
        (b'{"a": 1}\n{"a": }\n', 2, "is not JSON"),
        (b'{"a": 1}\n[1]\n', 2, "is not a JSON object"),
        (b'{"a": 1}\n{"a": NaN}\n', 2, "NaN"),
        (b'{"a": 1e999}\n', 1, "too large to store"),
        (b'{"a": 1, "a": 2}\n', 1, "names “a” twice"),
        (b'{"a": "\\u0000"}\n', 1, "NUL"),
        (b'{"a": "\\ud800"}\n', 1, "surrogate"),
        (b'{"a": {"b\\ud800": 1}}\n', 1, "surrogate"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", 1, "too many digits"),
    ],
)
def test_a_bad_row_is_named_by_its_line_with_the_reason(content, line, reason):
    said = complaint(content)
    assert f"line {line}: " in said
    assert reason in said


def test_every_bad_row_is_told_at_once():
    said = complaint("a,b\n1\n2,x\n3\n4,y,z\n")
    assert [text.split(":")[0] for text in said.splitlines()] == ["line 2", "line 4", "line 5"]


def test_of_very_many_bad_rows_the_first_hundred_are_told_and_the_rest_counted():
    with pytest.raises(BadRowsError) as caught:
        read("a,b\n" + "1\n" * 250)
    assert (len(caught.value.errors), caught.value.total) == (100, 250)
    assert "and 150 more" in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "content", "named"),
    [
        (Limits(file_bytes=10), "a,b\n1,2\n3,4\n", "limit on a file's size is 10 bytes"),
        (Limits(rows=2), "a,b\n1,2\n3,4\n5,6\n", "line 4: is row 3; the limit on rows is 2"),
        (Limits(field_chars=3), "a,b\n1,long\n", "line 2: “b” has 4 characters; the limit on one field is 3"),
        (Limits(field_chars=3), '{"a": {"b": ["long"]}}\n', "line 1: “a” has 4 characters; the limit on one field"),
        (Limits(line_bytes=8), "a,b\n1,23456789\n", "line 2: is longer than 8 bytes, the limit on one line's length"),
        (Limits(nesting=3), '{"a": [[[1]]]}\n', "line 1: is nested deeper than 3 levels, the limit on nesting"),
    ],
)
def test_each_limit_is_an_error_that_names_it(limits, content, named):
    assert named in complaint(content, limits=limits)


def test_brackets_inside_texts_are_no_nesting():
    assert values('{"a": "[[[[{{{{"}\n', limits=Limits(nesting=2)) == [{"a": "[[[[{{{{"}]


def test_a_bomb_of_brackets_is_refused_before_it_is_parsed():
    assert "limit on nesting" in complaint('{"a": ' + "[" * 200_000 + "\n")


def test_an_endless_quote_stops_at_the_limit_of_a_field():
    said = complaint('a,b\n1,"' + "x" * 1_000_001 + "\n2,y\n")
    assert "line 2: " in said
    assert "1,000,000 characters" in said


def test_an_unknown_format_is_refused_by_name():
    assert "“lotus”" in complaint("a,b\n1,2\n", format="lotus")
