"""A contender in use is never edited: it gets a next revision, and the old one stays what was measured."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from arena.errors import FieldError
from evals.catalog.services.contenders import (
    ContenderFields,
    freeze,
    imported_contender,
    newest_revision,
    retire,
    save_contender,
    unretire,
)
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.models import Category, Contender, Ledger, Provider, ReviewerTally
from evals.voting.reviewers import imported_reviewers

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="each engine has triggers of its own")]

LOCAL = "http://127.0.0.1:11434/v1"


@pytest.fixture
def provider() -> Provider:
    fields = ProviderFields(name="Ollama", base_url=LOCAL, locality="local")
    return save_provider(slug="ollama", fields=fields)


def fields(provider: Provider, **changes: Any) -> ContenderFields:
    return ContenderFields(**({"provider": provider, "model_name": "llama3.2:3b", "settings": {}} | changes))


@pytest.fixture
def used(provider: Provider) -> Contender:
    contender = save_contender(slug="llama", fields=fields(provider, settings={"temperature": 0.2})).contender
    freeze(contender)
    return contender


def test_an_unused_one_is_edited_in_place(provider: Provider):
    made = save_contender(slug="llama", fields=fields(provider)).contender
    saved = save_contender(slug="llama", contender=made, fields=fields(provider, model_name="other", tier=3))
    assert (saved.how, saved.contender.slug, saved.contender.model_name) == ("changed", "llama", "other")
    assert Contender.objects.count() == 1


@pytest.mark.parametrize("change", [{"settings": {"temperature": 0.7}}, {"model_name": "llama3.2:1b"}])
def test_a_used_one_gets_a_next_revision(used: Contender, provider: Provider, change: dict[str, Any]):
    wanted = fields(provider, settings={"temperature": 0.2})
    wanted = fields(provider, **({"settings": wanted.settings} | change))
    saved = save_contender(slug="llama", contender=used, fields=wanted)
    assert (saved.how, saved.contender.slug) == ("revised", "llama@2")
    assert (saved.contender.family, saved.contender.revision, saved.contender.used_at) == ("llama", 2, None)
    used.refresh_from_db()
    assert (used.settings, used.model_name) == ({"temperature": 0.2}, "llama3.2:3b")


def test_revisions_are_numbered_within_the_family(used: Contender, provider: Provider):
    for n in (2, 3):
        saved = save_contender(slug="llama", contender=used, fields=fields(provider, settings={"seed": n}))
        assert saved.contender.slug == f"llama@{n}"
    assert newest_revision("llama") == saved.contender


def test_prices_tier_and_capabilities_of_a_used_one_change_in_place(used: Contender, provider: Provider):
    wanted = fields(
        provider,
        settings={"temperature": 0.2},
        tier=2,
        capabilities=("tools",),
        context_tokens=8192,
        usd_per_mtok_input=Decimal("0.1"),
        usd_per_mtok_output=Decimal("0.2"),
    )
    assert save_contender(slug="llama", contender=used, fields=wanted).how == "changed"
    assert save_contender(slug="llama", contender=used, fields=wanted).how == "unchanged"
    used.refresh_from_db()
    assert (used.tier, used.capabilities, used.usd_per_mtok_output) == (2, ["tools"], Decimal("0.2"))


def test_freezing_keeps_the_providers_address_and_the_first_time(used: Contender, provider: Provider):
    first = used.used_at
    save_provider(
        slug="ollama", provider=provider, fields=ProviderFields(name="Moved", base_url="http://127.0.0.1:1234/v1")
    )
    freeze(Contender.objects.get(pk=used.pk))
    used.refresh_from_db()
    assert (used.used_at, used.kind, used.base_url) == (first, "openai", LOCAL)


def test_saving_again_after_the_provider_moved_makes_a_revision_there(used: Contender, provider: Provider):
    moved = save_provider(
        slug="ollama", provider=provider, fields=ProviderFields(name="Moved", base_url="http://127.0.0.1:1234/v1")
    )
    saved = save_contender(slug="llama", contender=used, fields=fields(moved, settings={"temperature": 0.2}))
    assert saved.how == "revised"
    freeze(saved.contender)
    assert saved.contender.base_url == "http://127.0.0.1:1234/v1"


def test_the_database_refuses_what_the_service_would_not_do(used: Contender):
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Contender.objects.filter(pk=used.pk).update(settings={"temperature": 1})


@pytest.mark.parametrize(
    ("slug", "reason"),
    [
        ("new", "reserved for Arena"),
        ("Versions", "reserved for Arena"),
        ("a@2", "numbers the revisions"),
        ("two words", "letters, digits"),
        ("-x", "letters, digits"),
        ("a/b", "letters, digits"),
        ("x" * 101, "letters, digits"),
        ("", "letters, digits"),
        ("llama", "exists"),
    ],
)
def test_a_name_that_cannot_be(used: Contender, provider: Provider, slug: str, reason: str):
    with pytest.raises(FieldError, match=reason) as error:
        save_contender(slug=slug, fields=fields(provider))
    assert error.value.field == "slug"


@pytest.mark.parametrize("name", ["api_key", "Authorization", "auth_token", "client_secret", "stream", "model"])
def test_settings_hold_neither_secrets_nor_what_is_ours(provider: Provider, name: str):
    with pytest.raises(FieldError) as error:
        save_contender(slug="llama", fields=fields(provider, settings={name: "x"}))
    assert error.value.field == "settings"


@pytest.mark.parametrize("inner", [{"api_key": "x"}, {"headers": [{"X-API-Key": "x"}]}, {"a": {"Authorization": "x"}}])
def test_settings_hold_no_secret_further_inside_either(provider: Provider, inner: dict[str, Any]):
    with pytest.raises(FieldError, match="looks like a secret"):
        save_contender(slug="llama", fields=fields(provider, settings={"extra_body": inner}))


def test_the_schema_of_a_tool_may_speak_of_passwords(provider: Provider):
    properties = {"password": {"type": "string"}, "token": {"type": "string"}}
    tools = [{"type": "function", "function": {"name": "log_in", "parameters": {"properties": properties}}}]
    settings = {"tools": tools, "max_tokens": 100, "logit_bias": {"50256": -100}}
    assert save_contender(slug="llama", fields=fields(provider, settings=settings)).how == "created"


def test_an_imported_name_is_taken_as_it_is_and_found_again():
    one = imported_contender(slug="LLaMA-2-Chat (70B)")
    assert (one.slug, one.kind, one.provider.kind) == ("LLaMA-2-Chat (70B)", "imported", "imported")
    assert one.used_at is not None
    assert imported_contender(slug="LLaMA-2-Chat (70B)") == one


def test_an_imported_revision_belongs_to_its_family():
    second = imported_contender(slug="gpt-x@2")
    assert (second.family, second.revision) == ("gpt-x", 2)
    assert (imported_contender(slug="gpt-x").family, imported_contender(slug="gpt-x@02").family) == (
        "gpt-x",
        "gpt-x@02",
    )


@pytest.mark.parametrize("slug", ["", " padded", "new", "tab\there", "x" * 101])
def test_an_imported_name_that_cannot_be(slug: str):
    with pytest.raises(FieldError):
        imported_contender(slug=slug)


def test_an_imported_one_has_nothing_to_edit(provider: Provider):
    with pytest.raises(FieldError, match="collected elsewhere"):
        save_contender(slug="x", contender=imported_contender(slug="x"), fields=fields(provider))


def test_retiring_ranks_its_categories_again_and_can_be_taken_back(used: Contender, provider: Provider):
    other = save_contender(slug="other", fields=fields(provider)).contender
    voted, not_voted = Category.objects.create(slug="code", name="Code"), Category.objects.create(slug="a", name="A")
    lo, hi = sorted([used, other], key=lambda one: one.pk)
    reviewer = imported_reviewers(source="t", names=["r"])["r"]
    ReviewerTally.objects.create(category=voted, reviewer=reviewer, lo=lo, hi=hi, left="lo", lo_wins=1)
    assert retire(contender=used)
    assert not retire(contender=used)
    assert used.retired_at is not None
    assert Ledger.objects.get(category=voted).revision == 1
    assert not Ledger.objects.filter(category=not_voted, revision__gt=0).exists()
    assert unretire(contender=used)
    assert Ledger.objects.get(category=voted).revision == 2
