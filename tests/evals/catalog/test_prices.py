"""Prices of contenders: their own before the list's, what each token costs, and how old they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version

import pytest

from arena.errors import FieldError
from evals.catalog.price_list import LIST_VERSION, Price, listed_cost, listed_price, own_price, price_in_force
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.models import Provider
from tests.routing.boards import model

ANTHROPIC = "https://api.anthropic.com"
TODAY = date(2026, 11, 30)


def test_each_kind_of_token_has_its_price_and_without_one_that_of_its_side():
    tokens = {"tokens_in": 1_000_000, "tokens_out": 100_000, "cached": 600_000, "written": 300_000, "thinking": 40_000}
    plain = Price(input=Decimal(3), output=Decimal(15))
    assert plain.cost(**tokens) == plain.cost(tokens_in=1_000_000, tokens_out=100_000) == Decimal("4.5")
    parts = {"cached_input": Decimal("0.3"), "cache_write": Decimal("3.75"), "reasoning": Decimal(10)}
    fine = Price(input=Decimal(3), output=Decimal(15), **parts)
    assert fine.cost(**tokens) == Decimal("0.3") + Decimal("0.18") + Decimal("1.125") + Decimal("0.9") + Decimal("0.4")


def test_parts_that_are_larger_than_the_whole_are_not_charged_twice():
    price = Price(input=Decimal(1), output=Decimal(1), cached_input=Decimal(0))
    assert price.cost(tokens_in=100, tokens_out=0, cached=900, written=900) == 0


def test_a_price_of_zero_for_cached_tokens_is_a_price():
    free = Price(input=Decimal(1), output=Decimal(1), cached_input=Decimal(0))
    assert free.cost(tokens_in=1_000_000, tokens_out=0, cached=1_000_000) == 0


@pytest.mark.parametrize(
    ("as_of", "stale"), [(TODAY - timedelta(days=60), False), (TODAY - timedelta(days=61), True), (None, True)]
)
def test_a_price_is_stale_after_60_days_or_without_a_date(as_of, stale):
    assert Price(input=Decimal(1), output=Decimal(1), as_of=as_of).stale(TODAY) is stale
    assert not Price(input=Decimal(0), output=Decimal(0), as_of=as_of).stale(TODAY)


def test_the_lists_date_belongs_to_the_installed_release():
    assert version("genai-prices") == LIST_VERSION, (
        "Another release of the price list is installed: write it and the newest day in its data that is not in the "
        "future into evals/catalog/price_list.py."
    )


def test_the_list_knows_cached_and_written_tokens():
    listed = listed_price(ANTHROPIC, "claude-sonnet-4-5")
    assert listed is not None
    assert listed.source == "list"
    assert listed.where.startswith("https://")
    assert listed.as_of is not None
    assert listed.cached_input < listed.input < listed.cache_write
    tokens = {"tokens_in": 1000, "tokens_out": 0}
    parts = ({"cached": 900}, {}, {"written": 900})
    cost = [listed_cost(ANTHROPIC, "claude-sonnet-4-5", **tokens, **part) for part in parts]
    assert cost == sorted(cost)
    assert len(set(cost)) == 3


def test_the_own_price_goes_before_the_list_and_half_of_one_is_none():
    at_anthropic = {"base_url": ANTHROPIC, "model_name": "claude-sonnet-4-5"}
    typed = model("a", **at_anthropic, usd_per_mtok_input=Decimal(1), usd_per_mtok_output=Decimal(2))
    assert price_in_force(typed) == Price(input=Decimal(1), output=Decimal(2))
    half = model("a", **at_anthropic, usd_per_mtok_input=Decimal(1))
    assert own_price(half) is None
    assert price_in_force(half).source == "list"
    assert price_in_force(model("a", usd_per_mtok_input=Decimal(1))) is None


@pytest.mark.django_db
class TestDates:
    @pytest.fixture
    def fields(self):
        provider = Provider.objects.create(slug="one", name="One", base_url="https://one.example/v1")
        return lambda **more: ContenderFields(provider=provider, model_name="m", settings={}, **more)

    def test_a_price_has_the_day_on_which_it_was_typed_until_it_changes_or_is_checked(self, fields):
        today, then = datetime.now(UTC).date(), date(2026, 1, 2)
        price = {"usd_per_mtok_input": Decimal(1), "usd_per_mtok_output": Decimal(2)}
        made = save_contender(slug="a", fields=fields(**price)).contender
        assert made.priced_at == today

        def saved(**more):
            return save_contender(slug="a", contender=made, fields=fields(**(price | more))).contender

        assert saved(priced_at=then, price_source="our contract").priced_at == then
        assert saved(price_source="our contract").priced_at == then
        assert saved(usd_per_mtok_input=Decimal(3), priced_at=then).priced_at == today
        without = save_contender(slug="a", contender=made, fields=fields(priced_at=then, price_source="x")).contender
        assert (without.priced_at, without.price_source) == (None, "")

    def test_the_next_revision_keeps_source_and_date(self, fields):
        then = date(2026, 1, 2)
        of_price = {"usd_per_mtok_input": Decimal(1), "usd_per_mtok_output": Decimal(2), "price_source": "x"}
        made = save_contender(slug="a", fields=fields(**of_price, priced_at=then)).contender
        made.used_at = datetime.now(UTC)
        made.save()
        changed = ContenderFields(provider=made.provider, model_name="n", settings={}, **of_price)
        revised = save_contender(slug="a", contender=made, fields=changed).contender
        assert (revised.slug, revised.price_source, revised.priced_at) == ("a@2", "x", then)

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"usd_per_mtok_cached_input": Decimal(1)}, "usd_per_mtok_cached_input"),
            ({"usd_per_mtok_reasoning": Decimal(1)}, "usd_per_mtok_reasoning"),
            ({"usd_per_mtok_input": Decimal(-1)}, "usd_per_mtok_input"),
            ({"usd_per_mtok_input": Decimal(1), "priced_at": date(2999, 1, 1)}, "priced_at"),
        ],
    )
    def test_what_is_refused(self, fields, more, field):
        with pytest.raises(FieldError) as refused:
            save_contender(slug="a", fields=fields(**more))
        assert refused.value.field == field
