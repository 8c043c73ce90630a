"""Pins: shown first by page, an edit of the policy that takes nothing of anybody's back, and lifted without a trace."""

from __future__ import annotations

import html
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from arena.models import User
from evals.models import Category
from routing.models import AuditEntry, PolicyVersion, RoutingTable
from routing.policy import services
from routing.policy.parse import PolicyError, default_document, parse
from routing.policy.pins import PinError, pinned, pins, unpinned
from routing.publishing import freezing
from routing.publishing.publisher import AUTOMATIC, publish
from tests.routing.conftest import EAGER, FLIPPED, cast

PIN, UNPIN = "/routing/categories/code/pin/", "/routing/categories/code/unpin/"
# Code has a route of its own in front of the one that always holds.
TWO_ROUTES = EAGER | {"categories": {"code": {"routes": [{"name": "fast", "when": {"max_ttft_ms": 500}}, {}]}}}


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


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def newest() -> dict[str, Any]:
    return dict(PolicyVersion.objects.order_by("-version")[0].document)


def told() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("kind", "actor", "reason"))


def test_pinning_by_page_shows_first_what_it_changes(editor: Client, two_tables: Category, editor_user: User):
    assert PIN in text(editor.get("/routing/categories/code/"))
    assert "What this would publish now" not in text(editor.get(PIN))
    page = text(editor.get(PIN, {"contender": "c"}))
    assert "<b>Version 3.</b> Cause: policy." in page
    assert '<span class="first">c</span>' in page
    assert "What would change from 2" in page
    assert (told(), PolicyVersion.objects.count()) == ([], 1)
    assert "Write a reason" in text(editor.post(PIN, {"contender": "c", "base": "1", "reason": ""}))
    done = editor.post(PIN, {"contender": "c", "base": "1", "reason": "Support asked."}, follow=True)
    assert "Policy 2 pins Code." in text(done)
    assert told() == [("pin", editor_user.name, "Support asked.")]
    publish(actor=AUTOMATIC)
    live = text(editor.get("/routing/"))
    assert "pinned" in live
    assert "Pinned code to c" in live
    assert "Support asked." in live


def test_lifting_a_pin_by_page(editor: Client, two_tables: Category):
    before = newest()
    assert "Nothing is pinned in code." in text(editor.get(UNPIN, follow=True))
    services.pin(category="code", contender="c", reason="Support asked.", by="Mara")
    publish(actor=AUTOMATIC)
    assert UNPIN in text(editor.get("/routing/categories/code/"))
    page = text(editor.get(UNPIN))
    assert "The policy pins route" in page
    assert "optional" not in page
    assert "What this would publish now" in page
    assert "Write a reason" in text(editor.post(UNPIN, {"base": "2", "reason": ""}))
    editor.post(UNPIN, {"base": "2", "reason": "Votes decide."})
    assert newest() == before


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_page_refuses_whom_there_is_not_and_a_policy_that_moved(editor: Client, two_tables: Category):
    assert "“d” is not a contender in use." in text(editor.get(PIN, {"contender": "d"}))
    assert editor.get("/routing/categories/nowhere/pin/").status_code == 404
    services.save_policy(document=EAGER | {"on_expired": "refuse"}, reason="Stricter.", by="Jonas")
    page = text(editor.post(PIN, {"contender": "c", "base": "1", "reason": "Asked."}, follow=True))
    assert "Policy 2 exists by now" in page
    assert "What this would publish now" in page
    assert newest()["categories"] == {}


def test_an_excluded_contender_is_not_pinned(editor: Client, two_tables: Category):
    services.save_policy(document={"every_category": EAGER["every_category"] | {"exclude": ["c"]}}, reason="No c.")
    assert "c is excluded by every_category.exclude" in text(editor.get(PIN, {"contender": "c"}))
    with pytest.raises(PolicyError, match="c is excluded"):
        services.pin(category="code", contender="c", reason="Asked.", by="Mara")


def test_a_page_asks_which_route_where_there_are_several(editor: Client, two_tables: Category):
    services.save_policy(document=TWO_ROUTES, reason="A fast one.", by="Mara")
    assert "code-fast" in text(editor.get(PIN))
    editor.post(PIN, {"contender": "c", "route": "fast", "base": "2", "reason": "Asked."})
    editor.post(PIN, {"contender": "b", "route": "", "base": "3", "reason": "Asked."})
    assert pins(parse(newest()), "code") == {"fast": "c", "": "b"}
    assert "Which route" in text(editor.get(UNPIN))
    editor.post(UNPIN, {"route": "fast", "base": "4", "reason": "Enough."})
    assert pins(parse(newest()), "code") == {"": "b"}


def test_while_frozen_nothing_is_said_to_be_published_next(editor: Client, two_tables: Category):
    assert "Publishing is frozen" not in text(editor.get("/routing/categories/code/"))
    form = {"contender": "c", "base": "1", "reason": "Asked."}
    freezing.freeze(reason="Launch week.", actor="Mara")
    assert "is published once the freeze is lifted" in text(editor.get(PIN, {"contender": "c"}))
    done = text(editor.post(PIN, form, follow=True))
    assert "Policy 2 pins Code. What it changes is published once the freeze is lifted." in done
    assert "Publishing is frozen by Mara" in done
    assert "Launch week." in done
    assert "published next" not in done + text(editor.post(UNPIN, {"base": "2", "reason": "Votes."}, follow=True))
    freezing.unfreeze(reason="Launched.", actor="Mara")
    done = text(editor.post(PIN, form | {"base": "3"}, follow=True))
    assert "Policy 4 pins Code. What it changes is published next." in done


