"""Which listed models join: by name, by a price that is known, so many at a time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.bake_offs.rules import Choice, Rule, choose
from evals.catalog.found import FoundModel
from evals.catalog.price_list import Price


def model(name: str, price: str | None = "1") -> FoundModel:
    known = None if price is None else Decimal(price)
    return FoundModel(model_name=name, usd_per_mtok_input=known, usd_per_mtok_output=known)


def price_of(one: FoundModel) -> Price | None:
    if one.usd_per_mtok_input is None or one.usd_per_mtok_output is None:
        return None
    return Price(input=one.usd_per_mtok_input, output=one.usd_per_mtok_output)


def chosen(models: list[FoundModel], known: tuple[str, ...] = (), **rule: object) -> Choice:
    return choose(models, rule=Rule(**rule), known=known, price_of=price_of)


def joining(*names: str, **rule: object) -> list[str]:
    return [one.model.model_name for one in chosen([model(name) for name in names], most=9, **rule).joining]


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("gpt-*", "gpt-6", True),
        ("gpt-*", "GPT-6", True),
        ("gpt-*", "a/gpt-6", False),
        ("*/gpt-*", "a/gpt-6", True),
        ("gpt-6", "gpt-6-mini", False),
        ("*-mini", "gpt-6-mini", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("gpt-[0-9]", "gpt-6", False),
        ("claude*, gpt-*", "gpt-6", True),
        (",", "gpt-6", True),
    ],
)
def test_names_fit_patterns(pattern: str, name: str, fits: bool):
    assert bool(joining(name, include=pattern)) is fits


def test_a_pattern_made_to_be_slow_is_not():
    assert joining("a" * 255, include="*a" * 190 + "*b") == []


def test_what_is_excluded_does_not_join_and_is_not_told():
    found = chosen([model("gpt-6"), model("gpt-6-preview")], include="gpt-*", exclude="*preview*")
    assert [one.model.model_name for one in found.joining] == ["gpt-6"]
    assert found.kept_out == ()


def test_an_unknown_price_keeps_out_and_is_told_and_is_never_0():
    found = chosen([model("a", None), model("b", "0")], most_usd_input=Decimal(5), most_usd_output=Decimal(5))
    assert [one.model.model_name for one in found.joining] == ["b"]
    assert [(one.model_name, "not known" in one.reason) for one in found.kept_out] == [("a", True)]


def test_a_price_over_the_limit_names_the_side():
    cheap = Price(input=Decimal(1), output=Decimal(1), reasoning=Decimal(9))
    found = choose([model("a")], rule=Rule(most_usd_output=Decimal(2)), known=(), price_of=lambda one: cheap)
    assert found.kept_out[0].reason == "It costs $9.00 for a million tokens out, over the limit of $2.00."


def test_so_many_at_a_time_the_others_wait():
    found = chosen([model(name) for name in "abcd"], known=("b",), most=2)
    assert [one.model.model_name for one in found.joining] == ["a", "c"]
    assert [one.model_name for one in found.kept_out] == ["d"]
    assert "next time" in found.kept_out[0].reason
