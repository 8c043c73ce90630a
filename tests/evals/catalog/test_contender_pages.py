"""The pages on which contenders are added, tried out, revised and retired."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from arena.models import Role, User
from evals import signals
from evals.catalog.services.contenders import freeze, imported_contender
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.collection import calls
from evals.models import Contender, Generation, Provider
from evals.models.generations import ErrorCategory
from tests.servers import ANSWER, DONE, chunk, misbehaving, says

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"),
]


@pytest.fixture
def provider() -> Provider:
    fields = ProviderFields(name="Ollama", base_url="http://127.0.0.1:11434/v1", locality="local")
    return save_provider(slug="ollama", fields=fields)


@pytest.fixture
def editor(client_of, editor_user: User) -> Client:
    return client_of(editor_user)


def form(at: Provider, **changes: Any) -> dict[str, Any]:
    return {"slug": "llama", "provider": at.pk, "model_name": "llama3.2:3b", "tier": 1} | changes


@pytest.fixture
def contender(editor: Client, provider: Provider) -> Contender:
    editor.post(reverse("evals:contender-new"), form(provider, system="Be\r\nbrief.", temperature="0.2"))
    return Contender.objects.get(slug="llama")


def test_a_new_contender_is_offered_a_first_question(editor: Client, provider: Provider):
    answer = editor.post(
        reverse("evals:contender-new"),
        form(provider, more='{"top_p": 0.9}', capabilities="Tools, json,tools", usd_per_mtok_input="0", max_tokens=50),
    )
    made = Contender.objects.get()
    assert answer["Location"] == reverse("evals:contender-test", args=["llama"])
    assert made.settings == {"max_tokens": 50, "top_p": 0.9}
    assert made.capabilities == ["tools", "json"]
    assert (made.usd_per_mtok_input, made.usd_per_mtok_output) == (0, None)


def test_the_table_says_what_is_known_and_what_is_not(editor: Client, contender: Contender):
    page = editor.get(reverse("evals:contender-list")).content.decode()
    for words in ("llama", "Ollama", "llama3.2:3b", "stay on your machines", "no price", "not yet"):
        assert words in page


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_opening_and_saving_unchanged_makes_no_revision(editor: Client, contender: Contender, provider: Provider):
    """A browser sends line ends in its own way; that is no change."""
    freeze(contender)
    edit = reverse("evals:contender-edit", args=["llama"])
    page = editor.get(edit)
    shown = {name: page.context["form"][name].value() for name in page.context["form"].fields}
    sent = {name: value for name, value in shown.items() if value is not None}
    editor.post(edit, sent | {"system": "Be\r\nbrief.", "provider": provider.pk})
    assert Contender.objects.count() == 1


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_editing_one_in_use_makes_the_next_revision(editor: Client, contender: Contender, provider: Provider):
    freeze(contender)
    edit = reverse("evals:contender-edit", args=["llama"])
    assert "makes the next revision" in editor.get(edit).content.decode()
    answer = editor.post(edit, form(provider, temperature="0.9"), follow=True)
    assert "llama@2 was created" in answer.content.decode()
    assert Contender.objects.get(slug="llama@2").settings == {"temperature": 0.9}


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"more": "{"}, "Not JSON"),
        ({"more": "[1]"}, "Write an object"),
        ({"more": '{"seed": NaN}'}, "Not JSON"),
        ({"more": '{"temperature": 1}'}, "has a field of its own"),
        ({"more": '{"api_key": "x"}'}, "looks like a secret"),
        ({"slug": "new"}, "reserved for Arena"),
        ({"slug": ""}, "required"),
        ({"usd_per_mtok_input": "-1"}, "greater than or equal to 0"),
        ({"provider": 0}, "valid choice"),
    ],
)
def test_what_cannot_be_saved_is_said_at_its_field(editor: Client, provider: Provider, changes: Any, reason: str):
    page = editor.post(reverse("evals:contender-new"), form(provider, **changes))
    assert page.status_code == 200
    assert reason in page.content.decode()
    assert not Contender.objects.exists()


def test_without_a_provider_the_page_says_what_comes_first(editor: Client, client_of, admin_user: User):
    assert "An admin can add one" in editor.get(reverse("evals:contender-new")).content.decode()
    page = client_of(admin_user).get(reverse("evals:contender-list")).content.decode()
    assert reverse("evals:provider-new") in page


def asked_at(contender: Contender, port: int, settings: Any) -> None:
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    Provider.objects.filter(pk=contender.provider_id).update(base_url=f"http://127.0.0.1:{port}/v1")


def test_a_test_call_shows_what_was_measured_and_stores_nothing(editor: Client, contender: Contender, settings):
    Contender.objects.update(usd_per_mtok_input=1, usd_per_mtok_output=2)
    with misbehaving(says(ANSWER)) as server:
        asked_at(contender, server.port, settings)
        page = editor.post(reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"}).content.decode()
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": "Be\nbrief."},
        {"role": "user", "content": "Hi?"},
    ]
    for words in ("It answers", "Hello there.", "First token", "12 in", "$0.000022"):
        assert words in page
    assert "<html" in page
    contender.refresh_from_db()
    assert contender.used_at is None
    assert not Generation.objects.exists()


def test_htmx_gets_the_result_alone(editor: Client, contender: Contender, settings):
    with misbehaving(says(ANSWER)) as server:
        asked_at(contender, server.port, settings)
        page = editor.post(
            reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"}, headers={"HX-Request": "true"}
        ).content.decode()
    assert page.startswith('<div id="result"')
    assert "no price" in page


def test_a_hostile_answer_is_text(editor: Client, contender: Contender, settings):
    with misbehaving(says(chunk("<script>alert(1)</script>"), chunk(finish="stop"), DONE)) as server:
        asked_at(contender, server.port, settings)
        page = editor.post(reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_test_call_ends_long_before_a_patient_providers_limits(contender: Contender, settings):
    Provider.objects.update(first_token_timeout_s=7200, total_timeout_s=7200)
    with misbehaving(lambda talk: talk.pause(60)) as server:
        asked_at(contender, server.port, settings)
        contender.refresh_from_db()
        found = calls.probe(contender=contender, prompt="Hi?", within_s=0.3)
    assert (found.ok, found.error) == (False, ErrorCategory.TIMEOUT_TOTAL)
    assert "not finished in 0.3 s" in found.detail
    assert calls.PROBE_S <= 60


def test_two_test_calls_at_once_leave_the_other_threads_to_others(editor: Client, contender: Contender, settings):
    with misbehaving(says(ANSWER)) as server, ExitStack() as under_way:
        asked_at(contender, server.port, settings)
        for _ in range(2):
            under_way.enter_context(calls._PROBES)
        page = editor.post(reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"}).content.decode()
        assert "Two test calls are under way" in page
        assert not server.requests
        under_way.close()
        assert "It answers" in editor.post(reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"}).text


def test_a_provider_that_does_not_answer_is_explained(editor: Client, contender: Contender, settings):
    with misbehaving(says(ANSWER)) as server:
        asked_at(contender, server.port, settings)
    page = editor.post(reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"}).content.decode()
    assert "It does not answer" in page
    assert "Could not connect" in page
    assert "Start the server" in page


def test_a_test_call_is_for_editors(client_of, reviewer_user: User, contender: Contender):
    answer = client_of(reviewer_user).post(reverse("evals:contender-test", args=["llama"]), {"prompt": "Hi?"})
    assert answer.status_code == 403


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_retiring_asks_and_names_what_it_touches_and_can_be_taken_back(editor: Client, contender: Contender):
    def route(sender: Any, contender: Contender, **_: Any) -> list[str]:
        return [f"route code, as primary {contender.slug}"]

    retire = reverse("evals:contender-retire", args=["llama"])
    signals.retirement_asked.connect(route)
    try:
        assert "route code, as primary llama" in editor.get(retire).content.decode()
    finally:
        signals.retirement_asked.disconnect(route)
    editor.post(retire)
    contender.refresh_from_db()
    assert contender.retired_at is not None
    assert "llama3.2:3b" in editor.get(reverse("evals:contender-list"), {"show": "retired"}).content.decode()
    editor.post(retire, {"back": "1"})
    contender.refresh_from_db()
    assert contender.retired_at is None


def test_an_imported_contender_with_a_difficult_name_has_its_pages(editor: Client):
    contender = imported_contender(slug="org/Model (70B)@x")
    assert editor.get(reverse("evals:contender-retire", args=[contender.slug])).status_code == 200
    page = editor.get(reverse("evals:contender-edit", args=[contender.slug]))
    test = reverse("evals:contender-test", args=[contender.slug])
    told = " ".join(page.content.decode().split())
    assert "Arena knows no address at which to ask it, so there is nothing to edit or test." in told
    assert "In use since" not in told
    assert test not in told
    for answer in (editor.get(test), editor.post(test, {"prompt": "Hi?"})):
        told = " ".join(answer.content.decode().split())
        assert "so there is nothing to test." in told
        assert "One call to" not in told
        assert 'name="prompt"' not in told
        assert "It does not answer" not in told
    assert "org/Model (70B)@x" in editor.get(reverse("evals:contender-list")).content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_who_only_reads_sees_no_acts(client_of, make_user, contender: Contender, role: Role):
    client = client_of(make_user(role))
    page = client.get(reverse("evals:contender-list")).content.decode()
    assert reverse("evals:contender-edit", args=["llama"]) not in page
    for name in ("edit", "test", "retire"):
        assert client.get(reverse(f"evals:contender-{name}", args=["llama"])).status_code == 403
    assert client.post(reverse("evals:contender-retire", args=["llama"])).status_code == 403
