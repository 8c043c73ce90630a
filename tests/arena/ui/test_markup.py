"""Hostile text comes out as text, and what was written is what is shown: no character changed, lost or unseen."""

import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.ui.markup import MOST, VERSION, first_line, render, render_code, render_raw, visible
from arena.ui.rendering.colours import LANGUAGES, coloured
from tests.arena.ui.hostile import HOSTILE

TAGS = set(
    "bdi blockquote br code details div em h3 h4 h5 h6 hr li ol p pre s span strong summary table tbody td th thead tr ul".split()  # noqa: E501, SIM905
)
MATHS = set(
    "math mrow mi mn mo mtext mspace msup msub msubsup mfrac msqrt mroot mtable mtr mtd munder mover munderover mstyle".split()  # noqa: E501, SIM905
)
CLASSES = set(
    "address c code code--wrap formula formula--own gd gi k n plain s tex unseen wide boxed struck ruled-end ruled-below".split()  # noqa: E501, SIM905
)
ATTRIBUTES = {
    "dir": re.compile("auto|ltr|rtl"),
    "tabindex": re.compile("0"),
    "start": re.compile(r"\d+"),
    "value": re.compile(r"\d+"),
    "role": re.compile("group|img"),
    "aria-label": re.compile(r"Table|(?:U\+[0-9A-F]{4,6}[^<>]*)"),
    "title": re.compile(r"U\+[0-9A-F]{4,6}[^<>]*"),
    "data-code": re.compile(r"[0-9A-F +,]+"),
}


class Page(HTMLParser):
    """Every tag and attribute and all text, as a browser would find them; a block ends its line."""

    BLOCKS = frozenset("p li h3 h4 h5 h6 pre blockquote tr ol ul table div details summary br td th hr".split())  # noqa: SIM905

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(tag, name, value) for name, value in attrs}
        self._end_line(tag)

    def handle_endtag(self, tag):
        self._end_line(tag)

    def _end_line(self, tag):
        if tag in self.BLOCKS and not self.text.endswith("\n"):
            self.text += "\n"

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.tags.add("!--")

    def handle_decl(self, decl):
        self.tags.add("!")

    def handle_pi(self, data):
        self.tags.add("?")


def is_ours(tag, name, value):
    if name == "class":
        return set(value.split()) <= CLASSES
    if tag in MATHS:
        return name == "alttext" or (re.fullmatch(r"[a-z]+", name) is not None and not name.startswith("on"))
    return name in ATTRIBUTES and ATTRIBUTES[name].fullmatch(value) is not None


def assert_harmless(html):
    page = Page(html)
    assert page.tags <= TAGS | MATHS
    assert [one for one in page.attributes if not is_ours(*one)] == []
    # An override outside its sign would turn the letters beside it.
    assert not re.search(r"(?<!>)[\u202d\u202e](?!</bdi>)", re.sub(r"<bdi.*?</bdi>", "", html))


def seen(html):
    return re.sub(r"\n+", "\n", Page(html).text).strip("\n")


