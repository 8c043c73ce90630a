"""Freeze, lift, roll back, pin and lift a pin: by page, command and API, each kept with who and why."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from arena.models import ApiToken, User
from evals.catalog.services.contenders import retire
from evals.models import Category, Contender
from routing import audit
from routing.models import AuditEntry, PolicyVersion, Publication, RoutingTable
from routing.policy import services
from routing.publishing import freezing
from routing.publishing.publisher import AUTOMATIC, publish, rollback
from tests.routing.conftest import EAGER, FLIPPED, cast

API = "/api/v1/routing/"
PIN = "/routing/categories/code/pin/"


@pytest.fixture
def two_tables(voted: Category) -> Category:
    publish(actor=AUTOMATIC)
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    return voted


@pytest.fixture
def editor(editor_user: User, client_of: Any) -> Client:
    client: Client = client_of(editor_user)
    return client


@pytest.fixture
def post(db: None) -> Callable[..., Any]:
    """`post("freeze", reason=…)` as the token `deploy`, which may publish."""
    _, key = ApiToken.objects.create_key(name="deploy", scopes=["routing:publish"])
    headers = {"Authorization": f"Bearer {key}"}

    def send(path: str, **body: Any) -> Any:
        return Client().post(API + path, json.dumps(body), content_type="application/json", headers=headers)

    return send


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def typed(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def told() -> list[tuple[str, str, str]]:
    """Oldest first: what was done, by whom, and why."""
    return list(AuditEntry.objects.order_by("id").values_list("kind", "actor", "reason"))


def test_what_happens_by_itself_is_no_act_and_what_people_do_is(two_tables: Category):
    assert told() == []
    rollback(to=1, reason="b is too slow.", actor="Mara")
    freezing.unfreeze(reason="b is fast again.", actor="Jonas")
    services.pin(category="code", contender="c", reason="Support asked.", by="token deploy")
    publish(actor="Mara", reason="Now.")
    services.unpin(category="code", reason="Votes decide.", by="Mara")
    services.save_policy(document=EAGER | {"on_expired": "refuse"}, reason="Stricter.", by="Mara")
    assert told() == [
        ("rollback", "Mara", "b is too slow."),
        ("unfreeze", "Jonas", "b is fast again."),
        ("pin", "token deploy", "Support asked."),
        ("publish", "Mara", "Now."),
        ("unpin", "Mara", "Votes decide."),
        ("policy", "Mara", "Stricter."),
    ]
    led = list(AuditEntry.objects.order_by("id").values_list("table", "policy"))
    assert led == [(3, None), (None, None), (None, 2), (4, None), (None, 3), (None, 4)]


def test_a_person_is_no_automaton_whatever_the_name(voted: Category, editor_user: User):
    editor_user.first_name, editor_user.last_name = "automatic", ""
    assert publish(actor=editor_user.name).published
    assert told() == [("publish", "automatic", "No reason was given.")]


def test_the_longest_name_may_act(two_tables: Category, editor_user: User):
    editor_user.first_name, editor_user.last_name = "A" * 150, "B" * 150
    editor_user.save()
    rollback(to=1, reason="Too slow.", actor=editor_user.name)
    freezing.unfreeze(reason="Mended.", actor=editor_user.name)
    services.pin(category="code", contender="a", reason="Launch.", actor=editor_user)
    assert {actor for _, actor, _ in told()} == {"A" * 150}
    assert RoutingTable.objects.latest("version").actor == "A" * 150


def test_nothing_done_is_no_act(two_tables: Category):
    publish(actor="Mara", reason="Nothing changed.")
    publish(actor="Mara", reason="Only looking.", dry_run=True)
    assert not freezing.unfreeze(reason="Nothing is frozen.", actor="Mara")
    services.pin(category="code", contender="b", reason="First.", by="Mara")
    services.pin(category="code", contender="b", reason="Again.", by="Jonas")
    assert told() == [("pin", "Mara", "First.")]


@pytest.mark.on_both(because="each engine has triggers of its own")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE routing_act SET reason = 'nicer'",
        "DELETE FROM routing_act",
        "INSERT INTO routing_act (kind, actor, reason, about, at) VALUES ('freeze', 'Mara', '', '{}', '2026-01-01')",
        "INSERT INTO routing_act (kind, actor, reason, about, at) VALUES ('freeze', '', 'x', '{}', '2026-01-01')",
    ],
)
def test_the_database_keeps_acts_and_takes_none_without_who_and_why(db: None, statement: str):
    freezing.freeze(reason="Launch week.", actor="Mara")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert told() == [("freeze", "Mara", "Launch week.")]


def test_none_goes_without_a_reason(two_tables: Category, editor: Client, post: Any):
    acts: list[Callable[..., Any]] = [
        lambda: freezing.freeze(reason=" ", actor="Mara"),
        lambda: freezing.unfreeze(reason=" ", actor="Mara"),
        lambda: services.pin(category="code", contender="a", reason=" ", by="Mara"),
        lambda: services.unpin(category="code", reason=" ", by="Mara"),
        lambda: rollback(to=1, reason=" ", actor="Mara"),
    ]
    for act in acts:
        with pytest.raises(audit.ReasonMissingError):
            act()
    words = {"freeze": [], "unfreeze": [], "rollback": ["1"], "pin": ["code", "a"], "unpin": ["code"]}
    for name, more in words.items():
        with pytest.raises(CommandError, match="--reason"):
            typed(name, *more)
        with pytest.raises(CommandError, match="--reason: Write a reason"):
            typed(name, *more, "--reason", " ")
        body = {"to": 1, "category": "code", "contender": "a"}
        assert "reason" in post(name, **body).json()["errors"], name
        assert "reason" in post(name, **body, reason=" ").json()["errors"], name
    assert "reason" in post("publish").json()["errors"]
    for address, data in (
        ("/routing/freeze/", {}),
        ("/routing/publish/", {}),
        ("/routing/rollback/", {"to": "1"}),
        (PIN, {"contender": "a", "base": "1"}),
    ):
        assert "Write a reason" in text(editor.post(address, data)), address
    assert (told(), RoutingTable.objects.count()) == ([], 2)


def test_by_command(two_tables: Category):
    assert "Version 3 published with the decisions of 1." in typed("rollback", "1", "--reason", "b is too slow.")
    assert typed("unfreeze", "--reason", "Fixed.").startswith("Publishing goes on.")
    assert typed("unfreeze", "--reason", "Fixed.") == "Publishing was not frozen.\n"
    assert typed("freeze", "--reason", "Launch week.").startswith("Publishing is frozen.")
    assert "code is pinned to c. That is policy 2" in typed("pin", "code", "c", "--reason", "Support asked.")
    assert typed("pin", "code", "c", "--reason", "Again.") == "So it is already, by policy 2.\n"
    assert "The pin of code is lifted. That is policy 3" in typed("unpin", "code", "--reason", "Votes decide.")
    assert [(kind, actor) for kind, actor, _ in told()] == [
        (kind, "command line") for kind in ("rollback", "unfreeze", "freeze", "pin", "unpin")
    ]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_commands_print_one_document(two_tables: Category):
    back = json.loads(typed("rollback", "1", "--reason", "Slow.", "--json"))
    assert (back["published"], back["version"], back["cause"]) == (True, 3, "rollback")
    assert json.loads(typed("unfreeze", "--reason", "Fixed.", "--json"))["frozen"] is False
    frozen = json.loads(typed("freeze", "--reason", "Launch week.", "--json"))
    assert (frozen["frozen"], frozen["by"], frozen["reason"]) == (True, "command line", "Launch week.")
    assert set(frozen) == {"frozen", "by", "reason", "at"}
    made = json.loads(typed("pin", "code", "c", "--reason", "Asked.", "--json"))
    assert (made["saved"], made["version"], made["sha256"]) == (True, 2, PolicyVersion.objects.get(version=2).sha256)
    assert json.loads(typed("pin", "code", "c", "--reason", "Asked.", "--json"))["saved"] is False
    assert json.loads(typed("unpin", "code", "--reason", "Votes.", "--json"))["version"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rollback", "9"), "There is no version 9"),
        (("rollback", "2"), "decides the same"),
        (("pin", "cod", "a"), "no category “cod” in use. Did you mean code?"),
        (("pin", "code", "d"), "“d” is not a contender"),
        (("pin", "code", "old"), "old is retired"),
        (("pin", "code", "a", "--route", "fats"), "no route called “fats”"),
        (("unpin", "code"), "Nothing is pinned in code."),
        (("unpin", "nowhere"), "Nothing is pinned in nowhere."),
    ],
)
def test_a_refusal_names_what_is_wrong(two_tables: Category, contenders: Any, words: tuple[str, ...], message: str):
    old = Contender.objects.create(slug="old", family="old", provider=contenders["a"].provider, model_name="old")
    retire(contender=old)
    with pytest.raises(CommandError, match=message):
        typed(*words, "--reason", "Try.")
    assert told() == []


@pytest.mark.parametrize("command", ["rollback", "freeze", "unfreeze", "pin", "unpin"])
def test_help_has_an_example(command: str, capsys: Any):
    with pytest.raises(SystemExit):
        call_command(command, "--help")
    assert f"manage.py {command}" in capsys.readouterr().out


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_by_api(two_tables: Category, post: Any):
    assert post("freeze", reason="Launch week.").json()["frozen"] is True
    lifted = post("unfreeze", reason="Over.").json()
    assert (lifted["frozen"], lifted["at"], Publication.objects.get().frozen_at) == (False, None, None)
    assert post("unfreeze", reason="Over.").status_code == 200
    made = post("pin", category="code", contender="c", reason="Support asked.")
    assert (made.status_code, made.json()["version"], made.json()["actor"]) == (200, 2, "token deploy")
    assert post("unpin", category="code", reason="Votes decide.").json()["version"] == 3
    assert [one[:2] for one in told()] == [(kind, "token deploy") for kind in ("freeze", "unfreeze", "pin", "unpin")]


def test_the_api_refuses_with_a_problem_that_names_it(two_tables: Category, post: Any):
    unknown = post("pin", category="cod", contender="c", reason="x")
    assert (unknown.status_code, unknown["Content-Type"]) == (400, "application/problem+json")
    assert "Did you mean code?" in unknown.json()["errors"]["category"][0]
    nobody = post("pin", category="code", contender="d", reason="x").json()
    assert "“d” is not a contender" in nobody["errors"]["categories.code.routes[0].pin"][0]
    assert post("unpin", category="code", reason="x").status_code == 409
    late = post("pin", category="code", contender="c", reason="x", base=7)
    assert (late.status_code, late.json()["newest"]) == (409, 1)
    _, key = ApiToken.objects.create_key(name="reader", scopes=["routing:read"])
    for path in ("unfreeze", "pin", "unpin"):
        headers = {"Authorization": f"Bearer {key}"}
        answer = Client().post(API + path, "{}", content_type="application/json", headers=headers)
        assert answer.status_code == 403, path
    assert told() == []


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_freezing_and_lifting_by_page_ask_for_a_reason(editor: Client, two_tables: Category, editor_user: User):
    def seen() -> str:
        return str(editor.get("/routing/freeze/").context["form"]["seen"].value())

    assert "Write a reason" in text(editor.post("/routing/freeze/", {"reason": " "}))
    editor.post("/routing/freeze/", {"reason": "Launch week.", "seen": seen()})
    assert Publication.objects.get().frozen_reason == "Launch week."
    assert "Launch week." in text(editor.get("/routing/"))
    assert "Write a reason" in text(editor.post("/routing/freeze/", {"lift": "1", "seen": seen()}))
    assert Publication.objects.get().frozen_at is not None
    editor.post("/routing/freeze/", {"lift": "1", "reason": "Over.", "seen": seen()})
    assert Publication.objects.get().frozen_at is None
    name = editor_user.name
    assert told() == [("freeze", name, "Launch week."), ("unfreeze", name, "Over.")]


def test_a_freeze_that_somebody_else_made_meanwhile_is_neither_lifted_nor_overwritten(editor: Client, two_tables: Any):
    freezing.freeze(reason="An incident.", actor="Jonas")
    page = text(editor.post("/routing/freeze/", {"reason": "Launch week.", "seen": ""}, follow=True))
    assert "Jonas froze publishing meanwhile: “An incident.” Nothing was changed." in page
    seen = Publication.objects.get().frozen_since
    freezing.unfreeze(reason="Over.", actor="Jonas")
    freezing.freeze(reason="Another incident.", actor="Ana")
    page = text(editor.post("/routing/freeze/", {"lift": "1", "reason": "Over.", "seen": seen}, follow=True))
    assert "Ana froze publishing meanwhile: “Another incident.”" in page
    freezing.unfreeze(reason="Over.", actor="Ana")
    page = text(editor.post("/routing/freeze/", {"lift": "1", "reason": "Over.", "seen": seen}, follow=True))
    assert "Another person lifted the freeze meanwhile." in page


def test_the_history_of_acts_is_read_page_by_page_by_everybody(
    viewer_user: User, client_of: Any, two_tables: Category, monkeypatch: pytest.MonkeyPatch
):
    viewer = client_of(viewer_user)
    assert "No entries yet" in text(viewer.get("/routing/acts/"))
    rollback(to=1, reason="b is too slow.", actor="Mara")
    services.pin(category="code", contender="c", reason="<b>Asked</b>.", by="token deploy")
    page = viewer.get("/routing/acts/").content.decode()
    assert "&lt;b&gt;Asked&lt;/b&gt;" in page
    for link in ("/routing/versions/3/", "/routing/policy/versions/2/", "/routing/categories/code/"):
        assert f'href="{link}"' in page
    monkeypatch.setattr("routing.publishing.views.audit.PAGE", 1)
    first = text(viewer.get("/routing/acts/"))
    assert "Rolled back" not in first
    older = AuditEntry.objects.order_by("-id")[0].pk
    assert f"?before={older}" in first
    assert "Rolled back to 1, and froze" in text(viewer.get("/routing/acts/", {"before": older}))
