"""Every address there is, and who may open it and act on it.

The table is the decision; the test walks the URLconf and every method, so an address that is added without a line
here fails, and so does one whose guard says something else than the table.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from arena.accounts.services import create_sign_in_link
from arena.models import Role, User
from evals.bake_offs.report import not_started
from evals.catalog.images.references import reference_to
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.collection.quarantine.cases import detected
from evals.models import (
    BakeOff,
    BakeOffReport,
    BakeOffRound,
    Ballot,
    Battle,
    Category,
    Contender,
    Generation,
    Invitation,
    Provider,
    QuarantineCase,
    Reviewer,
    Run,
    TaskSet,
)
from evals.voting.category_settings import add_dimension, add_reason
from evals.voting.gold import mark_gold
from evals.voting.groups import create_group
from evals.voting.invitations import invite
from evals.voting.reviewers import reviewer_of
from tests.evals.images.pictures import store_image

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="who may is decided before the database is asked"),
]

# Anybody at all; nobody (no such method, or not by role: other machines are refused the metrics).
ANYBODY, NOBODY = "anybody", "nobody"
VIEWER, REVIEWER, EDITOR, ADMIN = Role.VIEWER, Role.REVIEWER, Role.EDITOR, Role.ADMIN
Floor = Role | str

# The address as the URLconf has it; the lowest role that may GET it; the lowest that may POST to it.
PAGES: dict[str, tuple[Floor, Floor]] = {
    "": (ANYBODY, NOBODY),
    "theme/": (NOBODY, ANYBODY),
    "styleguide/": (ANYBODY, NOBODY),
    "styleguide/texts/": (ANYBODY, NOBODY),
    "vote/": (REVIEWER, NOBODY),
    "vote/practice/": (REVIEWER, REVIEWER),
    "vote/<slug:category>/": (REVIEWER, NOBODY),
    "vote/b/<str:token>/": (REVIEWER, REVIEWER),
    "vote/b/<str:token>/image/<str:place>/<int:n>/": (REVIEWER, NOBODY),
    "vote/b/<str:token>/difference/": (REVIEWER, NOBODY),
    "vote/b/<str:token>/undo/": (NOBODY, REVIEWER),
    "vote/b/<str:token>/report/": (NOBODY, REVIEWER),
    "leaderboards/": (VIEWER, NOBODY),
    "leaderboards/+overall/": (VIEWER, NOBODY),
    "leaderboards/<slug:category>/": (VIEWER, NOBODY),
    "leaderboards/<slug:category>/leaderboard.csv": (VIEWER, NOBODY),
    "leaderboards/<slug:category>/leaderboard.json": (VIEWER, NOBODY),
    "leaderboards/<slug:category>/leaderboard.svg": (VIEWER, NOBODY),
    "leaderboards/<slug:category>/edit/": (EDITOR, EDITOR),
    "leaderboards/<slug:category>/retire/": (EDITOR, EDITOR),
    "leaderboards/<slug:category>/<int:seq>/": (VIEWER, NOBODY),
    "leaderboards/<slug:category>/<int:seq>/<int:revision>/": (VIEWER, NOBODY),
    "task-sets/": (VIEWER, NOBODY),
    "task-sets/new/": (EDITOR, EDITOR),
    "task-sets/<slug:slug>/": (VIEWER, NOBODY),
    "task-sets/<slug:slug>/changes/": (VIEWER, NOBODY),
    # With what the file kept beside the tasks, which may name models.
    "task-sets/<slug:slug>/tasks.csv": (EDITOR, NOBODY),
    "task-sets/<slug:slug>/tasks.jsonl": (EDITOR, NOBODY),
    "task-sets/<slug:slug>/tasks/<int:pk>/edit/": (EDITOR, EDITOR),
    "task-sets/<slug:slug>/rescore/": (NOBODY, EDITOR),
    "task-sets/<slug:slug>/long-context/": (VIEWER, EDITOR),
    "tasks/<int:pk>/images/<int:n>/": (VIEWER, NOBODY),
    "generations/<int:pk>/images/<int:n>/": (EDITOR, NOBODY),
    "providers/": (VIEWER, NOBODY),
    "providers/new/": (ADMIN, ADMIN),
    "providers/<slug:slug>/edit/": (ADMIN, ADMIN),
    "providers/<slug:slug>/models/": (EDITOR, EDITOR),
    "contenders/": (VIEWER, NOBODY),
    "contenders/new/": (EDITOR, EDITOR),
    "contenders/found/": (EDITOR, EDITOR),
    "contenders/<path:slug>/edit/": (EDITOR, EDITOR),
    "contenders/<path:slug>/test/": (EDITOR, EDITOR),
    "contenders/<path:slug>/retire/": (EDITOR, EDITOR),
    "runs/": (VIEWER, NOBODY),
    "runs/new/": (EDITOR, EDITOR),
    "runs/new/estimate/": (NOBODY, EDITOR),
    "runs/compare/": (VIEWER, NOBODY),
    "runs/compare/differences.csv": (VIEWER, NOBODY),
    "runs/schedules/": (ADMIN, NOBODY),
    "runs/schedules/new/": (ADMIN, ADMIN),
    "runs/schedules/mail/": (NOBODY, ADMIN),
    "runs/schedules/of/<slug:slug>/": (ADMIN, ADMIN),
    "runs/schedules/of/<slug:slug>/remove/": (NOBODY, ADMIN),
    "runs/schedules/of/<slug:slug>/start/": (NOBODY, ADMIN),
    # They say how many votes a contender has, and needs.
    "bake-offs/": (EDITOR, NOBODY),
    "bake-offs/<int:pk>/": (EDITOR, NOBODY),
    "runs/<int:run_id>/": (VIEWER, NOBODY),
    "runs/<int:run_id>/progress/": (VIEWER, NOBODY),
    "runs/<int:run_id>/again/": (NOBODY, EDITOR),
    "runs/<int:run_id>/budget/": (NOBODY, EDITOR),
    "runs/<int:run_id>/pause/": (NOBODY, EDITOR),
    "runs/<int:run_id>/rescore/": (NOBODY, EDITOR),
    "runs/<int:run_id>/resume/": (NOBODY, EDITOR),
    "runs/<int:run_id>/retry/": (NOBODY, EDITOR),
    "runs/<int:run_id>/stop/": (NOBODY, EDITOR),
    "quarantine/": (EDITOR, NOBODY),
    "quarantine/<int:pk>/": (EDITOR, NOBODY),
    "quarantine/<int:pk>/release/": (NOBODY, EDITOR),
    "quarantine/<int:pk>/confirm/": (NOBODY, EDITOR),
    # How colleagues vote is for editors; each reviewer sees their own.
    "reviewers/": (EDITOR, NOBODY),
    "reviewers/me/": (REVIEWER, NOBODY),
    "reviewers/<int:pk>/": (EDITOR, NOBODY),
    "reviewers/invitations/": (EDITOR, EDITOR),
    "reviewers/invitations/<int:pk>/revoke/": (NOBODY, EDITOR),
    "reviewers/groups/": (EDITOR, EDITOR),
    "reviewers/groups/<slug:slug>/": (EDITOR, EDITOR),
    "reviewers/groups/<slug:slug>/members/": (NOBODY, EDITOR),
    "reviewers/groups/<slug:slug>/members/<int:pk>/remove/": (NOBODY, EDITOR),
    "join/<str:token>/": (ANYBODY, ANYBODY),
    # Reviewers' names and comments are for editors; what a reviewer votes in is closed to them (tests/evals/battles).
    "battles/": (VIEWER, NOBODY),
    "battles/preferences.jsonl": (EDITOR, NOBODY),
    "battles/<int:pk>/": (VIEWER, EDITOR),
    "battles/<int:pk>/gold/retire/": (NOBODY, EDITOR),
    "leaderboards/<slug:category>/battles/": (EDITOR, NOBODY),
    "leaderboards/<slug:category>/voting/": (EDITOR, EDITOR),
    "leaderboards/<slug:category>/voting/reasons/": (NOBODY, EDITOR),
    "leaderboards/<slug:category>/voting/reasons/<int:pk>/": (NOBODY, EDITOR),
    "leaderboards/<slug:category>/voting/dimensions/": (NOBODY, EDITOR),
    "leaderboards/<slug:category>/voting/dimensions/<int:pk>/": (NOBODY, EDITOR),
    "reviewers/<int:pk>/exclude/": (NOBODY, EDITOR),
    "reviewers/<int:pk>/include/": (NOBODY, EDITOR),
    "routing/": (VIEWER, NOBODY),
    "routing/versions/": (VIEWER, NOBODY),
    "routing/versions/<int:n>/": (VIEWER, NOBODY),
    "routing/policy/": (VIEWER, NOBODY),
    "routing/policy/rules/": (EDITOR, EDITOR),
    "routing/policy/rules/<slug:slug>/": (EDITOR, EDITOR),
    "routing/policy/table/": (EDITOR, EDITOR),
    "routing/policy/document/": (EDITOR, EDITOR),
    "routing/policy/versions/": (VIEWER, NOBODY),
    "routing/policy/versions/<int:n>/": (VIEWER, NOBODY),
    "routing/policy/versions/<int:n>/policy.<str:form>": (VIEWER, NOBODY),
    "routing/categories/<slug:slug>/": (VIEWER, NOBODY),
    "routing/categories/<slug:slug>/plan/": (VIEWER, NOBODY),
    "routing/categories/<slug:slug>/pin/": (EDITOR, EDITOR),
    "routing/categories/<slug:slug>/unpin/": (EDITOR, EDITOR),
    "routing/money/": (VIEWER, NOBODY),
    "routing/acts/": (VIEWER, NOBODY),
    "routing/publish/": (EDITOR, EDITOR),
    "routing/rollback/": (EDITOR, EDITOR),
    "routing/freeze/": (EDITOR, EDITOR),
    "routing/webhooks/": (ADMIN, ADMIN),
    "routing/webhooks/<int:pk>/": (ADMIN, NOBODY),
    "routing/webhooks/<int:pk>/secret/": (NOBODY, ADMIN),
    "routing/webhooks/<int:pk>/events/": (NOBODY, ADMIN),
    "routing/webhooks/<int:pk>/state/": (NOBODY, ADMIN),
    "routing/webhooks/<int:pk>/test/": (NOBODY, ADMIN),
    "routing/webhooks/<int:pk>/replay/": (NOBODY, ADMIN),
    "routing/webhooks/deliveries/<int:pk>/replay/": (NOBODY, ADMIN),
    "routing/webhooks/deliveries/<int:pk>/send/": (NOBODY, ADMIN),
    "accounts/sign-in/": (ANYBODY, NOBODY),
    "accounts/link/<str:token>/": (ANYBODY, ANYBODY),
    "accounts/sign-out/": (NOBODY, ANYBODY),
    "accounts/settings/": (VIEWER, VIEWER),
    "accounts/voting/": (VIEWER, VIEWER),
    "accounts/sessions/": (VIEWER, NOBODY),
    "accounts/sessions/end/": (NOBODY, VIEWER),
    "accounts/people/": (ADMIN, ADMIN),
    "accounts/people/<int:pk>/": (NOBODY, ADMIN),
    "accounts/people/<int:pk>/link/": (NOBODY, ADMIN),
    "accounts/people/<int:pk>/link/end/": (NOBODY, ADMIN),
    "accounts/people/<int:pk>/sessions/": (ADMIN, NOBODY),
    "accounts/people/<int:pk>/sessions/end/": (NOBODY, ADMIN),
    "admin/login/": (ANYBODY, NOBODY),
    "metrics": (NOBODY, NOBODY),
    "^api/": (ANYBODY, ANYBODY),
    "api/docs/": (ANYBODY, NOBODY),
    "api/schema/": (ANYBODY, NOBODY),
    "api/v1/": (ANYBODY, ANYBODY),
    "api/v1/task-sets": (VIEWER, EDITOR),
    "api/v1/task-sets/<slug:slug>": (VIEWER, NOBODY),
    "api/v1/task-set-files": (NOBODY, EDITOR),
    "api/v1/task-set-files/errors": (NOBODY, EDITOR),
    "api/v1/task-sets/<slug:slug>/rescore": (VIEWER, EDITOR),
    "api/v1/task-sets/<slug:slug>/tasks": (VIEWER, NOBODY),
    "api/v1/task-sets/<slug:slug>/long-context": (VIEWER, EDITOR),
    "api/v1/tasks/<int:pk>/images/<int:n>": (VIEWER, NOBODY),
    "api/v1/providers": (VIEWER, NOBODY),
    "api/v1/providers/<slug:slug>": (VIEWER, NOBODY),
    "api/v1/providers/<slug:slug>/models": (EDITOR, NOBODY),
    "api/v1/contenders": (VIEWER, EDITOR),
    "api/v1/contenders/<path:slug>": (VIEWER, NOBODY),
    "api/v1/runs": (VIEWER, EDITOR),
    "api/v1/runs/estimate": (NOBODY, VIEWER),
    "api/v1/runs/compare": (VIEWER, NOBODY),
    "api/v1/runs/compare/answers": (EDITOR, NOBODY),
    "api/v1/runs/<int:pk>": (VIEWER, NOBODY),
    "api/v1/runs/<int:pk>/consistency": (VIEWER, NOBODY),
    "api/v1/runs/<int:pk>/budget": (NOBODY, EDITOR),
    # They say how contenders answer, by name.
    "api/v1/runs/<int:pk>/checks": (EDITOR, NOBODY),
    "api/v1/runs/<int:pk>/pause": (NOBODY, EDITOR),
    "api/v1/runs/<int:pk>/rescore": (VIEWER, EDITOR),
    "api/v1/runs/<int:pk>/resume": (NOBODY, EDITOR),
    "api/v1/runs/<int:pk>/retry": (NOBODY, EDITOR),
    "api/v1/runs/<int:pk>/stop": (NOBODY, EDITOR),
    "api/v1/bake-offs": (EDITOR, NOBODY),
    "api/v1/bake-off-reports": (EDITOR, NOBODY),
    "api/v1/bake-off-reports/<int:pk>": (EDITOR, NOBODY),
    # They say which contender wrote which text, or who voted for what.
    "api/v1/generations": (EDITOR, NOBODY),
    "api/v1/generations/<int:pk>": (EDITOR, NOBODY),
    "api/v1/generations/<int:pk>/images/<int:n>": (EDITOR, NOBODY),
    "api/v1/quarantine": (EDITOR, NOBODY),
    "api/v1/quarantine/<int:pk>": (EDITOR, NOBODY),
    "api/v1/quarantine/<int:pk>/confirm": (NOBODY, EDITOR),
    "api/v1/quarantine/<int:pk>/release": (NOBODY, EDITOR),
    "api/v1/preferences": (EDITOR, NOBODY),
    "api/v1/reviewers": (EDITOR, NOBODY),
    "api/v1/reviewers/<int:pk>": (EDITOR, NOBODY),
    "api/v1/votes": (EDITOR, NOBODY),
    "api/v1/votes/<int:pk>": (EDITOR, NOBODY),
    "api/v1/leaderboards": (VIEWER, NOBODY),
    "api/v1/leaderboards/<str:category>": (VIEWER, NOBODY),
    "api/v1/routing/latest": (VIEWER, NOBODY),
    "api/v1/routing/versions": (VIEWER, NOBODY),
    "api/v1/routing/versions/<int:version>": (VIEWER, NOBODY),
    "api/v1/routing/diff": (VIEWER, NOBODY),
    "api/v1/routing/schema": (VIEWER, NOBODY),
    "api/v1/routing/keys": (VIEWER, NOBODY),
    "api/v1/routing/select": (NOBODY, VIEWER),
    "api/v1/routing/outcomes": (VIEWER, ADMIN),
    "api/v1/routing/policy": (EDITOR, NOBODY),
    "api/v1/routing/policy/versions": (EDITOR, NOBODY),
    "api/v1/routing/publish": (NOBODY, EDITOR),
    "api/v1/routing/rollback": (NOBODY, EDITOR),
    "api/v1/routing/freeze": (NOBODY, EDITOR),
    "api/v1/routing/unfreeze": (NOBODY, EDITOR),
    "api/v1/routing/pin": (NOBODY, EDITOR),
    "api/v1/routing/unpin": (NOBODY, EDITOR),
}
# Those that whoever is not signed in gets a 200 from. Say so here too, lest a slip in the table opens one.
PUBLIC = {"", "accounts/sign-in/", "accounts/link/<str:token>/", "join/<str:token>/", "api/docs/", "api/schema/"}
ADMIN_SITE = "admin/"
ADMIN_OPEN = ("admin/login/", "admin/logout/")

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
# Not the tests' own machine, which may read the metrics.
ELSEWHERE = "203.0.113.7"


def addresses(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    for one in (resolver or get_resolver()).url_patterns:
        here = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield here
        else:
            yield from addresses(one, here)


@dataclass(frozen=True)
class Place:
    """What the addresses are filled with: things that are there, lest a 404 stands for a refusal."""

    slugs: dict[str, str]

    def path(self, address: str) -> str:
        path = address.replace("^", "/").replace("//", "/")
        for name, value in self.slugs.items():
            path = path.replace(name, value)
        assert "<" not in path, f"{address}: say in this test what its parameters may be"
        return "/" + path.lstrip("/")


@pytest.fixture
def people(make_user) -> dict[Role | None, Client]:
    """A browser of each role, and one of a stranger."""
    browsers: dict[Role | None, Client] = {None: Client(REMOTE_ADDR=ELSEWHERE)}
    for role in Role:
        browsers[role] = Client(REMOTE_ADDR=ELSEWHERE)
        browsers[role].force_login(make_user(role))
    return browsers


@pytest.fixture
def place(people: dict[Role | None, Client]) -> Place:
    provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
    image = store_image(PIXEL).sha256
    parts = [{"type": "text", "text": "Which stone?"}, {"type": "image_url", "image_url": {"url": reference_to(image)}}]
    rows = [TaskRow("1", "Code", [{"role": "user", "content": parts}])]
    version = save_version(task_set_slug="stones", rows=rows, source="test").version
    category = Category.objects.get()
    task = version.items.get().task
    made = [
        Generation.objects.create(
            task=task,
            contender=Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug),
            state=Generation.State.DONE,
            text=f"{slug}.",
            images=[image],
        )
        for slug in ("granit", "kiesel")
    ]
    battle = Battle.objects.create(task=task, lo=made[0], hi=made[1])
    # The reviewer's own: to everybody else it does not exist, which the voting tests hold.
    reviewer = reviewer_of(User.objects.get(role=Role.REVIEWER))
    ballot = Ballot.objects.create(
        battle=battle, category=category, reviewer=reviewer, left="lo", reserved_until=category.created_at
    )
    detected({made[1].pk: "introduces itself"})
    editor = User.objects.get(role=Role.EDITOR)
    group = create_group(name="Stones", actor=editor)
    invitation = invite(label="Mara", group=group, most_uses=1, days=1, actor=editor)
    reason = add_reason(category=category, key="1", label="correct", actor=editor)
    dimension = add_dimension(category=category, name="Tone", actor=editor)
    mark_gold(battle=battle, outcome="lo", why="It is granite.", actor=editor)
    run = Run.objects.create(version=version)
    bake_off = BakeOff.objects.create(task_set=TaskSet.objects.get())
    held = BakeOffRound.objects.create(bake_off=bake_off, n=1, reason="Not started: a test.")
    content = not_started(task_set="stones", n=1, started_at=held.started_at, started_by="", reason=held.reason)
    report = BakeOffReport.objects.create(round=held, state="not_started", document=content)
    link = create_sign_in_link(user=User.objects.get(role=Role.VIEWER))
    return Place(
        {
            "accounts/link/<str:token>": f"accounts/link/{link}",
            "accounts/people/<int:pk>": f"accounts/people/{User.objects.get(role=Role.EDITOR).pk}",
            "battles/<int:pk>": f"battles/{battle.pk}",
            "groups/<slug:slug>": f"groups/{group.slug}",
            "members/<int:pk>": f"members/{reviewer.pk}",
            "invitations/<int:pk>": f"invitations/{Invitation.objects.get().pk}",
            "join/<str:token>": f"join/{invitation}",
            "reasons/<int:pk>": f"reasons/{reason.pk}",
            "dimensions/<int:pk>": f"dimensions/{dimension.pk}",
            "contenders/<path:slug>": "contenders/granit",
            "generations/<int:pk>": f"generations/{made[0].pk}",
            "leaderboards/<slug:category>": f"leaderboards/{category.slug}",
            "<int:seq>": "1",
            "<int:revision>": "0",
            "leaderboards/<str:category>": f"leaderboards/{category.slug}",
            "providers/<slug:slug>": f"providers/{provider.slug}",
            "quarantine/<int:pk>": f"quarantine/{QuarantineCase.objects.get().pk}",
            "reviewers/<int:pk>": f"reviewers/{Reviewer.objects.get().pk}",
            "routing/categories/<slug:slug>": f"routing/categories/{category.slug}",
            "policy/rules/<slug:slug>": f"policy/rules/{category.slug}",
            "policy/versions/<int:n>": "policy/versions/1",
            "policy.<str:form>": "policy.yaml",
            "routing/versions/<int:n>": "routing/versions/1",
            "routing/webhooks/<int:pk>": "routing/webhooks/1",
            "deliveries/<int:pk>": "deliveries/1",
            "routing/versions/<int:version>": "routing/versions/1",
            "runs/<int:pk>": f"runs/{run.pk}",
            "runs/<int:run_id>": f"runs/{run.pk}",
            "schedules/of/<slug:slug>": f"schedules/of/{TaskSet.objects.get().slug}",
            "bake-offs/<int:pk>": f"bake-offs/{report.pk}",
            "bake-off-reports/<int:pk>": f"bake-off-reports/{report.pk}",
            "task-sets/<slug:slug>": f"task-sets/{TaskSet.objects.get().slug}",
            "vote/<slug:category>": f"vote/{category.slug}",
            "vote/b/<str:token>": f"vote/b/{ballot.token}",
            "votes/<int:pk>": "votes/1",
            "tasks/<int:pk>": f"tasks/{task.pk}",
            "images/<int:n>": "images/1",
            "image/<str:place>/<int:n>": "image/left/1",
        }
    )


def ask(client: Client, method: str, path: str) -> HttpResponse:
    """As if for the first time: whatever it does is taken back, a signing out too."""
    cookies = client.cookies.copy()
    with transaction.atomic():
        data: dict[str, Any] = {} if method == "GET" else {"data": {}, "content_type": "application/json"}
        if not path.startswith("/api/"):
            data.pop("content_type", None)
        answer: Any = getattr(client, method.lower())(path, **data)
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer


def refused(answer: HttpResponse) -> bool:
    """Sent to sign in, told to, or told that they may not."""
    to_sign_in = answer.status_code == 302 and answer["Location"].startswith(("/accounts/sign-in/", "/admin/login/"))
    return to_sign_in or answer.status_code in (401, 403)


def allowed(who: Role | None, floor: Floor) -> bool:
    if isinstance(floor, Role):
        return who is not None and who.rank >= floor.rank
    return floor == ANYBODY


def edges(floor: Floor) -> set[Role | None]:
    """Roles are ordered, so these stand for all: None is the stranger."""
    if not isinstance(floor, Role):
        return {None, Role.ADMIN}
    below = list(Role)[max(floor.rank - 1, 0)]
    return {None, below, floor}


def complaint(answer: HttpResponse, who: Role | None, floor: Floor) -> str:
    if answer.status_code >= 500 and answer.status_code != 502:  # 502: a provider that was asked did
        return "fails"
    if floor == NOBODY:
        return "" if refused(answer) or answer.status_code == 405 else "takes it"
    if isinstance(floor, Role) and answer.status_code == 200 and not answer.get("Cache-Control"):
        return "gets what a cache may keep"
    if allowed(who, floor):
        # The sign-in page that the admin site's own leads to is no refusal of that address.
        return "is refused" if refused(answer) and floor != ANYBODY else ""
    return "" if refused(answer) else "is let in"


def test_every_address_has_its_line():
    walked = {address for address in addresses() if address in PAGES or not address.startswith(ADMIN_SITE)}
    assert walked == set(PAGES), "Decide who may open what is new, and take out what is gone."


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_opens_from_its_role_upwards(people, place: Place, method: str):
    """Asked as a stranger, in the lowest role that may, and in the one just below."""
    found = {}
    for address, floors in PAGES.items():
        floor = floors[method == "POST"]
        for who in edges(floor):
            wrong = complaint(answer := ask(people[who], method, place.path(address)), who, floor)
            if wrong:
                found[address] = f"{who or 'a stranger'} {wrong}: {answer.status_code}"
    assert not found


def test_a_stranger_reads_what_is_public_and_nothing_else(people, place: Place):
    read = {address for address in PAGES if ask(people[None], "GET", place.path(address)).status_code == 200}
    assert read == PUBLIC


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_admin_site_is_for_admins(people, method: str):
    """Its own addresses come from Django: each of them is closed to everybody else."""
    walked = [one for one in addresses() if one.startswith(ADMIN_SITE) and one not in ADMIN_OPEN]
    assert len(walked) > 50
    found = []
    for address in walked:
        path = "/" + address.replace("<path:object_id>", "1").replace("<int:content_type_id>", "1")
        answer = ask(people[Role.EDITOR], method, path.replace("^", "").split("(?P")[0])
        if not refused(answer) and answer.status_code != 404:
            found.append(f"{address}: {answer.status_code}")
    assert not found