GALLERY = [json.loads(line) for line in Path(__file__).with_name("gallery.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", [name for name in HOSTILE if not name.startswith("slow")])
def test_hostile_text_comes_out_harmless(name):
    """In full length; what the browser's test shows of the slow ones is their beginning."""
    assert_harmless(render(HOSTILE[name]))


@pytest.mark.parametrize(
    "piece",
    [
        "[]\n",
        "|\n",
        "// a\n",
        "a\n-\n",
        "[",
        "*_",
        "`",
        "a\u200b",
        "\\(a\\) ",
        '{"a":1},\n',
        "> >> a\n",
        "- - - a\n",
        "# h\n",
    ],
)
def test_text_made_to_be_slow_is_rendered(piece):
    """Rules that go back and forth over it would keep the test from ending."""
    assert render(piece * (MOST // len(piece)))


@given(
    st.text(
        alphabet=st.sampled_from(
            list("<>&\"'`*_[]()!#|:-\\/\n =;${}^ascriptonimghref0x\u202e\u200b\u2028\x00\U00100000")
        ),
        max_size=200,
    )
)
def test_any_text_comes_out_harmless(text):
    html = render(text)
    assert_harmless(html)
    assert render(text) == html


@given(st.text(max_size=400))
def test_no_letter_or_digit_of_any_text_is_lost(text):
    """Whatever Markdown, JSON and code are read in it. Entities are letters that mean a sign."""
    text = text.replace("&", "+")
    letters = [one for one in text.replace("\r\n", "\n") if one.isalnum()]
    shown = Page(render(text)).text
    assert [one for one in letters if shown.count(one) < letters.count(one)] == []


@pytest.mark.parametrize("case", GALLERY, ids=lambda case: case["name"])
def test_the_gallery_is_shown_character_for_character(case):
    assert seen(render(case["text"])) == case["seen"]
    assert Page(str(render_raw(case["text"])).replace("<pre", "\n<pre")).text.strip("\n") == case["text"].replace(
        "\u2028", "\u2028\n"
    )


def test_the_gallery_is_large_enough_to_mean_something():
    assert len({case["name"] for case in GALLERY}) >= 60
    assert all(case["shows"] for case in GALLERY)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_the_raw_view_is_the_text(text):
    """But for characters that HTML cannot hold, whose signs name them."""
    text = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text)
    body = re.search(r"<pre[^>]*>(.*)</pre>", render_raw(text), re.DOTALL)[1]
    assert Page(body).text == re.sub("([\u2028\u2029])", r"\1", text) or "\u2028" in text or "\u2029" in text


def test_the_renderers_version_changes_with_what_it_makes():
    """Renderings are kept under the version. If this fails because they are made otherwise now: raise `VERSION`, and
    write the new digest beside it."""
    digest = hashlib.sha256("\0".join(render(case["text"]) for case in GALLERY).encode()).hexdigest()[:16]
    assert (VERSION, digest) == (2, "c4621a81cb105c13")


# Characters nobody sees


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("=1+1\u200b", "200B"),
        ("ad\u00admin", "00AD"),
        ("pass\u200cword", "200C"),
        ("a\u202eb", "202E"),
        ("a\u202ab", "202A"),
        ("a\u2067b\nc\u2069", "2067"),
        ("x\ufe00y", "FE00"),
        ("t\U000e0041", "E0041"),
        ("a\x07b", "0007"),
        ("a\x00b", "0000"),
        ("a\ud800b", "D800"),
        ("a\ufdd0b", "FDD0"),
        ("`c\u200b`", "200B"),
        ("```\nd\u200b\n```", "200B"),
        ('{"key": "value\u200b"}', "200B"),
        ("| a\u200b |\n|---|", "200B"),
        ("[w](x\u200b)", "200B"),
    ],
)
def test_what_nobody_sees_has_a_sign_that_names_it(text, code):
    html = render(text)
    assert f'data-code="{code}"' in html
    assert f'title="U+{code}' in html
    html.encode()


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم",
        "क्\u200dष",
        "👨\u200d👩\u200d👧",
        "👩🏽\u200d💻",
        "❤\ufe0f",
        "葛\U000e0100",
        "\u2068אב\u2069",
        "a\u200fb",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ],
)
def test_what_is_spelling_stays_as_it_is(text):
    assert render(text) == f'<p dir="auto">{text}</p>'


def test_a_run_of_unseen_characters_is_one_sign():
    html = render("a" + "\u200b" * 5000 + "b")
    assert html.count("<bdi") == 1
    assert "+4,992" in html


def test_private_characters_of_a_text_are_its_own():
    text = "\U00100000 and \U0010fffd beside \u200b"
    assert Page(render(text)).text.strip() == text


def test_names_and_reasons_lose_what_nobody_sees_and_keep_their_spelling():
    assert visible("a\u200bb\u202ec\x07\r\nd") == "abc\nd"
    assert visible("می‌خواهم 👨\u200d👩") == "می‌خواهم 👨\u200d👩"
    assert visible("Chat\u200cGPT \u200fx") == "ChatGPT \u200fx"


# Markdown


