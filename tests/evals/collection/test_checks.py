"""A task's checks on an answer; both may be hostile."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from evals.collection.checks.fences import chosen_blocks
from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.run import run_checks
from evals.collection.checks.tokens import answer_tokens, estimate_tokens
from evals.collection.checks.vocabulary import CODE, DIALECTS, LANGUAGES
from evals.collection.providers import ToolCall


def verdict(check, text="", **options):
    (found,) = run_checks([check], text=text, **options)
    assert found["type"] == check.get("type", "")
    return found["ok"]


def detail(check, text="", **options):
    return run_checks([check], text=text, **options)[0]["detail"]


def fact(value, match="exact", **fields):
    return {"type": "reference", "value": value, "match": match, **fields}


FENCED = """Do this:

```bash
pip install x
```

then

```python
a = 1
```

   ```python
   b = (
   ```
"""


@pytest.mark.parametrize(
    ("check", "passes", "fails"),
    [
        ({"type": "equals", "value": "Paris"}, " Paris\n", "Paris."),
        ({"type": "equals", "value": "Paris", "ignore_case": True}, "PARIS", "Par is"),
        ({"type": "contains", "value": "Straße"}, "die Straße.", "die STRASSE."),
        ({"type": "contains", "value": "Straße", "ignore_case": True}, "die STRASSE.", "die Gasse"),
        ({"type": "regex", "pattern": r"^\d{4}-\d\d$"}, "2026-11", "in 2026-11"),
        ({"type": "regex", "pattern": "yes", "ignore_case": True}, "Oh YES", "no"),
        ({"type": "max_chars", "value": 3}, "日本語", "four"),
        ({"type": "number", "value": 42}, "6 × 7 = 42", "42 is not 43"),
        ({"type": "number", "value": 1234.5, "tolerance": 0.5}, "about $1,235", "1,236"),
        ({"type": "number", "value": -3}, "it is −3 °C", "3"),
        ({"type": "number", "value": 6e23}, "6e23", "6e22"),
        ({"type": "number", "value": 1}, "0.9999999999999999", "no number"),
        ({"type": "not_refusal"}, "Here you are.", "I'm sorry, but I can't help with that."),
        ({"type": "json_schema", "schema": {"type": "object", "required": ["a"]}}, '{"a": 1}', '{"b": 1}'),
        ({"type": "json_schema", "schema": {"type": "array"}}, "```json\n[1]\n```", "Here: [1]"),
        ({"type": "json_schema", "schema": {"$ref": "#/$defs/n", "$defs": {"n": {"minimum": 3}}}}, "3", "2"),
        ({"type": "json"}, "```json\n[1, 2]\n```", "[1, 2"),
        ({"type": "json"}, '"text"', "NaN"),
        (fact("Paris"), "**paris**.", "Paris, Texas"),
        (fact("Paris", ignore_case=False), "“Paris”", "paris"),
        (fact("H2O", accepted=["water"]), "Water!", "H2O2"),
        (fact("Iran", "contains"), "It is *Iran*.", "It is Iranian."),
        (fact("4", "contains"), "2 + 2 = 4, as ever.", "It is 14."),
        (fact("3", "contains"), "There are 3.", "There are 3.5."),
        (fact("5", "contains"), "at -5 or 5", "at -5"),
        (fact("巴黎", "contains"), "法国的首都是巴黎。", "北京"),
        (fact("9.81", "number", tolerance=0.02), "about 9.8 m/s²: 9.80", "9.9"),
        (fact("1,000", "number", accepted=["12"]), "12", "13"),
        (fact(r"\bno(t| such)\b", "regex"), "There is NO such mountain.", "It is Everest."),
        ({"type": "similar", "value": "kitten"}, "kitten\n", "sitting"),
        ({"type": "similar", "value": "kitten", "max_edits": 3}, "sitting", "sittings"),
        ({"type": "similar", "value": "The quick brown fox"}, "The quick brown fax", "A slow brown dog"),
        ({"type": "max_tokens", "value": 20}, "Ten short words.", "word " * 60),
        ({"type": "language", "value": "de"}, "Die Bestellung wird morgen verschickt.", "The order ships tomorrow."),
        (
            {"type": "language", "value": "de"},
            "Klicke im Dashboard auf `Reset`, dann kommt ein Magic Link per E-Mail.",
            "Klik in het dashboard op reset, dan komt er een link per e-mail.",
        ),
        ({"type": "language", "value": "ja"}, "設定ページでAPIキーを作成できます。", "您可以在设置页面创建密钥。"),
        (
            {"type": "language", "value": "en"},
            "When you are in Paris, order by saying “Je voudrais un café noir, s'il vous plaît”.",
            "À Paris, commandez un café noir en disant “please, a coffee”.",
        ),
        ({"type": "sql"}, "```sql\nSELECT a FROM t;\nDELETE FROM t\n```", "SELECT * FORM t"),
        ({"type": "sql", "dialect": "mysql"}, "SELECT `a` FROM t", "Here is the query"),
        ({"type": "sql", "dialect": "postgres"}, "SELECT a::int FROM t", "SELECT `a` FROM t"),
        ({"type": "code", "language": "python", "block": "first"}, FENCED, "```python\nx = \n```"),
        ({"type": "code", "language": "bash"}, FENCED, "```python\nx = 1\n```"),
    ],
)
def test_what_passes_and_what_fails(check, passes, fails):
    assert verdict(check, passes)
    assert not verdict(check, fails)


def test_tool_calls_by_name_and_wanted_arguments():
    check = {"type": "tool_call", "name": "weather", "arguments": {"city": "Rome"}}

    assert verdict(check, tool_calls=[ToolCall("1", "weather", '{"city": "Rome", "unit": "C"}')])
    assert not verdict(check, tool_calls=[ToolCall("1", "weather", '{"city": "Bonn"}')])
    assert not verdict(check, tool_calls=[ToolCall("1", "weather", "{broken")])
    assert not verdict(check, tool_calls=[ToolCall("1", "time", '{"city": "Rome"}')])
    assert verdict({"type": "tool_call", "name": "now"}, tool_calls=[ToolCall("1", "now", "")])


CODE_CASES = [
    ("python", "def f(x: int) -> int:\n    return x", "def f(x:\n"),
    ("json", '{"a": [1]}', "{a: 1}"),
    ("javascript", "const f = async (x) => `${x}`;", "const = 3;"),
    ("typescript", "interface A { x: number }", "interface { x: }"),
    ("tsx", "const e = <b>{x as string}</b>;", "const e = <b>"),
    ("java", "class A { int f() { return 1; } }", "class { int }"),
    ("go", "package main\nfunc main() {}", "func {"),
    ("rust", "fn main() { let x: Vec<i32> = vec![1]; }", "fn main( { let }"),
    ("c", "int main(void) { return 0; }", "int main( { return }"),
    ("cpp", "template<class T> T f(T a) { return a; }", "template<class T f( {"),
    ("csharp", "class A { int X => 1; }", "class { int"),
    ("bash", 'for f in *; do echo "$f"; done', "if [ -f x ]; then echo"),
    ("css", "a:hover { color: red; }", "a { color: red;"),
    ("php", "<p><?php echo 1; ?></p>", "function ( {"),
    ("ruby", "def f(a)\n  a + 1\nend", "def f(a\n a +"),
]


@pytest.mark.parametrize(("language", "parses", "does_not"), CODE_CASES)
def test_every_language_of_code_is_parsed(language, parses, does_not):
    check = {"type": "code", "language": language}
    assert verdict(check, f"```{CODE[language].labels[0]}\n{parses}\n```")
    assert detail(check, does_not).startswith(f"is not {CODE[language].name}: ")


def test_the_languages_of_code_are_all_tried():
    assert [language for language, *_ in CODE_CASES] == list(CODE)


def test_which_block_is_judged():
    python = {"type": "code", "language": "python"}
    assert detail(python, FENCED) == "is not Python: block 2, line 1: '(' was never closed"
    assert chosen_blocks(FENCED, labels=("python",), which="last") == (["b = ("], "")
    assert verdict(python, "```\nx = 1\n```\n```bash\nls\n```")
    assert detail(python, "```bash\nls\n```") == "is not Python: no block of it, only of bash"
    assert detail(python, "> ```py\n> x = 1\n> ```") == "parses as Python"
    # A fence of another kind inside is text.
    assert not verdict(python, "~~~python\ns = 1\n```\n~~~")
    # An answer that broke off: its last block ends with it.
    assert not verdict(python, "```python\nx = (1,")
    assert detail(python, "") == "is not Python: the answer has no text"


def test_tokens_are_those_that_were_counted_and_else_an_estimate_that_says_so():
    limit = {"type": "max_tokens", "value": 10}
    assert verdict(limit, "word " * 60, tokens=10)
    assert detail(limit, "x", tokens=11) == "has 11 tokens as its provider counted; at most 10"
    assert "by an estimate" in detail(limit, "word " * 60)
    unsure = detail(limit, "A sentence of some forty characters here.")
    assert unsure.startswith("could not be checked: has between 8 and 14 tokens")
    assert detail(limit, "").startswith("could not be checked: its provider counted no tokens")
    # What was thought before is no part of the answer.
    assert answer_tokens(tokens_out=90, tokens_thinking=80, thought=True) == 10
    assert answer_tokens(tokens_out=90, tokens_thinking=None, thought=True) is None
    assert answer_tokens(tokens_out=90, tokens_thinking=None, thought=False) == 90
    low, high = estimate_tokens("東京は日本の首都です。")
    assert low <= 9 <= high


@pytest.mark.parametrize(
    ("check", "text", "says"),
    [
        (fact("Paris"), "**Paris**", "is “Paris”"),
        (fact("Paris", accepted=["Lutetia", "Lutèce"]), "Rome", "is not “Paris”, nor 2 other accepted answers"),
        (fact("42", "number", tolerance=0.5), "41", "ends with 41, right is 42 ± 0.5"),
        (fact("42", "number"), "many", "has no number"),
        (fact("42"), "  ", "the answer has no text"),
        (
            {"type": "similar", "value": "abcdefghij"},
            "abcdefghix",
            "is 1 edit away from the text wanted, a similarity of 0.90: 2 are allowed for a similarity of 0.8",
        ),
        ({"type": "language", "value": "fr"}, "Die Bestellung wird morgen verschickt.", "is German, not French"),
        ({"type": "sql"}, "SELECT a\nFROM", "is not SQL: line 2, column 4: Expected table name"),
        ({"type": "sql"}, "Here is the query", "is not SQL: text that is not a statement"),
        ({"type": "sql"}, "SHOW TABLES", "could not be checked: SHOW statements are not read"),
    ],
)
def test_each_verdict_says_why(check, text, says):
    assert detail(check, text) == says


def test_short_answers_are_rather_not_told_than_taken_for_another_language():
    for text in ("42", "", "```python\nprint()\n```", "https://example.org", "OK", "París es la capital."):
        assert detail({"type": "language", "value": "es"}, text).startswith("could not be checked: not sure")


def test_the_names_in_checks_are_those_of_the_libraries():
    langid = importlib.import_module("py3langid.langid")
    labels = set(langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE).labels)
    assert labels >= LANGUAGES
    assert labels - LANGUAGES == {"wuu", "yue", "nn", "oc", "lij", "ext", "zxx"}
    assert {one.value for one in importlib.import_module("sqlglot").Dialects} >= DIALECTS


def test_a_refusal_that_the_provider_marked_is_one():
    assert not verdict({"type": "not_refusal"}, "Nope.", refused=True)


@pytest.mark.parametrize(
    "check",
    [
        {"type": "regex", "pattern": "^(a+)+$"},
        {"type": "json_schema", "schema": {"type": "string", "pattern": "^(a+)+$"}},
    ],
)
def test_a_check_that_would_take_forever_fails_and_the_next_one_runs(check):
    text = '"' + "a" * 60 + '!"' if check["type"] == "json_schema" else "a" * 60 + "!"

    hostile, harmless = run_checks([check, {"type": "regex", "pattern": "a"}], text=text)

    assert (hostile["ok"], hostile["detail"]) == (False, "could not be checked: took longer than 2 s")
    assert harmless["ok"]


@pytest.mark.parametrize(
    "check",
    [
        {"type": "json_schema", "schema": {"$ref": "http://127.0.0.1:1/schema"}},
        {"type": "json_schema", "schema": {"type": 7}},
        {"type": "json_schema", "schema": {"$ref": "#"}},
        {"type": "regex", "pattern": "("},
        {"type": "regex"},
        {"type": "equals"},
        {"type": "number", "value": "many"},
        {"type": "max_chars", "value": None},
        {"type": "nonsense"},
        {},
        {"type": "reference"},
        {"type": "reference", "value": "x", "match": "fuzzy"},
        {"type": "reference", "value": "(", "match": "regex"},
        {"type": "reference", "value": "many", "match": "number"},
        {"type": "similar"},
        {"type": "max_tokens"},
        {"type": "language"},
        {"type": "language", "value": "de"},
        {"type": "sql", "dialect": "nosql"},
        {"type": "code"},
        {"type": "code", "language": "cobol"},
    ],
)
def test_what_cannot_be_judged_has_not_passed_and_says_why(check):
    (found,) = run_checks([check], text="1")

    assert not found["ok"]
    assert found["detail"]


EVERY: list[dict[str, Any]] = [
    {"type": "json"},
    {"type": "json_schema", "schema": {}},
    {"type": "number", "value": 1},
    {"type": "regex", "pattern": "x"},
    fact("1"),
    fact("1", "contains"),
    fact("1", "number"),
    {"type": "similar", "value": "x"},
    {"type": "max_tokens", "value": 5},
    {"type": "language", "value": "de"},
    {"type": "sql"},
    {"type": "code", "language": "python"},
    {"type": "code", "language": "bash"},
]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "\x00\ud800 1e999",
        "-" * 100_000 + "1",
        "".join(map(chr, range(1, 2000))),
        "a " * 2_500_000,
    ],
    ids=lambda text: f"{len(text)} of {text[:4]!a}",
)
def test_hostile_answers_do_not_raise(text):
    found = run_checks(EVERY, text=text)
    assert len(found) == len(EVERY)
    # Whatever the answer did, the next one is judged.
    assert verdict({"type": "json"}, "[1]")


def test_nothing_of_five_megabytes_is_parsed():
    for check in ({"type": "code", "language": "javascript"}, {"type": "sql"}):
        assert detail(check, "a " * 2_500_000).endswith("up to 200,000 are parsed")
    assert detail({"type": "similar", "value": "x"}, "a" * 5_000_000).endswith("100,000 at most")


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't assist with that request.", True),
        ("I cannot provide medical advice.", True),
        ("As an AI language model, I cannot help with this.", True),
        ("Unfortunately, I won’t create that.", True),
        ("I must respectfully decline.", True),
        ("I'm sorry, but this goes against our policy.", True),
        ("I can't believe how good this is!", False),
        ("I won't forget to share it.", False),
        ("Sorry for the delay! Here is your order.", False),
        ("The agent wrote: “I'm sorry, but I can't help.”", False),
        ("", False),
    ],
)
def test_refusals_are_told_by_how_they_open(text, refuses):
    assert looks_like_refusal(text) is refuses
