"""The policy's pages: read in words, edited as a form or a document, and never overwritten in silence."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from arena.models import User
from evals.catalog.services.contenders import retire
from evals.models import Category, Contender
from routing.models import PolicyVersion
from routing.policy.parse import default_document
from routing.policy.services import save_policy
from routing.policy.text import read_text
from routing.publishing.publisher import publish
from tests.routing.conftest import FLIPPED, cast

pytestmark = pytest.mark.runs_once(
    on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"
)

POLICY, EVERY, CODE = "/routing/policy/", "/routing/policy/rules/", "/routing/policy/rules/code/"
TABLE, DOCUMENT = "/routing/policy/table/", "/routing/policy/document/"


@pytest.fixture
def editor(editor_user: User, client_of: Any) -> Client:
    client: Client = client_of(editor_user)
    return client


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def newest() -> PolicyVersion:
    return PolicyVersion.objects.order_by("-version")[0]


def typed(page: Any) -> dict[str, str]:
    """What a browser would send of the form as it stands: fields, hidden ones and choices."""
    editor = page.context["editor"]
    data = {"base": str(editor.base), "routes": str(len(editor.routes)), "own_routes": "1" if editor.own_routes else ""}
    for form in (editor.rules, *editor.routes):
        data |= {form.add_prefix(path): str(form[path].value() or "") for path in form.fields}
    return data


def post(client: Client, address: str, page: Any, act: str = "save", **more: str) -> Any:
    data = typed(page) | {name.replace("__", "."): value for name, value in more.items()}
    return client.post(address, data | {"act": act})


def test_what_holds_for_every_category_is_said_in_whole_sentences(editor: Client, code: Category):
    page = " ".join(text(editor.get(POLICY)).split())
    assert "Applies where a category has no rules of its own </p>" in page
    assert "sure for these reviewers or people like them (as the category is set), at an error of" in page


def test_the_policy_is_read_in_words(editor: Client, code: Category):
    save_policy(
        document={
            "every_category": {"objective": "cheapest", "quality_margin": 40, "limits": {"max_error_rate": 0.02}},
            "categories": {
                "code": {
                    "gate": {"mode": "approval"},
                    "routes": [{"name": "fast", "when": {"max_ttft_ms": 500}, "pin": "a", "escalate_to": "best"}, {}],
                }
            },
            "default": [{"primary": "b", "fallbacks": ["c"]}],
        },
        reason="For the words.",
    )
    page = text(editor.get(POLICY))
    for words in (
        "the cheapest surely within 40 points of the best",
        "errors <b>≤ 2.0%</b>",
        "a, pinned",
        "first token <b>≤ 500 ms</b>",
        "Escalates to where the unconditional route goes.",
        "Routes switch once a person approves",
        "Then c.",
        "“For the words.”",
    ):
        assert words in page, words


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_place_is_edited_as_a_form(editor: Client, code: Category, editor_user: User):
    page = editor.get(EVERY)
    assert 'value="0.05"' in text(page)
    more = {"rules-gate.alpha": "0.1", "rules-limits.max_ttft_ms": "800", "rules-exclude": "b, c", "reason": "Bolder."}
    assert editor.post(EVERY, typed(page) | more | {"act": "save"}).status_code == 302
    saved = newest()
    every = saved.document["every_category"]
    assert (every["gate"]["alpha"], every["limits"]["max_ttft_ms"], every["exclude"]) == (0.1, 800, ["b", "c"])
    assert every["gate"]["min_votes"] == 30
    assert (saved.reason, saved.created_by, saved.actor) == ("Bolder.", editor_user, editor_user.name)


def test_a_category_says_only_what_it_says_otherwise(editor: Client, code: Category):
    save_policy(document={"every_category": {"limits": {"max_error_rate": 0.1}, "default": "a"}}, reason="Base.")
    page = editor.get(CODE)
    assert 'placeholder="0.1"' in text(page)
    more = {"rules-limits.max_error_rate": "none", "rules-min_gain": "0.2", "rules-default": "none", "reason": "Code."}
    editor.post(CODE, typed(page) | more | {"act": "save"})
    given = newest().document["categories"]["code"]
    assert given == {"limits": {"max_error_rate": None}, "min_gain": 0.2, "default": None}
    emptied = typed(editor.get(CODE)) | dict.fromkeys(more, "") | {"act": "save", "reason": "As all."}
    editor.post(CODE, emptied)
    assert newest().document["categories"] == {}


def test_the_table_and_its_default_routes_are_a_form_of_their_own(editor: Client, code: Category):
    page = post(editor, TABLE, editor.get(TABLE), "add")
    more = {
        "routes-0-primary": "a",
        "routes-0-fallbacks": "b, c",
        "rules-expires_after_hours": "48",
        "rules-on_expired": "refuse",
        "reason": "Shorter.",
    }
    editor.post(TABLE, typed(page) | more | {"act": "save"})
    document = newest().document
    assert (document["expires_after_hours"], document["on_expired"]) == (48, "refuse")
    assert document["default"][0]["fallbacks"] == ["b", "c"]


def test_saving_a_form_as_it_stands_changes_nothing(editor: Client, code: Category):
    rich = {
        "every_category": {"routes": [{"name": "x", "when": {"needs": ["json"], "reasoning": True}, "pin": "a"}, {}]},
        "categories": {
            "code": {"routes": [{"when": {"local_only": True}, "limits": {"tiers": [1, 2]}}, {"name": "all"}]}
        },
        "default": [{"primary": "a", "name": "t", "when": {"label": "z"}}, {"primary": "b"}],
    }
    made = save_policy(document=rich, reason="Rich.")
    for address in (EVERY, CODE, TABLE):
        post(editor, address, editor.get(address), reason="Again.")
        assert newest().version == made.version, address


@pytest.mark.parametrize("htmx", [False, True])
def test_routes_are_added_moved_and_taken_out_with_all_that_was_typed(editor: Client, code: Category, htmx: bool):
    headers = {"HX-Request": "true"} if htmx else {}
    page = editor.get(CODE)
    assert "The routes of every category." in text(page)

    def act(name: str, **more: str) -> Any:
        data = typed(page) | {field.replace("__", "."): value for field, value in more.items()}
        answer = editor.post(CODE, data | {"act": name}, headers=headers)
        assert ("<h1>" in text(answer)) is not htmx
        return answer

    page = act("own", **{"rules-gate.alpha": "4O"})
    page = act("add")
    assert [form.texts for form in page.context["editor"].routes] == [{}, {}]
    page = act("add-", **{"routes-0-name": "fast", "routes-0-when.max_ttft_ms": "soon"})
    page = act("down-0")
    names = [form.texts.get("name") for form in page.context["editor"].routes]
    assert names == [None, "fast", None]
    assert 'value="soon"' in text(page)
    page = act("up-1")
    page = act("remove-1")
    assert [form.texts.get("name") for form in page.context["editor"].routes] == ["fast", None]
    assert 'value="4O"' in text(page)
    page = act("share")
    assert "The routes of every category." in text(page)
    assert not PolicyVersion.objects.exists()


def test_each_error_stands_at_its_field_and_nothing_typed_is_lost(editor: Client, code: Category):
    page = post(editor, CODE, editor.get(CODE), "own")
    more = {
        "rules-gate.alpha": "4O",
        "rules-exclude": "a, , b",
        "rules-limits.tiers": "1, two",
        "routes-0-when.max_usd": "-1",
        "routes-0-limits.locality": "hosted",
        "reason": "Try.",
    }
    page = editor.post(CODE, typed(page) | more | {"act": "save"})
    told = text(page)
    assert "4 fields must change" in told or "3 fields must change" in told
    assert "“4O” is not a number. Write the chance of a false switch" in told
    assert "“two” is not a whole number." in told
    assert "“-1” is less than 0. Write US dollars in digits" in told
    for value in ("4O", "1, two", "-1", "Try.", "a, , b"):
        assert f'value="{value}"' in told, value
    rules, route = page.context["editor"].rules, page.context["editor"].routes[0]
    assert set(rules.errors) == {"gate.alpha", "limits.tiers"}
    assert set(route.errors) == {"when.max_usd"}
    assert not PolicyVersion.objects.exists()


def test_an_unknown_contender_is_told_at_its_field_with_the_nearest(editor: Client, code: Category):
    Contender.objects.create(slug="granite", family="granite", provider=Contender.objects.first().provider)
    page = editor.get(EVERY)
    told = text(editor.post(EVERY, typed(page) | {"rules-default": "granit", "reason": "Try.", "act": "save"}))
    assert "“granit” is not a contender. Did you mean granite?" in told


def test_what_has_no_field_here_is_told_by_its_name(editor: Client, code: Category):
    save_policy(document={"categories": {"code": {"exclude": ["a"]}}}, reason="Base.")
    page = editor.get(EVERY)
    told = text(editor.post(EVERY, typed(page) | {"rules-default": "a", "reason": "Try.", "act": "save"}))
    assert "categories.code.exclude: a is named by every_category.default." in told


def test_a_missing_reason_is_told_and_keeps_the_rest(editor: Client, code: Category):
    page = editor.get(EVERY)
    told = text(editor.post(EVERY, typed(page) | {"rules-gate.alpha": "0.2", "reason": " ", "act": "save"}))
    assert "Write a reason" in told
    assert 'value="0.2"' in told
    assert "Write a reason" not in text(editor.post(EVERY, typed(page) | {"act": "check"}))


def test_the_second_of_two_saves_shows_the_first_and_saves_nothing(editor: Client, code: Category):
    save_policy(document={}, reason="Base.")
    mine = typed(editor.get(EVERY)) | {"rules-quality_margin": "60", "reason": "Looser.", "act": "save"}
    theirs = {"every_category": {"quality_margin": 40}, "on_expired": "refuse"}
    save_policy(document=theirs, reason="Tighter.", by="Jonas")
    page = editor.post(EVERY, mine)
    told = text(page)
    assert "Not saved: policy 2 exists by now." in told
    assert "“Tighter.”" in told
    conflict = page.context["conflict"]
    rows = {(row.kind, row.label, row.value) for group in conflict["theirs"] for row in group.rows}
    assert rows == {
        ("out", "quality_margin", "50"),
        ("in", "quality_margin", "40"),
        ("out", "on_expired", "use_last_good"),
        ("in", "on_expired", "refuse"),
    }
    rows = {(row.kind, row.label, row.value) for group in conflict["ours"] for row in group.rows}
    assert rows == {("out", "quality_margin", "40"), ("in", "quality_margin", "60")}
    assert newest().version == 2
    again = typed(page) | {"reason": "Looser.", "act": "save"}
    assert editor.post(EVERY, again).status_code == 302
    saved = newest()
    assert (saved.version, saved.document["every_category"]["quality_margin"]) == (3, 60)
    # What the other one changed elsewhere stays.
    assert saved.document["on_expired"] == "refuse"


def test_the_second_of_two_documents_is_held_back_too(editor: Client, code: Category):
    save_policy(document={}, reason="Base.")
    save_policy(document={"on_expired": "refuse"}, reason="Stricter.")
    data = {"document": json.dumps({"on_expired": "use_default"}), "reason": "Mine.", "base": "1", "act": "save"}
    page = editor.post(DOCUMENT, data)
    assert "Not saved: policy 2 exists by now." in text(page)
    assert '"use_default"' in text(page)
    assert newest().version == 2
    assert page.context["form"].data["base"] == "2"
    assert editor.post(DOCUMENT, data | {"base": "2"}).status_code == 302
    assert newest().document["on_expired"] == "use_default"


def test_checking_shows_every_contender_and_its_rule_and_saves_nothing(editor: Client, voted: Category):
    publish(actor="Mara")
    cast(voted, FLIPPED)
    before = PolicyVersion.objects.count()
    page = editor.get(CODE)
    more = {"rules-limits.locality": "hosted", "rules-gate.mode": "approval", "act": "check"}
    answer = editor.post(CODE, typed(page) | more)
    told = text(answer)
    assert "What this would publish now" in told
    assert "Locality: local." in told
    assert "Waits for approval" in told
    assert "What would change from 1" in told
    (route,) = answer.context["outcomes"][0].routes
    rules = {one.slug: (one.place, one.rule) for one in route.candidates}
    assert rules["a"] == ("first", "Routed here, and stays until another is surely better.")
    assert rules["b"][0] == "fallback"
    assert rules["b"][1].endswith("at the same provider. Takes over as soon as a person approves.")
    assert rules["c"] == ("out", "Locality: local.")
    assert PolicyVersion.objects.count() == before


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_document_is_exported_and_imported_again(editor: Client, code: Category, form: str):
    save_policy(document={"categories": {"code": {"min_gain": 0.3}}}, reason="Base.")
    answer = editor.get(f"/routing/policy/versions/1/policy.{form}")
    assert answer["Content-Disposition"] == f'attachment; filename="policy-1.{form}"'
    document = read_text(answer.content.decode())
    assert document == newest().document
    changed = answer.content.replace(b"0.3", b"0.4")
    file = SimpleUploadedFile(f"policy.{form}", changed)
    data = {"document": "", "file": file, "reason": "By file.", "base": "1", "act": "save"}
    assert editor.post(DOCUMENT, data).status_code == 302
    assert newest().document["categories"]["code"]["min_gain"] == 0.4
    assert editor.get("/routing/policy/versions/1/policy.xml").status_code == 404
    assert editor.get("/routing/policy/versions/9/policy.json").status_code == 404


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "column 2"),
        (" ", "Nothing is written here. Paste a policy"),
        ("[" * 100_000, "is nested deeper than"),
        ("every_category:\n  gate: {alpha: 7}\n", "every_category.gate.alpha: “7” is more than 0.5."),
        ('{"every_category": {"default": "nobody"}}', "every_category.default: “nobody” is not a contender."),
    ],
)
def test_a_wrong_document_is_told_by_field_and_kept(editor: Client, code: Category, document: str, message: str):
    data = {"document": document, "reason": "Try.", "base": "0", "act": "save"}
    page = text(editor.post(DOCUMENT, data))
    assert message in page
    assert document.strip()[:40] in page
    assert not PolicyVersion.objects.exists()


def test_a_file_that_is_no_text_is_told(editor: Client, code: Category):
    file = SimpleUploadedFile("policy.yaml", b"ok: \xff")
    page = text(editor.post(DOCUMENT, {"document": "", "file": file, "reason": "x", "base": "0", "act": "save"}))
    assert "policy.yaml is not text in UTF-8: byte 5" in page


def test_checking_a_document_shows_what_it_would_publish_and_saves_nothing(editor: Client, code: Category):
    cast(code, {("a", "b"): (5, 0, 0)})
    document = json.dumps({"every_category": {"gate": {"min_votes": 3}}, "categories": {"cod": {}}})
    page = text(editor.post(DOCUMENT, {"document": document, "base": "0", "act": "check"}))
    assert "What this would publish now" in page
    assert "leads after 5 votes" in page
    assert "There is no category cod: these rules hold for nothing yet. Did you mean code?" in page
    assert not PolicyVersion.objects.exists()


def test_a_checked_document_can_be_switched_to_the_other_form_and_saved(editor: Client, code: Category):
    assert 'aria-pressed="true" formnovalidate' in text(editor.get(f"{DOCUMENT}?form=json")).partition('id="json"')[2]
    data = {"document": "# Ours.\non_expired: refuse\n", "base": "0"}
    for act in ("check", "json"):
        page = editor.post(DOCUMENT, data | {"act": act}, headers={"HX-Request": "true"})
        words = text(page)
        assert words.lstrip().startswith('<form id="policy-form"')
        assert ("What this would publish now" in words) == (act == "check")
        assert "optional" not in words.partition("Reason")[2].partition("</label>")[0]
        assert 'aria-pressed="true"' in words.partition(f'id="{"yaml" if act == "check" else act}"')[2][:60]
    assert '{\n  "on_expired": "refuse"\n}' in words
    wrong = editor.post(DOCUMENT, {"document": "- 1\n", "base": "0", "act": "json"})
    assert "- 1\n" in text(wrong)
    assert not PolicyVersion.objects.exists()


def test_a_label_that_only_seems_to_keep_requests_local_is_noticed(editor: Client, code: Category):
    routes = [{"name": "own", "when": {"label": "sensitive"}, "limits": {"locality": "local"}}, {}]
    document = json.dumps({"every_category": {"routes": routes}})
    page = text(editor.post(DOCUMENT, {"document": document, "base": "0", "act": "check"}))
    assert "callers say by local_only: true" in page


def test_every_version_stays_with_what_it_said_otherwise(editor: Client, voted: Category):
    save_policy(document=default_document(), reason="The second.")
    save_policy(document={"on_expired": "refuse"}, reason="The third.")
    publish(actor="Mara")
    page = text(editor.get("/routing/policy/versions/3/"))
    assert "What it changes from 2" in page
    assert "refuse" in page
    assert 'href="/routing/versions/1/"' in page
    assert "What it changes from 1" in text(editor.get("/routing/policy/versions/3/?from=1"))
    assert '"on_expired": "refuse"' in text(editor.get("/routing/policy/versions/3/?form=json"))
    assert editor.get("/routing/policy/versions/9/").status_code == 404
    listed = text(editor.get("/routing/policy/versions/"))
    assert "“The second.”" in listed
    assert "3 policies" in listed


def test_too_many_routes_for_a_form_are_edited_as_a_document(editor: Client, code: Category):
    routes = [{"name": f"r{n}", "when": {"label": str(n)}} for n in range(30)]
    save_policy(document={"every_category": {"routes": routes}}, reason="Many.")
    assert editor.get(EVERY)["Location"] == DOCUMENT


def test_a_policy_that_names_somebody_retired_is_refused_by_name(editor: Client, code: Category, contenders: Any):
    save_policy(document={"every_category": {"default": "a"}}, reason="Base.")
    retire(contender=contenders["a"])
    page = editor.get(EVERY)
    told = text(editor.post(EVERY, typed(page) | {"rules-min_gain": "0.2", "reason": "x", "act": "save"}))
    assert "a is retired. Bring it back, or name another." in told