def test_markdown_is_dressed_in_our_classes():
    html = render(
        "# Top\n\n## Mid\n\n### Low\n\n| a | n |\n|---|--:|\n| x | 1 |\n\n"
        "```python\nreturn 1  # one\n```\n\n~~no~~ **yes**"
    )
    assert '<h3 dir="auto">Top</h3>' in html
    assert '<h4 dir="auto">Mid</h4>' in html
    assert '<h5 dir="auto">Low</h5>' in html
    assert '<div class="wide" tabindex="0" role="group" aria-label="Table"><table dir="ltr">' in html
    assert '<td dir="auto" class="n">1</td>' in html
    assert '<code><span class="k">return</span> <span class="s">1</span>' in html
    assert '<span class="c"># one</span>' in html
    assert "<s>no</s> <strong>yes</strong>" in html


def test_lists_and_quotes_run_in_the_direction_of_their_words():
    html = render("- مرحبا\n- x\n\n> שלום\n\n1. a\n2. ب")
    assert '<ul dir="rtl">\n<li dir="rtl">مرحبا</li>\n<li dir="ltr">x</li>' in html
    assert '<blockquote dir="rtl">' in html
    assert '<ol dir="ltr">\n<li dir="ltr">a</li>\n<li dir="rtl">ب</li>' in html


def test_lists_show_the_numbers_that_were_written():
    assert '<ol start="3" dir="ltr">' in render("3. three")
    assert '<li value="7" dir="ltr">' in render("1. a\n2. b\n7. c")
    assert "value" not in render("1. a\n1. b\n1. c")


def test_lines_stay_lines():
    assert render("one\ntwo") == '<p dir="auto">one<br>\ntwo</p>'
    assert render("make \\\n  all") == '<p dir="auto">make \\<br>\nall</p>'


def test_what_is_nested_too_deeply_is_shown_flat():
    html = render("> " * 90 + "deep **words**")
    assert html.count("<blockquote") == 20
    assert Page(html).text.count("> ") == 70
    assert "deep **words**" in Page(html).text


def test_a_long_text_is_cut_and_says_so():
    html = render("word " * MOST)
    assert html.endswith(f"<p><em>Cut here: {MOST:,} of {MOST * 5:,} characters are shown.</em></p>")
    assert len(html) < MOST + 200
    assert "Cut here" not in render("x" * MOST)


def test_so_much_markup_goes_on_as_it_was_written():
    text = "".join(f"- item **{n}**\n" for n in range(3000))
    html = render(text)
    assert "From here on as it was written" in html
    assert "<strong>5</strong>" in html
    shown = seen(html).split("\n")
    assert "- item **2999**" in shown
    assert {f"item {n}" for n in range(3000)} == {
        line.replace("*", "").removeprefix("- ") for line in shown if "item" in line
    }


def test_nothing_to_see_renders_as_nothing():
    assert render(" \n") == ""


def test_the_gist_is_the_first_line_cut_at_a_length():
    assert first_line("\n\n  First\u202e line \nsecond") == "First line"
    assert first_line("x" * 500, most=10) == "x" * 9 + "…"
    assert first_line("") == ""


# Code


@given(st.text(max_size=300), st.sampled_from(sorted({*LANGUAGES, "nothing"})))
def test_colouring_code_changes_no_character_of_it(code, language):
    code = code.replace("\r", "")
    assert Page("<i>" + coloured(code, language)).text == code


def test_a_lexer_that_repeats_the_text_is_not_believed():
    code = "<<A\n" * 200
    assert coloured(code, "terraform") == code.replace("<", "&lt;")


@pytest.mark.parametrize(
    ("language", "code", "html"),
    [
        ("html", '<a b="c">', '&lt;<span class="k">a</span> <span class="n">b</span>=<span class="s">"c"</span>&gt;'),
        ("css", "p { color: red }", '<span class="k">p</span>'),
        ("xml", "<x/>", '<span class="k">&lt;x/&gt;</span>'),
        ("diff", "- a\n+ b", '<span class="gd">- a</span>\n<span class="gi">+ b</span>'),
        ("sql", "SELECT 1", '<span class="k">SELECT</span>'),
        ("java", "class A {}", '<span class="k">class</span>'),
    ],
)
def test_languages_that_answers_are_written_in_are_coloured(language, code, html):
    assert html in render_code(code, language)


