"""Formats of task files besides CSV and JSONL, and what spreadsheets do to CSV. No database."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile

import pytest

from evals.catalog.names import BadValueError, is_readable
from evals.collection.checks.run import run_checks
from evals.transfer.files.errors import BadRowsError, Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.marking import marked_ending, write_marked
from evals.transfer.files.rows import read_rows
from evals.transfer.files.text import Limits
from evals.transfer.files.values import id_text, name_text
from evals.transfer.formats import openai_evals, promptfoo
from evals.transfer.formats.frame import Head
from evals.transfer.images import UploadedFiles
from evals.transfer.tasks import read_tasks, task_layout
from tests.evals.transfer.conftest import SMALL, file
from tests.examples import examples


def tasks(content, *, name="file", category="", beside=None, **options):
    files = UploadedFiles((path, io.BytesIO(text.encode())) for path, text in (beside or {}).items())
    problems = Problems()
    layout = task_layout(beside=files.read if beside else None, **options)
    rows = read_rows(file(content, name), layout, problems)
    read, _ = read_tasks(rows, category=category, limits=layout.limits, problems=problems)
    problems.raise_if_any()
    return read, problems.notices


def complaint(content, **options):
    with pytest.raises((BadRowsError, UnreadableError)) as caught:
        tasks(content, category="c", **options)
    return str(caught.value)


CONFIG = """\
# A configuration of promptfoo
prompts:
  - 'Translate to {{language}}: {{text}}'
  - file://chat.json
providers: [openai:gpt-5]
defaultTest:
  metadata: {category: translation}
  assert:
    - type: llm-rubric
      value: Is polite
tests:
  - description: greeting
    vars:
      language: [French, German]
      text: Hello
    assert:
      - {type: icontains, value: "{{text}}"}
      - {type: not-contains, value: sorry}
  - vars: {language: no, text: 12:30}
    assert: [{type: is-json}, {type: contains-all, value: [a, "b,c"]}, {type: equals, value: no}]
