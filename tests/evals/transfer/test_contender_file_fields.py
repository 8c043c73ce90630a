"""A file of contenders takes every field that the pages take, within the same limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django import forms

from evals.catalog.forms import ContenderForm, ProviderForm
from evals.transfer.contenders import FIELDS, read_contenders
from evals.transfer.files.errors import Problems
from tests.evals.transfer.conftest import file

# What a page calls otherwise, and what no file may hold.
OTHER_NAMES = {"more": "settings", "name": "provider_name"}
KEYS = {"api_key", "forget_key"}
PAGES = {**ProviderForm.base_fields, **ContenderForm.base_fields}  # type: ignore[attr-defined]
NUMBERS = [
    (OTHER_NAMES.get(name, name), field)
    for name, field in PAGES.items()
    if isinstance(field, forms.IntegerField)  # floats and prices are ones, too
]


def row(**fields: Any) -> Problems:
    """What is wrong with a file of one contender."""
    given = {"slug": "gpt-x", "provider": "openai", "model_name": "gpt-x"} | fields
    problems = Problems()
    read_contenders(file(json.dumps([given]), "contenders.json"), problems)
    return problems


def test_every_field_of_the_pages_is_one_of_the_file():
    assert {OTHER_NAMES.get(name, name) for name in PAGES} - KEYS == set(FIELDS)


@pytest.mark.parametrize(("name", "field"), NUMBERS, ids=[name for name, _ in NUMBERS])
def test_numbers_have_the_same_limits(name: str, field: Any):
    """Just within what the page allows, and just beyond."""
    step = 1 if type(field) is forms.IntegerField else 0.01
    for bound, beyond in ((field.min_value, -step), (field.max_value, step)):
        if bound is None:
            continue  # prices have no upper bound but their digits
        assert not row(**{name: bound}).total, bound
        assert row(**{name: bound + beyond}).total == 1, bound + beyond


@pytest.mark.parametrize("value", ["warm", True, "-0.1", "NaN", [0.7]])
def test_a_temperature_is_a_number(value: Any):
    assert "Write a number from 0 to 5" in str(row(temperature=value).errors)


def test_a_setting_is_given_once():
    assert "temperature twice" in str(row(temperature=0.2, settings={"temperature": 0.3}).errors)


def test_a_system_prompt_has_the_page_s_limit():
    assert not row(system="x" * 20_000).total
    assert row(system="x" * 20_001).total == 1
