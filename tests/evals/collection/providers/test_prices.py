"""An unknown price is None, never 0."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.catalog.price_list import Price
from evals.collection.providers import Usage, cost_of

OPENAI = "https://api.openai.com/v1"


def cost(tokens_in=1_000_000, tokens_out=500_000, own=(None, None), base_url=OPENAI, model_name="gpt-4o-mini", **usage):
    price = None if None in own else Price(input=own[0], output=own[1])
    return cost_of(
        Usage(tokens_in=tokens_in, tokens_out=tokens_out, **usage), own=price, base_url=base_url, model_name=model_name
    ).usd


def test_what_the_provider_charges_comes_first():
    assert cost(own=(Decimal("2.5"), Decimal(10)), cost_usd=Decimal("0.0123")) == Decimal("0.0123")


def test_then_the_contenders_own_prices():
    assert cost(own=(Decimal("2.5"), Decimal(10))) == Decimal("7.5")


def test_a_price_of_zero_is_a_price():
    assert cost(own=(Decimal(0), Decimal(0)), base_url="http://127.0.0.1:11434/v1") == 0


def test_hosted_models_are_in_the_price_list():
    assert cost() > 0
    assert cost(tokens_in_cached=1_000_000) < cost()


@pytest.mark.parametrize(
    ("base_url", "model_name"),
    [
        ("http://127.0.0.1:11434/v1", "gpt-4o-mini"),
        ("https://attacker.example/api.openai.com", "gpt-4o-mini"),
        (OPENAI, "no-such-model-at-all"),
    ],
)
def test_what_the_list_does_not_know_has_no_price(base_url, model_name):
    assert cost(base_url=base_url, model_name=model_name) is None


def test_half_a_price_is_none():
    assert cost(own=(Decimal(1), None), base_url="http://127.0.0.1:11434/v1") is None


def test_tokens_nobody_counted_cost_an_unknown_sum():
    assert cost(tokens_in=None, own=(Decimal(1), Decimal(1))) is None
    assert cost(tokens_out=None) is None


def test_small_sums_are_not_rounded_away():
    assert cost(tokens_in=1, tokens_out=0, own=(Decimal("0.02"), Decimal(1))) == Decimal("0.00000002")