"""
CHAT = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "In {{language}}: {{text}}"}]'


def test_each_test_of_a_promptfoo_configuration_is_asked_with_each_prompt_and_value():
    read, notices = tasks(CONFIG, beside={"chat.json": CHAT})
    assert [task.external_id for task in read] == ["1-1-1", "1-2-1", "1-1-2", "1-2-2", "2-1", "2-2"]
    assert read[2].messages == [{"role": "user", "content": "Translate to German: Hello"}]
    assert read[5].messages[1] == {"role": "user", "content": "In no: 12:30"}
    assert {task.category for task in read} == {"translation"}
    assert [check["type"] for check in read[4].checks] == ["json_schema", "contains", "contains", "equals"]
    assert read[4].reference == "no"
    assert notices == ["The assert “llm-rubric” is left out: no check of Arena does the same. (line 9)"]


def test_the_configuration_in_evaluation_md_is_read_as_it_says():
    (example,) = [one for one in examples("docs/evaluation.md") if one.language == "yaml"]
    read, _ = tasks(example.text, beside={"prompts/chat.json": CHAT})
    assert len(read) == 4
    assert {(task.category, task.checks[0]["type"]) for task in read} == {("translation", "regex")}


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        ("text: Hello", "text: *x", 15, "uses an alias"),
        ("{{text}}'", "{{text | upper}}'", 12, "filter or a block"),
        ("file://chat.json", "file://chat.py", 4, "runs no programs"),
        ("file://chat.json", "langfuse://chat", 4, "does not ask"),
        ("{type: is-json}", "{value: x}", 19, "assert without a type"),
        ("  - vars: {language: no, text: 12:30}", "  - file://more.js\n  - description: x", 19, "runs no programs"),
        ("language: [French, German]", "language: []", 12, "list of values is empty"),
        ("tests:\n", "tests: [\n", 12, "is not YAML"),
    ],
)
def test_what_is_wrong_in_a_configuration_is_refused_at_its_line(old, new, place, reason):
    said = complaint(CONFIG.replace(old, new), beside={"chat.json": CHAT})
    assert f"line {place}: " in said
    assert reason in said


def test_a_configuration_that_stands_for_too_many_tasks_is_refused_before_they_are_made():
    many = "[" + ", ".join("0123456789") + "]"
    config = f"prompts: ['{{{{a}}}}']\ntests:\n  - vars: {{a: {many}, b: {many}, c: {many}, d: {many}}}\n"
    said = complaint(config, limits=Limits(rows=9_999))
    assert "line 3: stands for 10,000 tasks; the limit is 9,999" in said


def test_a_json_configuration_reads_its_tests_from_csv():
    config = '{\n "prompts": ["Capital of {{land}}?"],\n "tests": "file://t.csv"\n}'
    read, _ = tasks(config, category="c", beside={"t.csv": "land,__expected\nFrance,icontains: Paris\nPeru,Lima\n"})
    assert [task.messages[0]["content"] for task in read] == ["Capital of France?", "Capital of Peru?"]
    assert [task.checks[0]["type"] for task in read] == ["contains", "equals"]


def test_a_parquet_file_of_datasets_is_read_and_refused_beyond_its_limits():
    content = (SMALL / "tasks.parquet").read_bytes()
    read, _ = tasks(content, columns={"prompt": "question"})
    assert [(task.external_id, task.category, task.metadata) for task in read] == [
        ("7", "code", {"tags": ["a"]}),
        ("8", "sql", {"tags": []}),
    ]
    assert "holds more than 100 bytes once it is unpacked" in complaint(content, limits=Limits(unpacked_bytes=100))
    assert "not a Parquet file that can be read" in complaint(content[:500])


def test_a_workbook_that_a_spreadsheet_program_wrote_is_read():
    read, notices = tasks((SMALL / "tasks.xlsx").read_bytes())
    assert [(task.line, task.external_id, task.messages[0]["content"]) for task in read] == [
        (2, "7", "Sort."),
        (3, "8", "12"),
    ]
    assert read[0].metadata == {"asked": "2026-05-04", "share": 0.25}
    assert read[1].metadata["asked"] == "2026-05-04T12:30:00"
    assert notices == []


ROWS = (
    '<row r="2"><c r="A2" t="inlineStr"><is><t>id</t></is></c><c r="B2" t="inlineStr"><is><t>prompt</t></is></c></row>'
    '<row r="4"><c r="A4"><v>7</v></c><c r="B4" t="inlineStr"><is><t>Sort.</t></is></c></row>'
)


def workbook(rows=ROWS):
    """The parts without which a workbook is none, each as small as it can be."""
    main, packages = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    kinds = f"{packages}/officeDocument/2006/relationships"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheet}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{sheet}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{kinds}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets><sheet name="Tasks" sheetId="1" '
        'r:id="r1"/><sheet name="Other" sheetId="2" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/package/2006/relationships"><Relationship '
        f'Id="r1" Type="{kinds}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, text in parts.items():
            packed.writestr(path, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return data.getvalue()


def test_a_sheet_of_a_workbook_is_read_with_its_own_row_numbers():
    (task,), notices = tasks(workbook(), category="c")
    assert (task.line, task.external_id, task.messages[0]["content"]) == (4, "7", "Sort.")
    assert "Read the sheet “Tasks”. The workbook also has “Other”" in notices[0]
    assert "has no sheet “Taks”. There are: “Tasks”, “Other”" in complaint(workbook(), sheet="Taks")
    extra = ROWS + '<row r="5"><c r="D5"><v>1</v></c></row>'
    assert "row 5: has a value in column D, which has no name" in complaint(workbook(extra))


def test_a_workbook_that_needs_too_much_memory_is_refused():
    far = ROWS + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert "cannot be read" in complaint(workbook(far))


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\r\nid;prompt\r\n7;a\r\n",
        '"sep=;"\nid;prompt\n7;a\n',
        "id;prompt;x, or y\n7;a;\n8;b, c;\n",
        "id|prompt\n7|a\n",
        "id,prompt\n7.0,a\n",
        "id,prompt\n7.00,a\n",
    ],
)
def test_csv_is_read_as_spreadsheets_write_it(content):
    read, _ = tasks(content, category="c")
    assert (read[0].external_id, read[0].messages[0]["content"]) == ("7", "a")


@pytest.mark.parametrize("written", ["1.23457E+17", "1,2E+10", 1.5e16])
def test_an_id_that_lost_its_digits_is_refused(written):
    with pytest.raises(BadValueError, match=r"digits are lost|too large to be exact"):
        id_text(written, "id", longest=200)


def test_an_id_that_is_no_number_keeps_its_point_and_zero():
    assert [id_text(one, "id", longest=200) for one in ("v7.0", "7.01", "1.10", "7e")] == ["v7.0", "7.01", "1.10", "7e"]


@pytest.mark.parametrize("name", ["a\u00a0b", "می\u200cخواهم", "👩\u200d💻 team", "क\u094d\u200dष"])
def test_spaces_and_joiners_that_are_spelling_belong_to_names(name):
    assert is_readable(name)
    assert name_text(name, "model", longest=99) == name.replace("\u00a0", " ")


@pytest.mark.parametrize("name", ["gpt\u200d-4", "a\u202eb", "a\u200bb", "a\nb", "a\u2028b", "x\ue000", "a\u00adb"])
def test_what_nobody_sees_does_not(name):
    assert not is_readable(name)


@pytest.mark.parametrize(
    ("content", "mended"),
    [
        ("id,my prompt\n1,=a\n2\n3,c,d\n", {",2,,,": ",2,b,,", ",3,c,d,": ",3,c,,"}),
        ('{"id": "1", "my prompt": "=a"}\nnope\n{"id": "3", "my prompt": "c"}\n', None),
    ],
)
def test_rows_with_errors_are_written_with_the_reasons_and_mended_they_are_the_whole(content, mended):
    layout, problems, text = Layout(("id",), tasks=True), Problems(), io.StringIO(newline="")
    source = file(content)
    list(read_rows(source, layout, problems))
    with pytest.raises(BadRowsError) as refused:
        problems.raise_if_any()
    write_marked(text, source, layout, refused.value, ending=marked_ending(source, layout))
    marked = text.getvalue()
    assert all(error.reason.split(":")[0] in marked for error in refused.value.errors)
    again = Problems()
    list(read_rows(file(marked), layout, again))
    assert again.total > 0
    if mended is None:
        lines = marked.splitlines()
        marked = "\n".join([lines[0], '{"id": "2", "my prompt": "b"}', lines[2]])
    for old, new in (mended or {}).items():
        marked = marked.replace(old, new)
    last = Problems()
    rows = [row.fields | row.extra for row in read_rows(file(marked), layout, last)]
    assert last.total == 0
    assert [(row["id"], row["my prompt"]) for row in rows] == [("1", "=a"), ("2", "b"), ("3", "c")]
    assert {name for row in rows for name in row} == {"id", "my prompt"}


def test_a_file_that_breaks_off_cannot_be_marked():
    layout, problems, source = Layout(("id",)), Problems(), file('id,a\n1,x\n2,"never\n')
    list(read_rows(source, layout, problems))
    with pytest.raises(BadRowsError) as refused:
        problems.raise_if_any()
    with pytest.raises(UnreadableError, match="cannot be read"):
        write_marked(io.StringIO(), source, layout, refused.value, ending=".csv")


REGISTRY = """\
capitals:
  id: capitals.dev.v0
  metrics: [accuracy]
