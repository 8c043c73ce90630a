"""Presets fill a provider's form in: address, API, limits, and what to do first."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from arena.errors import FieldError
from arena.models import User
from evals.catalog.presets import PRESETS, Preset
from evals.catalog.services.contenders import ContenderFields, freeze, save_contender
from evals.catalog.services.providers import ProviderFields, check_base_url, check_provider, save_provider
from evals.models import Contender, Provider

pytestmark = pytest.mark.django_db

ADDRESS = "http://127.0.0.1:11434"


@pytest.fixture
def admin(client_of, admin_user: User):
    return client_of(admin_user)


def form(**changes: Any) -> dict[str, Any]:
    base = {
        "name": "Ollama",
        "slug": "ollama",
        "kind": "ollama",
        "base_url": ADDRESS,
        "locality": "local",
        "max_concurrency": 1,
        "first_token_timeout_s": 60,
        "total_timeout_s": 300,
    }
    return base | changes


def test_presets_have_names_of_their_own():
    assert len({one.slug for one in PRESETS}) == len({one.name for one in PRESETS}) == len(PRESETS)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.slug)
def test_a_preset_is_a_provider_that_can_be_saved(preset: Preset, settings):
    settings.ARENA_OUTBOUND_ALLOW = [urlsplit(preset.base_url).netloc] if preset.locality == "local" else []
    own = preset.base_url.replace("your-resource", "ours")
    fields = ProviderFields(
        name=preset.name,
        base_url=own,
        kind=preset.kind,
        locality=preset.locality,
        api_key_env=preset.key_env,
        max_concurrency=preset.max_concurrency,
    )

    check_provider(slug=preset.slug, fields=fields)

    assert preset.kind != Provider.Kind.IMPORTED
    if preset.kind != Provider.Kind.LLAMA_CPP:
        assert own.startswith("http://127.0.0.1:" if preset.locality == "local" else "https://")
    assert preset.needs_key == (preset.locality == "hosted")
    assert preset.docs_url.startswith("https://")
    assert preset.help.endswith(".")
    assert preset.help.count(". ") == 0


def test_an_address_to_fill_in_is_not_saved_as_it_is():
    with pytest.raises(FieldError, match="Replace your-resource"):
        check_base_url("https://your-resource.openai.azure.com/openai/v1")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.slug)
def test_a_preset_fills_the_form_in(admin, preset: Preset):
    page = admin.get(reverse("evals:provider-new"), {"preset": preset.slug})

    assert page.context["form"].initial["base_url"] == preset.base_url
    text = page.content.decode()
    assert f'value="{preset.slug}"' in text
    assert f'<option value="{preset.kind}" selected>' in text
    assert f'href="{preset.docs_url}"' in text


def test_the_form_offers_every_api_that_can_be_asked(admin):
    field = admin.get(reverse("evals:provider-new"), {"preset": ""}).context["form"]["kind"]

    assert field.label == "API"
    assert {value for value, _ in field.field.choices} == set(Provider.Kind.values) - {"imported"}


@pytest.mark.parametrize("kind", ["imported", "telepathy", ""])
def test_another_api_is_refused(admin, kind: str):
    assert admin.post(reverse("evals:provider-new"), form(kind=kind)).status_code == 200
    assert not Provider.objects.exists()


def test_the_api_and_limits_are_saved_shown_and_edited(admin):
    admin.post(reverse("evals:provider-new"), form(requests_per_minute=600, tokens_per_minute=200_000))
    provider = Provider.objects.get()
    assert (provider.kind, provider.requests_per_minute, provider.tokens_per_minute) == ("ollama", 600, 200_000)
    listed = admin.get(reverse("evals:provider-list")).content.decode()
    assert "600 requests a minute" in listed
    assert "200,000 tokens a minute" in listed
    assert "Ollama&#x27;s own" in listed
    api = admin.get("/api/v1/providers/ollama").json()
    assert (api["kind"], api["requests_per_minute"], api["tokens_per_minute"]) == ("ollama", 600, 200_000)

    edit = reverse("evals:provider-edit", args=["ollama"])
    assert 'value="600"' in admin.get(edit).content.decode()
    admin.post(edit, form(kind="openai", base_url=ADDRESS + "/v1"))
    provider.refresh_from_db()
    assert (provider.kind, provider.requests_per_minute, provider.tokens_per_minute) == ("openai", None, None)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_contenders_in_use_keep_the_api_they_were_measured_at(admin):
    fields = ProviderFields(name="Ollama", base_url=ADDRESS, locality="local", kind="ollama")
    provider = save_provider(slug="ollama", fields=fields)
    settled = ContenderFields(provider=provider, model_name="llama3.2:3b", settings={})
    freeze(save_contender(slug="llama", fields=settled).contender)

    page = admin.post(reverse("evals:provider-edit", args=["ollama"]), form(kind="openai"), follow=True)

    assert "llama keep the old address and API" in page.content.decode()
    assert Contender.objects.get().kind == "ollama"


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
@pytest.mark.parametrize("limit", [0, -1, 2**31])
def test_a_limit_allows_at_least_one_a_minute(admin, name: str, limit: int):
    page = admin.post(reverse("evals:provider-new"), form(**{name: limit}))

    assert name in page.context["form"].errors
    with pytest.raises(FieldError, match="at least 1 a minute"):
        save_provider(
            slug="ollama", fields=ProviderFields(name="Ollama", base_url=ADDRESS, locality="local", **{name: limit})
        )
