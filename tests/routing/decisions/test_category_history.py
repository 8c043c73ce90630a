"""A category's history by links: leaderboard, decision, version and reason, both ways; and what retiring touches."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from arena.models import User
from evals.catalog.services.categories import unretire_category
from evals.models import Category, Leaderboard
from routing.decisions import history as decisions_history
from routing.decisions import views
from routing.models import Decision, Publication, RoutingTable
from routing.policy.services import save_policy
from routing.publishing import chores
from routing.publishing.publisher import AUTOMATIC, publish
from tests.routing.conftest import FLIPPED, cast

pytestmark = pytest.mark.runs_once(
    on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"
)


@pytest.fixture
def editor(editor_user: User, client_of: Any) -> Client:
    client: Client = client_of(editor_user)
    return client


@pytest.fixture
def switched(voted: Category) -> Category:
    """Version 1 at vote 315, a look that changed nothing at 321, version 2 at 961."""
    publish(actor=AUTOMATIC)
    cast(voted, {("a", "b"): (5, 1, 0)})
    publish(actor=AUTOMATIC)
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    return voted


def text(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(html.unescape(response.content.decode()).split())


def links(page: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', page)


def test_every_decision_links_its_leaderboard_its_version_and_its_policy(editor: Client, switched: Category):
    page = text(editor.get("/routing/categories/code/"))
    decisions = list(Decision.objects.order_by("-id"))
    assert [one.outcome for one in decisions] == ["switched", "kept", "first"]
    for one in decisions:
        assert f'id="decision-{one.pk}"' in page
        assert f"/leaderboards/code/{one.leaderboard_seq}/{one.leaderboard_revision}/" in links(page)
    assert {"/routing/versions/1/", "/routing/versions/2/"} <= set(links(page))
    assert "No version: nothing changed by it" in page
    assert "b leads a by" in re.sub(r"<[^>]+>", "", page)


def test_the_chain_is_walked_by_links_alone_from_either_end(editor: Client, switched: Category):
    """leaderboard -> decision -> version -> its decisions -> leaderboard."""
    board = text(editor.get("/leaderboards/code/"))
    history = next(link for link in links(board) if link.startswith("/routing/categories/"))
    page = text(editor.get(history))
    first = next(link for link in links(page) if link.startswith("/leaderboards/code/315/"))
    then = text(editor.get(first))
    assert "code at vote 315" in then.lower()
    version = next(link for link in links(then) if link.startswith("/routing/versions/"))
    assert version == "/routing/versions/1/"
    table = text(editor.get(version))
    assert "What it is based on" in table
    assert first in links(table)
    assert any(link.startswith("/routing/categories/code/#decision-") for link in links(table))
    live = text(editor.get("/routing/"))
    assert any(link.startswith("/leaderboards/code/961/") for link in links(live))
    assert "/routing/categories/code/" in links(live)


def test_the_live_page_tells_the_newest_look_where_no_table_rests_on_it(editor: Client, switched: Category):
    assert "Looked at" not in text(editor.get("/routing/"))
    cast(switched, {("a", "b"): (3, 1, 0)})
    publish(actor=AUTOMATIC)
    decision = Decision.objects.order_by("-id")[0]
    page = text(editor.get("/routing/"))
    assert "Looked at" in page
    assert re.sub(r"<[^>]+>", "", page).count(decision.reason) == 1
    assert f"/routing/categories/code/#decision-{decision.pk}" in links(page)


def test_a_look_whose_routes_say_otherwise_is_a_decision_of_its_own(switched: Category):
    """Dwell time passes without a vote: what was held for time is now held for a person."""
    gate = {"min_votes": 3, "dwell_hours": 0, "mode": "approval"}
    save_policy(document={"every_category": {"gate": gate | {"dwell_hours": 1}}}, reason="Wait.")
    publish(actor=AUTOMATIC)
    cast(switched, {("a", "b"): (2000, 0, 0), ("a", "c"): (500, 0, 0)})
    publish(actor=AUTOMATIC)
    held = Decision.objects.order_by("-id")[0]
    assert held.numbers["routes"]["code"]["proposes"] is None
    assert "time on the present route" in held.reason
    before = Decision.objects.count()
    publish(actor=AUTOMATIC)
    assert Decision.objects.count() == before


def test_an_earlier_leaderboard_stays_readable(editor: Client, switched: Category):
    stored = Leaderboard.objects.get(seq=315)
    page = text(editor.get(f"/leaderboards/code/315/{stored.revision}/"))
    assert f"{stored.digest[:8]}…" in page
    assert "newest" not in re.findall(r'class="badge[^"]*">([^<]+)', page)
    assert "newest" in text(editor.get("/leaderboards/code/961/"))
    for missing in ("/leaderboards/code/7/", "/leaderboards/code/315/99/", "/leaderboards/chat/315/"):
        assert editor.get(missing).status_code == 404


def test_the_history_is_read_page_by_page(editor: Client, switched: Category, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(views, "PAGE", 1)
    page = text(editor.get("/routing/categories/code/"))
    newest = Decision.objects.order_by("-id")[0]
    assert f"/routing/categories/code/?before={newest.pk}" in links(page)
    older = text(editor.get(f"/routing/categories/code/?before={newest.pk}"))
    assert f'id="decision-{newest.pk}"' not in older
    assert editor.get("/routing/categories/code/?before=nonsense").status_code == 200
    assert editor.get("/routing/categories/nothing/").status_code == 404


def again(last: Decision, *, version: bool = True, **changes: Any) -> Decision:
    """One more look that says what `last` says, by default with a version that it led to."""
    last.pk = None
    for name, value in changes.items():
        setattr(last, name, value)
    if version:
        newest = RoutingTable.objects.order_by("-version")[0]
        newest.pk = newest.version + 1
        newest.save(force_insert=True)
        last.table = newest
    else:
        last.table = None
    last.save(force_insert=True)
    return last


def test_neighbours_that_say_the_same_are_one(editor: Client, switched: Category):
    """Versions that something elsewhere led to repeat the sentence of each category that stayed as it was."""
    kept = {"outcome": "kept", "model_from": "b", "model_to": "b", "reason": "b stays."}
    for _ in range(4):
        newest = again(Decision.objects.order_by("-pk")[0], **kept)
    again(Decision.objects.order_by("-pk")[0], version=False, **kept)
    told = decisions_history.decisions_of("code", limit=50)
    assert [(one.outcome, one.version) for one in told] == [
        ("kept", None),
        ("switched", 2),
        ("kept", None),
        ("first", 1),
    ]
    assert told[0].first is not None
    assert told[0].versions == (3, 4, 5, 6)
    assert len(told[0].older_ids) == 4
    assert told[0].oldest == told[0].first.id < newest.pk
    page = text(editor.get("/routing/categories/code/"))
    assert page.count("<p>b stays.</p>".replace("b stays", '<span class="mono">b</span> stays')) == 1
    for pk in Decision.objects.values_list("pk", flat=True):
        assert page.count(f'id="decision-{pk}"') == 1
    assert {"/routing/versions/3/", "/routing/versions/6/"} <= set(links(page))
    assert "/routing/versions/4/" not in links(page)
    assert "Last checked" in page


def test_what_differs_by_one_route_is_told_apart(switched: Category):
    last = Decision.objects.order_by("-pk")[0]
    same = again(last)
    moved = {"code-fast": {"outcome": "switched", "from": "a", "to": "b", "reason": "Faster.", "proposes": None}}
    again(same, numbers=same.numbers | {"routes": same.numbers["routes"] | moved})
    assert [one.version for one in decisions_history.decisions_of("code", limit=2)] == [4, 3]


def test_runs_of_the_same_are_paged_whole(editor: Client, switched: Category, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(views, "PAGE", 1)
    for reason in ("b stays.", "b stays.", "b stays.", "b stays on.", "b stays on."):
        again(Decision.objects.order_by("-pk")[0], outcome="kept", model_from="b", reason=reason)
    seen, address = [], "/routing/categories/code/"
    while address:
        page = text(editor.get(address))
        seen.append(re.findall(r'id="decision-(\d+)"', page))
        older = re.findall(r'href="[^"]*(\?before=\d+)">Older', page)
        address = f"/routing/categories/code/{older[0]}" if older else ""
    assert [len(ids) for ids in seen] == [2, 3, 1, 1, 1]
    assert sorted(int(pk) for ids in seen for pk in ids) == list(
        Decision.objects.order_by("pk").values_list("pk", flat=True)
    )


def test_a_long_history_costs_two_queries(switched: Category, django_assert_num_queries: Any):
    for _ in range(30):
        again(Decision.objects.order_by("-pk")[0])
    with django_assert_num_queries(2):
        (folded,) = decisions_history.decisions_of("code", limit=1)
    assert folded.first is not None
    assert folded.versions == tuple(range(2, 33))


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_retiring_a_category_asks_first_and_names_its_routes(editor: Client, switched: Category):
    page = text(editor.get("/routing/categories/code/"))
    acts = links(page[page.index('<div class="acts">') : page.index("</div> </div>", page.index('<div class="acts">'))])
    assert acts[-1] == "/leaderboards/code/retire/", "what ends it comes last"
    page = text(editor.get("/leaderboards/code/retire/"))
    assert "route code, to b" in page
    switched.refresh_from_db()
    assert switched.retired_at is None
    assert editor.post("/leaderboards/code/retire/", {"why": "Merged."}).status_code == 302
    switched.refresh_from_db()
    assert switched.retired_at is not None
    assert Publication.objects.get().publish_enqueued_at is not None
    chores.publish()
    table = text(editor.get("/routing/"))
    assert "<h1>Version 3</h1>" in table
    assert RoutingTable.objects.order_by("-version")[0].cause == "models"
    page = text(editor.get("/routing/categories/code/"))
    assert "retired" in page
    assert "Restore it" in text(editor.get("/leaderboards/code/retire/"))
    editor.post("/leaderboards/code/retire/", {"back": "1", "why": "Split again."})
    switched.refresh_from_db()
    assert switched.retired_at is None
    assert not unretire_category(category=switched)


def test_retiring_a_contender_names_routes_and_the_policy(editor: Client, voted: Category):
    save_policy(
        document={"every_category": {"gate": {"min_votes": 3}, "default": "a", "routes": [{"escalate_to": "a"}]}},
        reason="Names a.",
    )
    publish(actor=AUTOMATIC)
    page = text(editor.get("/contenders/a/retire/"))
    assert "route code, as primary" in page
    assert "policy 2, at every_category.default" in page
    assert "policy 2, at every_category.routes[0].escalate_to" in page
