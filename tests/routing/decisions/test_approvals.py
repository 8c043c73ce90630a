"""What the policy holds for a person: it waits, is approved by name and route, and keeps who approved and why."""

from __future__ import annotations

import html
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from arena.models import ApiToken, User
from evals.models import Category
from routing.audit import ReasonMissingError
from routing.models import Decision, RoutingTable
from routing.policy.services import save_policy
from routing.publishing.freezing import freeze
from routing.publishing.publisher import AUTOMATIC, ApprovalError, publish
from tests.routing.conftest import FLIPPED, cast

HELD = {"every_category": {"gate": {"min_votes": 3, "dwell_hours": 0, "mode": "approval"}}}


@pytest.fixture
def waiting(voted: Category) -> Category:
    """Version 1 sends code to a; now b leads surely, and waits for approval."""
    publish(actor=AUTOMATIC)
    save_policy(document=HELD, reason="A person approves.")
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    return voted


@pytest.fixture
def editor(editor_user: User, client_of: Any) -> Client:
    client: Client = client_of(editor_user)
    return client


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def routed() -> str:
    document = json.loads(bytes(RoutingTable.objects.order_by("-version")[0].body))
    return str(document["categories"]["code"]["routes"][0]["primary"])


def test_it_waits_however_often_anybody_publishes(waiting: Category):
    result = publish(actor="Mara", reason="Go.")
    assert routed() == "a"
    assert result.as_dict()["waiting"] == [{"category": "code", "route": "code", "from": "a", "to": "b"}]
    decision = Decision.objects.filter(category="code")[0]
    assert "b leads a by" in decision.reason
    assert "It waits for approval" in decision.reason
    assert decision.numbers["routes"]["code"]["proposes"] == "b"


def test_approving_stores_who_and_why(waiting: Category):
    with pytest.raises(ReasonMissingError):
        publish(actor="Mara", approve={"code": "b"})
    result = publish(actor="Mara", reason="Checked with support.", approve={"code": "b"})
    assert (result.cause, routed()) == ("switched", "b")
    table = RoutingTable.objects.order_by("-version")[0]
    assert (table.actor, table.reason) == ("Mara", "Checked with support.")
    decision = Decision.objects.get(table=table)
    assert decision.reason.endswith("Approved by Mara: “Checked with support.”")
    assert not publish(actor=AUTOMATIC).published


@pytest.mark.parametrize(
    ("approve", "message"),
    [
        ({"code": "c"}, "Route code would not go to c. Now b is proposed"),
        ({"chat": None}, "There is no route chat."),
    ],
)
def test_what_is_not_proposed_is_not_approved(waiting: Category, approve: dict[str, Any], message: str):
    before = RoutingTable.objects.count()
    with pytest.raises(ApprovalError, match=message):
        publish(actor="Mara", reason="Go.", approve=approve)
    assert RoutingTable.objects.count() == before


def test_nothing_is_approved_of_twice_or_while_frozen(waiting: Category):
    freeze(reason="Launch week.", actor="Jonas")
    with pytest.raises(ApprovalError, match=r"Launch week\. Lift the freeze first"):
        publish(actor="Mara", reason="Go.", approve={"code": "b"})


def test_after_approval_nothing_is_left_to_approve(waiting: Category):
    publish(actor="Mara", reason="Go.", approve={"code": None})
    with pytest.raises(ApprovalError, match="Nothing is proposed"):
        publish(actor="Mara", reason="Go.", approve={"code": None})


def test_the_page_shows_what_waits_and_approves_with_a_reason(editor: Client, waiting: Category, editor_user: User):
    for address in ("/routing/", "/routing/categories/code/"):
        page = text(editor.get(address))
        assert "A change waits for approval." in page, address
        assert 'href="/routing/publish/"' in page, address
    assert 'value="code=b"' in text(editor.get("/routing/publish/"))
    page = text(editor.post("/routing/publish/", {"approve": "code=b", "reason": ""}))
    assert "Write a reason" in page
    assert 'value="code=b" checked' in page
    page = text(editor.post("/routing/publish/", {"approve": "code=c", "reason": "Go."}))
    assert "Route code would not go to c. Now b is proposed" in page
    assert editor.post("/routing/publish/", {"approve": "code=b", "reason": "Checked."}).status_code == 302
    assert routed() == "b"
    assert RoutingTable.objects.order_by("-version")[0].actor == editor_user.name
    assert "waits for approval" not in text(editor.get("/routing/"))


def test_publishing_without_a_tick_leaves_it_waiting(editor: Client, waiting: Category):
    page = text(editor.post("/routing/publish/", {"reason": "Refresh."}, follow=True))
    assert "Nothing published: every decision is as it was, and 1 change still waits for approval." in page
    assert routed() == "a"


def test_a_viewer_sees_what_waits_and_is_told_who_approves(viewer_user: User, client_of: Any, waiting: Category):
    page = text(client_of(viewer_user).get("/routing/"))
    assert "An editor can approve it." in page
    assert 'href="/routing/publish/"' not in page


def test_before_the_first_table_the_page_says_what_waits(editor: Client, voted: Category):
    save_policy(document=HELD, reason="A person approves.")
    page = text(editor.get("/routing/"))
    assert "A change waits for approval." in page
    assert "The first table waits for votes" not in page


def test_the_command_names_what_waits_and_approves(waiting: Category):
    out = io.StringIO()
    call_command("publish", stdout=out)
    assert "Approve by: publish --approve code=b --reason" in out.getvalue()
    with pytest.raises(CommandError, match="needs --reason"):
        call_command("publish", "--approve", "code=b", stdout=out)
    with pytest.raises(CommandError, match="Now b is proposed"):
        call_command("publish", "--approve", "code=c", "--reason", "Go.", stdout=out)
    call_command("publish", "--approve", "code", "--reason", "Go.", stdout=out)
    assert routed() == "b"
    assert RoutingTable.objects.order_by("-version")[0].actor == "command line"


def test_the_api_approves_with_its_scope(waiting: Category):
    def post(scope: str, **body: Any) -> Any:
        _, key = ApiToken.objects.create_key(name="deploy", scopes=[scope])
        headers = {"Authorization": f"Bearer {key}"}
        address = "/api/v1/routing/publish"
        return Client().post(address, json.dumps(body), content_type="application/json", headers=headers)

    assert post("routing:read", reason="Go.", approve={"code": "b"}).status_code == 403
    assert post("routing:publish", reason="Go.", approve={"code": "c"}).status_code == 409
    assert post("routing:publish", reason="Go.", approve="code").status_code == 400
    told = post("routing:publish", reason="Go.", approve={"code": "b"}).json()
    assert (told["published"], told["waiting"], routed()) == (True, [], "b")
    assert RoutingTable.objects.order_by("-version")[0].actor == "token deploy"
