"""Every link on routing's pages and the leaderboards opens for whoever is shown it; and by links alone one gets from
any leaderboard to the decision made on it, its version, its policy and every reason, and back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client

from arena.models import Role, User
from evals.models import Category
from routing.models import AuditEntry, Decision, PolicyVersion, RoutingTable
from routing.policy import services
from routing.publishing import freezing
from routing.publishing.publisher import AUTOMATIC, publish, rollback
from tests.routing.conftest import EAGER, FLIPPED, cast

STARTS = ("/routing/", "/leaderboards/")
# More pages than the small installation has: a page that makes up addresses without end would pass this.
MOST = 400


class Links(HTMLParser):
    """A page's links, the ids they may lead to, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: set[str] = set()
        self.ids: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "a" and "href" in said:
            assert said["href"], f"a link to nowhere: {attrs}"
            self.hrefs.add(said["href"])
        if said.get("hx-get"):
            self.hrefs.add(str(said["hx-get"]))
        if said.get("id"):
            self.ids.add(str(said["id"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass
class Walk:
    """What was found from `STARTS` on: each page as it was read, each link's answer, and whence it was shown."""

    pages: dict[str, Links] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    shown_on: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def words(self, address: str) -> str:
        return " ".join("".join(self.pages[address].words).split())

    def leads(self, start: str, end: str, *, steps: int) -> bool:
        """Whether links lead from one page to another in so few steps."""
        reached = {start}
        for _ in range(steps):
            reached |= {without_fragment(link) for page in reached & set(self.pages) for link in self.from_(page)}
        return end in reached

    def from_(self, page: str) -> set[str]:
        return {urljoin(page, href) for href in self.pages[page].hrefs}


def without_fragment(address: str) -> str:
    return address.partition("#")[0]


def walk(client: Client) -> Walk:
    """Reads every page under `STARTS` that links lead to, and asks once for whatever else they lead to."""
    made, waiting = Walk(), deque(STARTS)
    anchors: list[tuple[str, str, str]] = []
    while waiting:
        address = waiting.popleft()
        if address in made.answers:
            continue
        assert len(made.answers) < MOST, f"{address}, shown on {made.shown_on[address]}, is one too many."
        answer: Any = client.get(address)
        made.answers[address] = answer.status_code
        if not address.startswith(STARTS) or not answer["Content-Type"].startswith("text/html"):
            continue
        made.pages[address] = page = Links()
        page.feed(answer.content.decode())
        for href in sorted(page.hrefs):
            target = urljoin(address, href)
            if urlsplit(target).netloc or urlsplit(target).scheme:
                continue
            plain, _, fragment = target.partition("#")
            if fragment:
                anchors.append((address, plain, fragment))
            made.shown_on.setdefault(plain, address)
            waiting.append(plain)
    made.lost = [
        f"{page} → {target}#{fragment}"
        for page, target, fragment in anchors
        if target in made.pages and fragment not in made.pages[target].ids
    ]
    return made


# An admin is shown every page there is; on both engines the two would find the same.
WALKERS = [
    pytest.param(Role.VIEWER, marks=pytest.mark.runs_once(on="sqlite", because="what links lead to is the same")),
    pytest.param(Role.ADMIN, marks=pytest.mark.runs_once(on="postgresql", because="it runs the queries of every page")),
]


@pytest.fixture
def history(voted: Category, editor_user: User) -> Category:
    """First, a look that changed nothing, a switch, a pin, its lifting, a rollback, a held change; a second category
    without votes, and one that is retired."""
    Category.objects.create(slug="chat", name="Chat")
    publish(actor=AUTOMATIC)
    cast(voted, {("a", "b"): (5, 1, 0)})
    publish(actor=AUTOMATIC)
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    services.pin(category="code", contender="c", reason="Support asked for c.", actor=editor_user)
    publish(actor=AUTOMATIC)
    services.unpin(category="code", reason="Votes decide again.", by="token deploy")
    publish(actor=AUTOMATIC)
    rollback(to=2, reason="c is too slow.", actor="Mara")
    freezing.unfreeze(reason="c is fast again.", actor="Jonas")
    gate = EAGER["every_category"]["gate"] | {"mode": "approval"}
    services.save_policy(document={"every_category": {"gate": gate}}, reason="A person approves.", actor=editor_user)
    publish(actor=AUTOMATIC)
    cast(voted, {("a", "b"): (2000, 0, 0), ("a", "c"): (500, 0, 0)})
    publish(actor=AUTOMATIC)
    return voted


@pytest.mark.parametrize("role", WALKERS)
def test_before_the_first_table_every_link_opens_too(code: Category, make_user: Any, client_of: Any, role: Role):
    cast(code, {("a", "b"): (2, 0, 0)})
    seen = walk(client_of(make_user(role)))
    assert {address for address, status in seen.answers.items() if status != 200} == set()


@pytest.mark.parametrize("role", WALKERS)
def test_where_there_is_nothing_every_link_opens_too(db: None, make_user: Any, client_of: Any, role: Role):
    seen = walk(client_of(make_user(role)))
    assert {address for address, status in seen.answers.items() if status != 200} == set()


@pytest.mark.parametrize("role", WALKERS)
def test_every_link_that_is_shown_opens(history: Category, make_user: Any, client_of: Any, role: Role):
    seen = walk(client_of(make_user(role)))
    wrong = {address: status for address, status in seen.answers.items() if status != 200}
    assert {f"{seen.shown_on[address]} → {address}: {status}" for address, status in wrong.items()} == set()
    assert seen.lost == []
    assert len(seen.pages) > 25
    assert ("/routing/categories/code/pin/" in seen.pages) == (role == Role.ADMIN)
    if role == Role.VIEWER:
        leaderboard_decision_version_policy_and_reason_are_tied(seen)


def leaderboard_decision_version_policy_and_reason_are_tied(seen: Walk) -> None:
    """Part of the test above: the walk and the history behind it take seconds."""
    category = "/routing/categories/code/"
    decisions = list(Decision.objects.filter(category="code"))
    assert {one.outcome for one in decisions} >= {"first", "kept", "switched", "pinned", "held"}
    for one in decisions:
        board = f"/leaderboards/code/{one.leaderboard_seq}/{one.leaderboard_revision}/"
        assert f"decision-{one.pk}" in seen.pages[category].ids
        assert one.reason in seen.words(category)
        # There and back, whichever end one starts from.
        ends = [category, board, f"/routing/policy/versions/{one.numbers['policy']}/"]
        if one.table_id:
            ends.append(f"/routing/versions/{one.table_id}/")
            assert one.reason in seen.words(ends[-1])
            links = seen.from_(ends[-1])
            # The live version's page is the routing page's, which shows each category's newest decision in its place.
            live = RoutingTable.objects.order_by("-version")[0].version == one.table_id
            assert {board, category if live else f"{category}#decision-{one.pk}"} <= links
        for start in ends:
            for end in ends:
                assert seen.leads(start, end, steps=3), f"{one}: {start} does not lead to {end}"
    for table in RoutingTable.objects.all():
        assert f"/routing/versions/{table.version}/" in seen.pages
    for policy in PolicyVersion.objects.all():
        assert policy.reason in seen.words(f"/routing/policy/versions/{policy.version}/")
    for act in AuditEntry.objects.all():
        assert f"act-{act.pk}" in seen.pages["/routing/acts/"].ids
        assert f"{act.actor}: “{act.reason}”" in seen.words("/routing/acts/")
