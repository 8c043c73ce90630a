"""A key is typed once, kept encrypted, goes to the address it was typed for, and is shown nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from arena.errors import FieldError
from arena.models import User
from evals.catalog.services import providers
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.models import Provider

pytestmark = pytest.mark.django_db

KEY = "sk-very-secret-0123456789"
HERE = "http://127.0.0.1:11434/v1"
THERE = "http://127.0.0.1:1234/v1"


def fields(**changes: Any) -> ProviderFields:
    return ProviderFields(**({"name": "Ollama", "base_url": HERE, "locality": "local"} | changes))


@pytest.fixture
def provider() -> Provider:
    return save_provider(slug="ollama", fields=fields(), api_key=KEY)


def form(**changes: Any) -> dict[str, Any]:
    base = {
        "name": "Ollama",
        "slug": "ollama",
        "kind": "openai",
        "base_url": HERE,
        "locality": "local",
        "max_concurrency": 2,
        "first_token_timeout_s": 60,
        "total_timeout_s": 300,
    }
    return base | changes


def test_the_key_is_stored_encrypted(provider: Provider):
    assert all(KEY not in str(value) for value in Provider.objects.values().get().values())
    assert providers.api_key(provider) == KEY


def test_another_encryption_key_reads_nothing_and_says_so(provider: Provider, settings):
    settings.ARENA_ENCRYPTION_KEY = "A" * 43 + "="
    with pytest.raises(providers.KeyUnreadableError, match="ARENA_ENCRYPTION_KEY"):
        providers.api_key(provider)


def test_a_key_may_come_from_the_environment(monkeypatch):
    provider = save_provider(slug="ollama", fields=fields(api_key_env="OLLAMA_API_KEY"))
    assert providers.api_key(provider) is None
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    assert providers.api_key(provider) == KEY


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "ARENA_ENCRYPTION_KEY", "ARENA_SIGNING_KEY", "DATABASE_URL", "PATH", "AWS_SECRET_ACCESS_KEY", KEY],
)
def test_no_other_variable_can_be_sent_away(name: str):
    with pytest.raises(FieldError) as error:
        save_provider(slug="ollama", fields=fields(api_key_env=name))
    assert error.value.field == "api_key_env"
    assert KEY not in str(error.value)


def test_a_stored_key_does_not_follow_to_another_host(provider: Provider):
    with pytest.raises(FieldError, match="not sent elsewhere"):
        save_provider(slug="ollama", provider=provider, fields=fields(base_url=THERE))
    save_provider(slug="ollama", provider=provider, fields=fields(base_url=HERE + "/x"))
    moved = save_provider(slug="ollama", provider=provider, fields=fields(base_url=THERE), api_key="sk-another")
    assert providers.api_key(moved) == "sk-another"
    assert providers.api_key(save_provider(slug="ollama", provider=moved, fields=fields(), api_key="")) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com", "http or https"),
        ("api.openai.com/v1", "http or https"),
        ("http://", "http or https"),
        ("http://[::1", "not an address"),
        ("http://u:p@127.0.0.1:11434/v1", "Leave name and password out"),
        ("http://127.0.0.1:11434/v1?x=1", "leave out everything from"),
        ("http://127.0.0.1:99999/v1", "not an address"),
        ("http://127.0.0.1:9/v1", "ARENA_OUTBOUND_ALLOW"),
        ("http://169.254.169.254/latest", "ARENA_OUTBOUND_ALLOW"),
        ("http://" + "a" * 70 + ".example/v1", "not a host name"),
        ("https://your-resource.openai.azure.com/openai/v1", "Replace your-resource"),
    ],
)
def test_an_address_that_cannot_be(url: str, reason: str):
    with pytest.raises(FieldError, match=reason) as error:
        save_provider(slug="ollama", fields=fields(base_url=url))
    assert error.value.field == "base_url"


def test_typed_on_the_page_it_is_shown_on_no_page(client_of, admin_user: User):
    client = client_of(admin_user)
    new, edit = reverse("evals:provider-new"), reverse("evals:provider-edit", args=["ollama"])
    # An error elsewhere: the form comes back without the key.
    page = client.post(new, form(api_key=KEY, max_concurrency=0))
    assert page.status_code == 200
    assert KEY not in page.content.decode()
    assert client.post(new, form(api_key=KEY)).status_code == 302
    provider = Provider.objects.get()
    assert providers.api_key(provider) == KEY
    for url in (edit, reverse("evals:provider-list"), "/api/v1/providers", "/api/v1/providers/ollama"):
        page = client.get(url).content.decode()
        assert KEY not in page
        assert provider.api_key_encrypted not in page
    assert "A key is stored. Type a new one to replace it" in client.get(edit).content.decode()


def test_an_empty_field_keeps_the_key_and_a_tick_forgets_it(client_of, admin_user: User, provider: Provider):
    client, edit = client_of(admin_user), reverse("evals:provider-edit", args=["ollama"])
    client.post(edit, form(name="Renamed"))
    provider.refresh_from_db()
    assert (provider.name, providers.api_key(provider)) == ("Renamed", KEY)
    client.post(edit, form(forget_key="on"))
    provider.refresh_from_db()
    assert provider.api_key_encrypted == ""


def test_the_page_asks_for_the_key_of_a_new_host(client_of, admin_user: User, provider: Provider):
    client, edit = client_of(admin_user), reverse("evals:provider-edit", args=["ollama"])
    page = client.post(edit, form(base_url=THERE))
    assert "is not sent elsewhere" in page.content.decode()
    provider.refresh_from_db()
    assert provider.base_url == HERE
