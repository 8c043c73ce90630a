"""Words around figures and names: plurals, lists and suggestions."""

from __future__ import annotations

import pytest
from django.template import Context, Template

from arena.ui.wording import count, did_you_mean, listed, plural


@pytest.mark.parametrize(
    ("n", "nouns", "written"),
    [
        (1, ("vote",), "1 vote"),
        (0, ("vote",), "0 votes"),
        (1204, ("vote",), "1,204 votes"),
        (2, ("category", "categories"), "2 categories"),
    ],
)
def test_a_count_has_its_plural_in_python_and_in_templates(n, nouns, written):
    assert count(n, *nouns) == written
    assert plural(n, *nouns) == written.partition(" ")[2]
    template = Template('{% load ui %}{{ n|counted:"' + ",".join(nouns) + '" }}')
    assert template.render(Context({"n": n})) == written


def test_a_verb_follows_its_count():
    template = Template('{% load ui %}{{ n|plural:"waits,wait" }}')
    assert [template.render(Context({"n": n})) for n in (1, 2)] == ["waits", "wait"]


@pytest.mark.parametrize(("words", "written"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")])
def test_a_list_ends_in_and(words, written):
    assert listed(words) == written


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("latency", "Did you mean latency_ms?"),
        ("colour", "Fields: latency_ms, cost."),
        ("latency_ms" * 1000, "Fields: latency_ms, cost."),
    ],
)
def test_what_resembles_a_known_name_is_suggested(name, suggestion):
    assert did_you_mean(name, ["latency_ms", "cost"], otherwise="Fields: latency_ms, cost.") == suggestion


def test_nothing_known_suggests_nothing():
    assert did_you_mean("a", []) == ""
