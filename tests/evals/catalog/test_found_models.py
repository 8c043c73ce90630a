"""Contenders made of models that a server lists: pages, double clicks, names that are taken, and who may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import reverse

from arena.models import Role, User
from evals.catalog.found import FoundModel
from evals.catalog.services.contenders import ContenderFields, retire, save_contender
from evals.catalog.services.found import ChosenModel, add_found_server
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.models import Contender, Provider
from tests.servers import Misbehaving, misbehaving, refuses, routes

once = pytest.mark.runs_once(on="sqlite", because="what pages say")
TWO = {"/api/tags": {"models": [{"model": "llama3.2:3b"}, {"model": "qwen2.5:7b"}, {"model": "nomic-embed-text"}]}}
FOUND = reverse("evals:contender-found")


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.LOCAL_LOOK_S = 30


@pytest.fixture
def editor(client_of: Any, editor_user: User) -> Client:
    browser: Client = client_of(editor_user)
    return browser


@pytest.fixture
def ollama(settings: Any) -> Iterator[Misbehaving]:
    with misbehaving(routes(TWO)) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        yield server


def hosted(server: Misbehaving, **fields: Any) -> Provider:
    given = {"name": "Shop", "base_url": server.base_url, "locality": "hosted"} | fields
    return save_provider(slug="shop", fields=ProviderFields(**given), api_key="the-key")


@pytest.fixture
def shop(settings: Any) -> Iterator[tuple[Provider, Misbehaving]]:
    data: list[dict[str, Any]] = [{"id": f"maker/model-{n}"} for n in range(300)]
    data.append({"id": "big/vision", "context_length": 131072, "supported_parameters": ["tools"],
                 "pricing": {"prompt": "0.0000025", "completion": "0.00001"}})  # fmt: skip
    with misbehaving(routes({"/v1/models": {"data": data}})) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        yield hosted(server), server


@once
@pytest.mark.django_db
def test_one_click_makes_two_contenders_and_their_provider_and_a_second_makes_none(editor, ollama):
    shown = editor.get(FOUND).content.decode()
    assert "llama3.2:3b" in shown
    assert "Ollama is added as a provider with them" in shown
    assert "1 model not shown" in shown
    click = {"place": f"127.0.0.1:{ollama.port}", "model": ["llama3.2:3b", "qwen2.5:7b"]}

    first = editor.post(FOUND, click, follow=True).content.decode()
    second = editor.post(FOUND, click, follow=True).content.decode()

    provider = Provider.objects.get()
    assert (provider.slug, provider.kind, provider.locality) == ("ollama", "ollama", "local")
    assert provider.base_url == ollama.origin
    assert list(Contender.objects.values_list("slug", "model_name", "settings", "tier")) == [
        ("llama3.2-3b", "llama3.2:3b", {}, 1),
        ("qwen2.5-7b", "qwen2.5:7b", {}, 1),
    ]
    assert "llama3.2-3b and qwen2.5-7b added at Ollama." in first
    assert "there are contenders of these models already" in second
    assert 'type="checkbox"' not in editor.get(FOUND).content.decode()


@once
@pytest.mark.django_db
def test_the_contenders_page_asks_nobody_and_leaves_the_look_to_a_link(editor, ollama, client_of, make_user):
    page = editor.get(reverse("evals:contender-list")).content.decode()

    assert f'hx-get="{FOUND}"' in page
    assert f'href="{FOUND}"' in page
    assert ollama.connections == 0
    part = editor.get(FOUND, headers={"HX-Request": "true"}).content.decode()
    assert "llama3.2:3b" in part
    assert "<html" not in part
    assert FOUND not in client_of(make_user(Role.VIEWER)).get(reverse("evals:contender-list")).content.decode()


@once
@pytest.mark.django_db
def test_nothing_found_says_where_was_looked_and_how_to_allow_the_rest(editor, settings):
    with misbehaving(refuses(404)) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        shown = " ".join(editor.get(FOUND).content.decode().split())

    assert "No model server was found" in shown
    assert f'<span class="mono">127.0.0.1:{server.port}</span>' in shown
    assert f"ARENA_OUTBOUND_ALLOW=127.0.0.1:{server.port},127.0.0.1:11434,127.0.0.1:1234" in shown


@once
@pytest.mark.django_db
def test_a_list_is_searched_and_never_cut_in_silence(editor, shop):
    address = reverse("evals:provider-models", args=["shop"])

    all_of_it = editor.get(address).content.decode()
    some = editor.get(address, {"q": "big VISION"}).content.decode()

    assert "301 models" in all_of_it
    assert "The first 200 of 301" in all_of_it
    assert all_of_it.count('type="checkbox"') == 200
    assert some.count('type="checkbox"') == 1
    assert "131,072 tokens of context" in some


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.django_db
def test_what_the_list_says_becomes_the_contenders_and_what_the_browser_says_does_not(editor, shop):
    editor.post(
        reverse("evals:provider-models", args=["shop"]),
        {"model": ["big/vision", "never/listed"], "slug:big/vision": "eye", "context_tokens": "7"},
    )

    made = Contender.objects.get()
    assert (made.slug, made.model_name, made.context_tokens) == ("eye", "big/vision", 131072)
    assert (made.capabilities, float(made.usd_per_mtok_input), float(made.usd_per_mtok_output)) == (["tools"], 2.5, 10)


@once
@pytest.mark.django_db
def test_a_name_that_is_taken_is_changed_and_said_to_be_but_a_typed_one_is_refused(editor, shop):
    provider, _ = shop
    elsewhere = save_provider(slug="other", fields=ProviderFields(name="Other", base_url=provider.base_url))
    save_contender(slug="vision", fields=ContenderFields(provider=elsewhere, model_name="x", settings={}))
    address = reverse("evals:provider-models", args=["shop"])

    refused = editor.post(address, {"model": ["big/vision", "maker/model-1"], "slug:big/vision": "my vision"})
    page = refused.content.decode()
    assert Contender.objects.count() == 1
    assert "Nothing was added" in page
    assert 'value="my vision"' in page
    assert page.count("checked") == 2

    done = editor.post(address, {"model": ["big/vision"], "slug:big/vision": "vision"}, follow=True).content.decode()
    assert "vision is taken, so the new one is vision-shop" in done
    assert Contender.objects.get(slug="vision-shop").provider == provider


@once
@pytest.mark.django_db
def test_a_retired_contender_is_shown_and_not_offered_again(editor, shop):
    provider, _ = shop
    fields = ContenderFields(provider=provider, model_name="big/vision", settings={"temperature": 0})
    retire(contender=save_contender(slug="seer", fields=fields).contender)
    address = reverse("evals:provider-models", args=["shop"])

    page = editor.get(address, {"q": "vision"}).content.decode()
    editor.post(address, {"model": ["big/vision"]})

    assert "seer" in page
    assert "retired" in page
    assert Contender.objects.count() == 1


@once
@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "words"), [("replicate", "replicate.com"), ("fal", "fal.ai")])
def test_a_provider_without_a_list_says_why(editor, shop, kind: str, words: str):
    _, server = shop
    Provider.objects.update(kind=kind)

    page = editor.get(reverse("evals:provider-models", args=["shop"])).content.decode()
    api = editor.get("/api/v1/providers/shop/models")

    assert words in page
    assert (api.status_code, words in api.json()["detail"]) == (409, True)
    assert server.connections == 0


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.django_db
def test_a_provider_that_refuses_is_an_error_with_what_to_do(editor, settings):
    with misbehaving(refuses(401, {"error": {"message": "<b>the-key</b> is wrong"}})) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        hosted(server)
        page = editor.get(reverse("evals:provider-models", args=["shop"])).content.decode()
        api = editor.get("/api/v1/providers/shop/models")
        with pytest.raises(CommandError, match="shop: 401"):
            call_command("list_models", "shop")

    assert "The list was not read" in page
    assert "the-key" not in page
    assert (api.status_code, api.json()["category"]) == (502, "auth")


@once
@pytest.mark.django_db
def test_a_server_that_has_gone_makes_nothing(editor, settings):
    settings.ARENA_OUTBOUND_ALLOW = []

    page = editor.post(FOUND, {"place": "10.0.0.1:80", "model": "x"}, follow=True).content.decode()

    assert "does not answer any more" in page
    assert not Provider.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.django_db
def test_programs_read_the_list_too(editor, shop, capsys):
    provider, server = shop
    fields = ContenderFields(provider=provider, model_name="big/vision", settings={})
    save_contender(slug="seer", fields=fields)

    found = editor.get("/api/v1/providers/shop/models").json()
    call_command("list_models", "shop")
    printed = capsys.readouterr().out.splitlines()

    assert len(found["models"]) == len(printed) == 301
    assert found["models"][-1] == {
        "model_name": "big/vision",
        "title": "",
        "slug": "vision",
        "contender": "seer",
        "capabilities": ["tools"],
        "context_tokens": 131072,
        "usd_per_mtok_input": 2.5,
        "usd_per_mtok_output": 10.0,
    }
    assert (printed[0], printed[-1]) == ("maker/model-0", "big/vision\tseer")
    assert {one["authorization"] for one in server.headers} == {"Bearer the-key"}


@once
@pytest.mark.django_db
def test_a_provider_at_this_address_is_used_whatever_its_name(editor, ollama):
    fields = ProviderFields(name="Mine", base_url=f"http://localhost:{ollama.port}/v1", locality="local")
    mine = save_provider(slug="mine", fields=fields)

    editor.post(FOUND, {"place": f"127.0.0.1:{ollama.port}", "model": "llama3.2:3b"})

    assert Contender.objects.get().provider == mine


@pytest.mark.on_both(because="two race for the same rows")
@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_provider_and_one_contender_of_a_model(settings):
    settings.ARENA_OUTBOUND_ALLOW = ["127.0.0.1:9"]
    fields = ProviderFields(name="Ollama", base_url="http://127.0.0.1:9", locality="local", kind="ollama")
    chosen = [ChosenModel(FoundModel(model_name="llama3.2:3b"))]
    together, made = threading.Barrier(4), []

    def press() -> None:
        together.wait()
        try:
            made.append(len(add_found_server(slug="ollama", fields=fields, chosen=chosen).created))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [0, 0, 0, 1]
    assert (Provider.objects.count(), Contender.objects.count()) == (1, 1)
