"""Which contender a file means by a name."""

from __future__ import annotations

import pytest

from evals.catalog.names import derived_slug
from evals.models import Contender, Provider
from evals.transfer.files.errors import BadRowsError, Problems
from evals.transfer.names import contenders_named

pytestmark = pytest.mark.django_db


def slugs(*names, chosen=None):
    problems = Problems()
    made = contenders_named(
        {name: line for line, name in enumerate(names, start=2)}, chosen=chosen or {}, problems=problems
    )
    problems.raise_if_any()
    return [made[name].slug for name in names]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("GPT 4", "gpt-4"),
        ("LLaMA-2-Chat (70B)", "llama-2-chat-70b"),
        ("Claude v1.2", "claude-v1.2"),
        ("meta-llama/Llama-3-8B", "meta-llama-llama-3-8b"),
        ("gpt-4-0314", "gpt-4-0314"),
        ("vicuna-13b-v1.5", "vicuna-13b-v1.5"),
        ("Llama-2-13b-chat-hf", "Llama-2-13b-chat-hf"),
        ("gpt-x@2", "gpt-x@2"),
        ("Café Noir", "cafe-noir"),
    ],
)
def test_a_slug_is_readable_and_the_name_is_kept(name, slug):
    assert slugs(name) == [slug]
    assert Contender.objects.get().model_name == name
    assert slugs(name) == [slug]


def test_names_in_other_scripts_and_very_long_ones_stay_apart():
    long = "long name " * 20
    made = slugs("Модель 1", "Пример 1", long + "a", long + "b")
    assert len(set(made)) == 4
    assert all(slug.isascii() and len(slug) <= 100 for slug in made)


def test_a_name_is_the_contender_of_that_slug_first():
    provider = Provider.objects.create(slug="p", base_url="http://127.0.0.1:1/v1")
    mine = Contender.objects.create(slug="gpt-4", family="gpt-4", provider=provider, model_name="gpt-4-0613")
    assert slugs("gpt-4") == ["gpt-4"]
    mine.refresh_from_db()
    assert mine.used_at is not None


def test_two_names_that_would_be_one_contender_are_an_error_that_names_both_lines():
    with pytest.raises(BadRowsError) as caught:
        slugs("GPT 4", "GPT (4)")
    assert "line 3: model “GPT (4)” would be contender gpt-4, and so would “GPT 4” on line 2" in str(caught.value)
    assert '--contender "GPT (4)=gpt-4"' in str(caught.value)


def test_saying_that_they_are_the_same_makes_them_one():
    assert slugs("GPT 4", "gpt-4", chosen={"GPT 4": "gpt-4"}) == ["gpt-4", "gpt-4"]


def test_a_name_that_comes_to_somebody_elses_contender_is_an_error():
    provider = Provider.objects.create(slug="p", base_url="http://127.0.0.1:1/v1")
    Contender.objects.create(slug="gpt-4", family="gpt-4", provider=provider, model_name="gpt-4-0613")
    with pytest.raises(BadRowsError, match="gpt-4-0613"):
        slugs("GPT 4")
    assert slugs("GPT 4", chosen={"GPT 4": "gpt-4-web"}) == ["gpt-4-web"]


def test_what_was_chosen_once_is_found_again_by_the_name():
    slugs("GPT 4", chosen={"GPT 4": "gpt-4-web"})
    assert slugs("GPT 4") == ["gpt-4-web"]


def test_a_word_of_our_addresses_is_refused_with_a_way_out():
    with pytest.raises(BadRowsError, match=r"line 2: model “new”.*--contender"):
        slugs("new")
    assert slugs("new", chosen={"new": "new-model"}) == ["new-model"]


def test_derived_slugs_never_exceed_their_length():
    assert len(derived_slug("x" * 500, longest=80)) <= 80