capitals.dev.v0:
  class: evals.elsuite.basic.match:Match
  args:
    samples_jsonl: capitals/samples.jsonl
towns.dev.v0:
  class: evals.elsuite.basic.{0}
  args:
    samples_jsonl: towns.jsonl
"""
SAMPLES = '{"input": [{"role": "user", "content": "Capital of France?"}], "ideal": ["Paris", "The city (of Paris)"]}\n'
TOWN = '{"input": "A town?", "ideal": %s, "hint": 1}\n'


@pytest.mark.parametrize(
    ("judge", "ideal", "check"),
    [
        ("includes:Includes", '"Bath"', {"type": "contains", "value": "Bath"}),
        ("includes:Includes", '["Bath", "Ely"]', {"type": "regex", "pattern": "(?:Bath|Ely)"}),
        ("fuzzy_match:FuzzyMatch", '["Bath", "Ely"]', {"type": "reference", "match": "contains", "value": "Bath"}),
        ("json_match:JsonMatch", r'"{\"a\": 1}"', {"type": "json_schema", "schema": {"const": {"a": 1}}}),
        ("json_validator:JsonValidator", "null", {"type": "json"}),
        ("modelgraded.classify:ModelGradedClassify", '"Bath"', None),
        ("json_match:JsonMatch", '"no json"', None),
    ],
)
def test_evals_of_a_registry_are_read_with_the_samples_they_name(judge, ideal, check):
    beside = {"data/capitals/samples.jsonl": SAMPLES, "towns.jsonl": TOWN % ideal}
    read, notices = tasks(REGISTRY.format(judge), category="c", beside=beside)
    assert [(task.line, task.external_id) for task in read] == [(7, "capitals.dev.v0-1"), (11, "towns.dev.v0-1")]
    assert read[0].reference == "Paris"
    (begins,) = read[0].checks
    assert re.match(begins["pattern"], "The city (of Paris), of course")
    assert read[1].metadata["hint"] == 1
    if check is None:
        assert read[1].checks == []
        assert "(line 11)" in notices[0]
    else:
        assert read[1].checks[0] | check == read[1].checks[0]


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ({"towns.jsonl": TOWN}, "line 7: names the samples capitals/samples.jsonl: the file"),
        ({"samples.jsonl": SAMPLES + "{\n"}, "line 7: names capitals/samples.jsonl, whose line 2 is not JSON"),
        ({"samples.jsonl": '{"ideal": "x"}'}, "whose line 1 is not a sample"),
        ({"samples.jsonl": "version https://git-lfs.github.com/spec/v1\n"}, "a pointer of Git LFS"),
    ],
)
def test_samples_that_are_not_right_are_refused_at_the_line_that_names_them(beside, reason):
    assert reason in complaint(REGISTRY.format("includes:Includes"), beside={"towns.jsonl": TOWN % '"x"'} | beside)


def test_samples_are_counted_as_often_as_they_are_named():
    beside = {"capitals/samples.jsonl": SAMPLES, "towns.jsonl": TOWN % '"x"'}
    limits = Limits(unpacked_bytes=len(SAMPLES) + 5)
    assert "line 11: the evals name more than" in complaint(REGISTRY.format("x:X"), beside=beside, limits=limits)


def test_a_json_list_of_objects_is_read_with_the_number_of_each():
    read, _ = tasks('[\n {"id": 7, "prompt": "a"},\n {"id": 8,\n "prompt": "]{"}]', category="c")
    assert [(task.line, task.external_id, task.messages[0]["content"]) for task in read] == [
        (1, "7", "a"),
        (2, "8", "]{"),
    ]
    assert "record 2: is not a JSON object" in complaint('[{"prompt": "a"}, 5]')
    assert "record 2: is cut off" in complaint('[{"prompt": "a"}, {"prompt": ')
    assert "record 2: has no prompt" in complaint('[{"prompt": "a"}, {}]')
    assert "nested" in complaint("[" * 100 + "]" * 100)


@pytest.mark.parametrize(
    ("written", "passes", "fails"),
    [
        ("{type: levenshtein, value: hello}", "hexxxxxo", "hexxxxxxxo"),
        ("{type: levenshtein, value: hello, threshold: 1}", "hallo", "halle"),
        ("{type: is-sql}", "SELECT `a` FROM t", "SELECT FROM FROM"),
        ("{type: is-sql, value: {databaseType: PostgresQL}}", "SELECT a::int FROM t", "SELECT FROM FROM"),
        ("{type: word-count, value: {min: 2, max: 3}}", " one two three ", "one"),
        ("{type: word-count, value: 2}", "one two", "one two three"),
        ("{type: word-count, value: {max: 1}}", "", "one two"),
        ("{type: not-contains-all, value: [a, b]}", "a", "bxa"),
    ],
)
def test_an_assert_and_its_check_agree(written, passes, fails):
    config = f"prompts: [Say it]\ntests:\n  - assert: [{written}]\n"
    (task,), notices = tasks(config, category="c")
    assert notices == []
    for text, ok in ((passes, True), (fails, False)):
        assert [one["ok"] for one in run_checks(task.checks, text=text)] == [ok], text


@pytest.mark.parametrize(
    "written",
    [
        "{type: is-sql, value: {allowedTables: [a]}}",
        "{type: is-sql, value: {databaseType: Noql}}",
        "{type: levenshtein, value: a, threshold: x}",
        "{type: word-count, value: many}",
        "{type: word-count, value: 99999999}",
    ],
)
def test_an_assert_that_no_check_can_judge_is_named(written):
    (task,), notices = tasks(f"prompts: [Say it]\ntests:\n  - assert: [{written}]\n", category="c")
    assert task.checks == []
    assert "is left out" in notices[0]


@pytest.mark.parametrize(
    "content",
    [
        "\n" * 60_000 + "!,prompt\n1,a\n",
        " \n#\n---\n" * 8_000 + "!,prompt\n1,a\n",
        "sep=;" + "\t" * 500_000 + "x\n",
        " " * 60_000 + "a\n",
    ],
)
def test_what_format_a_file_is_in_is_found_in_time_that_grows_with_its_size(content):
    """Patterns that try every way to split white space take hours, or for ever."""
    head = Head(file(content), Limits())
    assert not promptfoo.FORMAT.recognises(head)
    assert not openai_evals.FORMAT.recognises(head)
    with contextlib.suppress(UnreadableError):
        list(read_rows(file(content), Layout(("prompt",), tasks=True), Problems()))


@pytest.mark.parametrize("before", ["\n\n# x\n---\n", "\r\n  # x\r\n", "--- \n"])
def test_comments_and_blank_lines_may_stand_before_a_configuration(before):
    assert promptfoo.FORMAT.recognises(Head(file(before + CONFIG), Limits()))
