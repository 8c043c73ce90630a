"""What templates get from `{% load ui %}`."""

import datetime as dt
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template

from arena.models import Role, User
from arena.ui.specimens import SpecimenForm
from arena.ui.templatetags import ui

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def render(source, **context):
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "just now"), (40, "40 seconds ago"), (240, "4 minutes ago"), (7200, "2 hours ago"), (86400 * 3, "3 days ago"),
     (86400 * 40, "on 13 Oct 2026")],
)  # fmt: skip
@time_machine.travel(NOW, tick=False)
def test_ago_says_how_long_and_keeps_the_full_time(seconds, words):
    html = ui.ago(NOW - dt.timedelta(seconds=seconds))
    assert f">{words}</time>" in html
    assert 'datetime="2026-' in html
    assert 'title="' in html


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW.replace(hour=9, minute=12), "today 09:12"),
        (NOW - dt.timedelta(days=1, hours=3), "yesterday 09:00"),
        (dt.datetime(2026, 11, 19, 16, 40, tzinfo=dt.UTC), "19 Nov 16:40"),
        (dt.datetime(2025, 3, 1, 8, 0, tzinfo=dt.UTC), "1 Mar 2025 08:00"),
    ],
)
@time_machine.travel(NOW, tick=False)
def test_lists_name_the_day(moment, words):
    assert f">{words}</time>" in ui.when(moment)


def test_what_is_absent_is_fainter_but_a_zero_is_not():
    assert render("{{ a|count|cell }} {{ b|usd|cell }} {{ c|count|cell }}", a=None, b=None, c=0) == (
        '<span class="faint">–</span> <span class="faint">no price</span> 0'
    )


def test_slugs_are_set_in_mono_and_text_is_escaped():
    html = ui.mono("gpt-4 beats gpt-4@2 & <b>. It is gpt-4. Not gpt-4-mini.", ["gpt-4", "gpt-4@2"])
    assert html == (
        '<span class="mono">gpt-4</span> beats <span class="mono">gpt-4@2</span> &amp; &lt;b&gt;. '
        'It is <span class="mono">gpt-4</span>. Not gpt-4-mini.'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("It leads. About 160 more votes, likely 50 to 500.",
         'It leads. <span class="hi">About 160 more votes</span>, likely 50 to 500.'),
        ("It leads.", 'It leads. That takes <span class="hi">about 160 more votes</span>, likely 50 to 500.'),
    ],
)  # fmt: skip
def test_the_number_to_act_on_is_highlit_once(text, html):
    assert ui.highlit(text, "about 160 more votes, likely 50 to 500") == html


def test_what_is_highlit_is_escaped_and_found_where_it_stands():
    assert ui.highlit("<i>", "") == "&lt;i&gt;"
    # Two of these letters are one more when their case is folded.
    html = 'Straße, Straße: <span class="hi">3 more votes</span>.'
    assert ui.highlit("Straße, Straße: 3 more votes.", "3 more votes") == html
    assert ui.highlit("<b>", "3 < 4") == '&lt;b&gt; That takes <span class="hi">3 &lt; 4</span>.'


def test_without_a_number_nothing_is_highlit():
    assert ui.highlit("It leads.", "") == "It leads."


def test_mono_without_names_only_escapes():
    assert ui.mono("<i>", None) == "&lt;i&gt;"


def test_a_role_reaches_as_far_as_it_goes():
    editor = User(username="e", role=Role.EDITOR)
    source = '{% if user|may:"reviewer" %}votes{% endif %} {% if user|may:"admin" %}all{% endif %}'
    assert render(source, user=editor) == "votes "
    assert render(source, user=AnonymousUser()) == " "


def test_a_lead_that_cannot_be_drawn_is_not():
    nothing = SimpleNamespace(lead=None, low=None, high=None, margin=0.0, challenger=None)
    assert ui.lead_gap(nothing) is None


def test_an_error_takes_the_helps_place_and_describes_the_control():
    form = SpecimenForm({"name": "fine", "budget": "4O", "kind": "openai"})
    html = render('{% include "ui/_field.html" with field=form.budget only %}', form=form)
    assert 'aria-describedby="id_budget_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_budget_error"' in html
    good = render('{% include "ui/_field.html" with field=form.name only %}', form=form)
    assert 'aria-describedby="id_name_helptext"' in good
    assert "is-wrong" not in good


def test_tags_ignore_what_is_no_dictionary():
    assert ui.get(None, "a") == ""
    assert ui.get({"a": "routed"}, "a") == "routed"


@pytest.mark.parametrize(
    ("name", "within"), [("Code", "code"), ("SQL", "SQL"), ("JSON extraction", "JSON extraction"), ("", "")]
)
def test_a_name_within_a_sentence_keeps_its_capitals_if_it_is_made_of_them(name, within):
    assert Template("{% load ui %}{{ name|within }}").render(Context({"name": name})) == within
