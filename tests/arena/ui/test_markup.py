"""Hostile text comes out as text. The corpus holds what sanitisers were broken with, and what would unblind."""

import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.ui.highlight import highlight
from arena.ui.markup import MOST, first_line, render, visible

TAGS = set(
    "blockquote br code div em h3 h4 hr li ol p pre s span strong table tbody td th thead tr ul".split()  # noqa: SIM905
)
ATTRIBUTES = {
    ("pre", "class", "code"),
    ("pre", "tabindex", "0"),
    ("div", "class", "wide"),
    ("td", "class", "n"),
    ("th", "class", "n"),
    ("span", "class", "c"),
    ("span", "class", "k"),
    ("span", "class", "s"),
}


class Outline(HTMLParser):
    """Every tag and attribute, as a browser would find them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(tag, name, value) for name, value in attrs if (tag, name) != ("ol", "start")}

    def handle_comment(self, data):
        self.tags.add("!--")

    def handle_decl(self, decl):
        self.tags.add("!")

    def handle_pi(self, data):
        self.tags.add("?")


def assert_harmless(html):
    outline = Outline(html)
    assert outline.tags <= TAGS
    assert outline.attributes <= ATTRIBUTES
    assert visible(html) == html


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://tracker.example/pixel.png)",
    "![x][r]\n\n[r]: https://tracker.example/pixel.png",
    '[click](https://phish.example "title")',
    "[click](javascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "<https://auto.example/link>",
    "[![x](https://a.example/i.png)](https://b.example)",
    "<a href='https://x.example'>x</a>",
    "<q cite='https://x.example'>x</q>",
    "<blockquote cite='https://x.example'>x</blockquote>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x>]]>",
    "<?php echo 1 ?>",
    "<style>@import 'https://x.example/a.css';</style>",
    "<div style='position:fixed;inset:0' class='verdict'>over all</div>",
    "<form action='/vote/'><button name=choice value=left>A</button></form>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<base href='https://x.example/'>",
    "<meta http-equiv=refresh content='0;url=https://x.example'>",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "```python\" onload=alert(1) x=\"\nx = '</span><script>'\n```",
    "`</code><script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "| a | b |\n|:--|--:|\n| <b>x</b> | [y](https://x.example) |",
    "# <img src=x onerror=alert(1)>",
    "1. <script>\n2. </script>",
    "a\u202egnp.exe\u202c b",
    "a&#8238;gnp.exe&#x202C; b",
    "zero\u200bwidth\u200dand\ufeffmore\u2060",
    "tag\U000e0041\U000e0042s",
    "\x00\x1b[31mred\x07",
    "&NegativeMediumSpace;&zwnj;&rlm;&shy;x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_out_harmless(text):
    assert_harmless(render(text))


@given(
    st.text(
        alphabet=st.sampled_from(list("<>&\"'`*_[]()!#|:-\\/\n =;ascriptonimghref0x\u202e\u200b\x00")), max_size=200
    )
)
def test_any_text_comes_out_harmless(text):
    html = render(text)
    assert_harmless(html)
    assert render(text) == html


@given(st.text(max_size=300), st.sampled_from(["python", "js", "sql", "nothing"]))
def test_colouring_code_changes_no_character_of_it(code, language):
    words = Words(highlight(code, language))
    assert words.text == code.replace("\r\n", "\n").replace("\r", "\n") or words.text == code


class Words(HTMLParser):
    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.feed(html)
        self.close()

    def handle_data(self, data):
        self.text += data


def test_every_process_renders_the_same_bytes():
    text = "| a | n |\n|---|--:|\n| x | 1 |\n\n3. three\n\n```python\nreturn 1  # one\n```"
    command = [sys.executable, "-c", f"from arena.ui.markup import render; print(render({text!r}))"]
    outputs = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert outputs == {(render(text) + "\n").encode()}


def test_links_keep_their_words_and_images_their_description():
    html = render('Read [the docs](https://x.example "t"), see ![a chart](https://x.example/i.png) and ![](i.png).')
    assert html == "<p>Read the docs, see [image: a chart] and [image].</p>"


def test_markdown_is_dressed_in_our_classes():
    html = render(
        "# Top\n\n#### Deep\n\n| a | n |\n|---|--:|\n| x | 1 |\n\n```python\nreturn 1  # one\n```\n\n~~no~~ **yes**"
    )
    assert "<h3>Top</h3>" in html
    assert "<h4>Deep</h4>" in html
    assert '<div class="wide"><table>' in html
    assert '<td class="n">1</td>' in html
    assert '<pre class="code" tabindex="0"><code><span class="k">return</span> <span class="s">1</span>' in html
    assert '<span class="c"># one</span>' in html
    assert "<s>no</s> <strong>yes</strong>" in html


def test_lines_stay_lines_and_numbers_go_on():
    assert render("one\ntwo") == "<p>one<br>\ntwo</p>"
    assert render("3. three").startswith('<ol start="3">')


def test_reference_definitions_do_not_vanish():
    assert "[1]: https://x.example" in render("See [1].\n\n[1]: https://x.example")


def test_a_long_text_is_cut_and_says_so():
    html = render("word " * MOST)
    assert html.endswith(f"<p><em>Cut here: {MOST:,} of {MOST * 5:,} characters are shown.</em></p>")
    assert len(html) < MOST + 200
    assert "Cut here" not in render("x" * MOST)


def test_nothing_to_see_renders_as_nothing():
    assert render(" \n\u200b\u202e") == ""


def test_the_gist_is_the_first_line_cut_at_a_length():
    assert first_line("\n\n  First\u202e line \nsecond") == "First line"
    assert first_line("x" * 500, most=10) == "x" * 9 + "…"
    assert first_line("") == ""


@pytest.mark.parametrize("piece", ["[", "![", "[a](", "*_", "> ", "`", "<", "&#0;", "a|", "***", '"""', "/*", "'\\"])
def test_text_made_to_be_slow_is_rendered(piece):
    """Patterns that go back and forth over it would keep the test from ending."""
    text = piece * (MOST // len(piece))
    assert_harmless(render(text))
    assert_harmless(render(f"```python\n{text}\n```"))


def test_a_text_made_of_table_rows_is_shown_as_lines():
    """Parsing so many rows would take seconds."""
    rows = "|a|b|\n|-|-|\n" + " |1|\n" * 3000
    assert "<table>" not in render(rows)
    assert "<table>" in render(rows[:300])