PROSE = (
    "Steps:\nx = 2\ny = 3\nSo the answer is 5.",
    "for example, we have:\n    an indent",
    "Roses are red;\nViolets are blue;\nSugar is sweet (too);",
    "[1] Smith, 2020\n[2] Jones",
    "import duties\nexport duties",
    "From: me\nTo: you\nSubject: x",
    "with love:\n    me",
    "$ 5 to pay\n$ 6 to get",
    "<answer>\nThe answer is 42\n</answer>",
    "Select the first;\nwhere it is, I know not.",
    "# A heading\n\nText under it.",
    "class act:\n- one\n- two",
    "return to sender\nprint on demand",
    "{a set} of things\n[a list] of others",
    "Dear all,\n\nplease (if you can) come;\nor write.",
)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not_taken_for_code(text):
    assert "<pre" not in render(text)


def test_a_fence_in_a_fence_stays_one_block():
    text = "```\n> ```\ndef f():\n    pass\n```"
    assert seen(render(text)) == "> ```\ndef f():\n    pass"


def test_json_is_spread_and_stays_as_it_was_written_one_click_away():
    written = '{"b": 1.0, "a": "\\u00e9\\\\", "b": 2}'
    html = render(f"Here:\n{written}\nDone.")
    assert Page(html).text.count('"b": 1.0') == 2
    assert '\n  "b": 2\n}' in Page(html).text
    assert "<details><summary>As written</summary>" in html
    assert written in Page(html).text


# Formulas


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 to $10 a month.",
        "Between $5-$10, or 5$ and 6$.",
        "echo $HOME:$PATH and ${x}",
        "US$5 and A$6",
        "`$x$` and ``\\(y\\)``",
        "\\[citation needed\\] and \\(see below\\)",
        "jQuery: $('#a').on('x', $)",
        "Pay $100 and get $20 back",
    ],
)
def test_what_is_no_formula_is_not_taken_for_one(text):
    assert "<math" not in render(text)


@pytest.mark.parametrize(
    "source",
    [
        r"\href{javascript:1}{x}",
        r"\color{white}{\phantom{x}}",
        r"\class{a}{x}",
        r"\style{color:red}{x}",
        r"\hspace{-9em}x",
        r"\unknown{x}",
        r"\frac{1}",
        "{" * 1000 + "x" + "}" * 1000,
    ],
)
def test_what_cannot_be_set_stays_verbatim(source):
    html = render(rf"\({source}\)")
    assert "<math" not in html
    assert source in Page(html).text


@pytest.mark.parametrize(
    ("text", "mathml"),
    [
        (r"\(p^*\)", "<msup><mi>p</mi><mo>*</mo></msup>"),
        (r"\(50% x\)", "<mn>50</mn><mi>%</mi>"),
        (r"$\boxed{42}$", '<mrow class="boxed">'),
        ("| $|x|$ | b |\n|---|---|", "<mi>x</mi>"),
        ("$$\na \\\\\n- b\n$$", "<mtr><mtd><mi>a</mi></mtd></mtr>"),
        ("> $$\n> a = b\n> $$", "<mi>a</mi><mo>=</mo><mi>b</mi>"),
        (r"\(\begin{array}{c|c}1&2\\\hline 3&4\end{array}\)", 'class="ruled-end'),
    ],
)
def test_formulas_are_set(text, mathml):
    assert mathml in render(text)


def test_every_process_renders_the_same_bytes():
    text = "| a | n |\n|---|--:|\n| x | 1 |\n\n3. three\n\n```python\nreturn 1  # one\n```\n\\(x^2\\) \u200b"
    command = [sys.executable, "-c", f"from arena.ui.markup import render; print(render({text!r}))"]
    outputs = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert outputs == {(render(text) + "\n").encode()}