def test_whose_pin_is_lifted_stays_first_and_it_is_said(editor: Client, two_tables: Category):
    services.pin(category="code", contender="c", reason="Support asked.", by="Mara")
    publish(actor=AUTOMATIC)
    stays = "c stays first until votes are sure of another; to go back at once, roll back."
    assert stays in text(editor.get(UNPIN))
    assert stays in text(editor.post(UNPIN, {"base": "2", "reason": "Votes decide."}, follow=True))
    out = io.StringIO()
    services.pin(category="code", contender="c", reason="Support asked.", by="Mara")
    call_command("unpin", "code", "--reason", "Votes decide.", stdout=out)
    assert out.getvalue().endswith(f"What it changes is published next. {stays}\n")


def test_in_a_category_without_votes_it_stays_first_too(contenders: Any, code: Category):
    services.pin(category="code", contender="c", reason="Support asked.", by="Mara")
    publish(actor=AUTOMATIC)
    services.unpin(category="code", reason="Votes decide.", by="Mara")
    publish(actor=AUTOMATIC)
    (route,) = json.loads(bytes(RoutingTable.objects.latest("version").body))["categories"]["code"]["routes"]
    assert (RoutingTable.objects.count(), route["primary"]) == (2, "c")


# The document


def test_a_pin_and_its_lifting_leave_the_document_as_it_was():
    for document in (default_document(), dict(parse(TWO_ROUTES).document)):
        edited = pinned(document, category="code", contender="c")
        assert pins(parse(edited), "code") == {"": "c"}
        assert unpinned(edited, category="code") == document


def test_a_pin_for_everybody_is_lifted_for_one_category_alone():
    document = dict(parse({"every_category": {"routes": [{"pin": "a"}]}}).document)
    edited = parse(unpinned(document, category="code"))
    assert (pins(edited, "code"), pins(edited, "chat")) == ({}, {"": "a"})


def test_who_lifts_a_pin_follows_everybody_as_everybody_is_by_now(voted: Category):
    services.save_policy(document=EAGER, reason="Eager.")
    services.pin(category="code", contender="a", reason="Launch.", by="Mara")
    faster = [{"name": "fast", "when": {"max_ttft_ms": 500}}, {}]
    edited = newest() | {"every_category": newest()["every_category"] | {"routes": faster}}
    services.save_policy(document=edited, reason="Fast ones, too.", by="Jonas")
    lifted = services.unpin(category="code", reason="Votes decide.", by="Mara").document
    assert [one.name for one in parse(lifted).rules("code").routes] == ["fast", ""]
    assert "code" not in lifted["categories"]


def test_routes_that_were_edited_beside_a_pin_stay(voted: Category):
    services.pin(category="code", contender="a", reason="Launch.", by="Mara")
    own = newest()["categories"]["code"]["routes"][0] | {"fallback_to": "b"}
    services.save_policy(
        document=newest() | {"categories": {"code": {"routes": [own]}}}, reason="A fallback.", by="Jonas"
    )
    lifted = services.unpin(category="code", reason="Votes decide.", by="Mara").document
    assert lifted["categories"]["code"]["routes"][0]["fallback_to"] == "b"


def test_a_second_click_is_no_conflict(editor: Client, two_tables: Category):
    base = PolicyVersion.objects.count()
    form = {"contender": "c", "route": "", "base": base, "reason": "Launch."}
    for _ in range(2):
        page = text(editor.post(PIN, form, follow=True))
        assert "Nothing was saved" not in page
    assert PolicyVersion.objects.count() == base + 1
    assert [one[0] for one in told()] == ["pin"]


def test_the_pin_of_another_route_is_lifted_only_if_it_is_meant():
    both = {
        "routes": [{"name": "one", "when": {"label": "x"}, "pin": "a"}, {"name": "two", "when": {"label": "y"}}, {}]
    }
    document = dict(parse({"categories": {"code": both}}).document)
    assert pins(parse(unpinned(document, category="code")), "code") == {}
    document = pinned(document, category="code", contender="b", route="two")
    with pytest.raises(PinError, match=r"several pins\. Name the route: one, two"):
        unpinned(document, category="code")
    with pytest.raises(PinError, match="is not pinned; pinned: one, two"):
        unpinned(document, category="code", route="")


@pytest.mark.on_both(because="two race for the same rows")
@pytest.mark.django_db(transaction=True)
def test_pins_at_once_are_all_kept(contenders: Any):
    """Each is an edit of the policy that the one before it made."""
    names = [f"category-{n}" for n in range(8)]
    Category.objects.bulk_create([Category(slug=name, name=name) for name in names])

    def act(name: str) -> None:
        services.pin(category=name, contender="a", reason=f"For {name}.", by="Mara")
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, names))
    policy = parse(newest())
    assert [pins(policy, name) for name in names] == [{"": "a"}] * 8
    assert sorted(PolicyVersion.objects.values_list("version", flat=True)) == list(range(1, 9))
    assert AuditEntry.objects.filter(kind="pin").count() == 8
