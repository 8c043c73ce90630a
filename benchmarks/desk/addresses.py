"""Every address that answers a GET, from the URLconf itself, filled with what the database has most of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import Count
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from arena.models import User
from evals.catalog.queries.contenders import askable_contenders
from evals.models import Ballot, Category, Generation, Leaderboard, QuarantineCase, Run, TaskSet, Vote
from evals.voting.reviewers import reviewer_of
from routing.models import RoutingTable

__all__ = ["Address", "addresses"]

# The admin site is Django's own, and what asks other hosts waits for them.
_LEFT_OUT = (
    "admin/",
    "providers/<slug:slug>/models",
    "api/v1/providers/<slug:slug>/models",
    "metrics",
    "accounts/link/",
    "join/",
    "contenders/found",
)


class Address(NamedTuple):
    name: str
    path: str


def addresses(admin: User, *, probed: bool = True) -> list[Address]:
    """Those that answer; each is asked once, which changes nothing but the ballots that the voting pages draw. Not
    `probed`: all that there may be."""
    client = Client(raise_request_exception=False)
    client.force_login(admin)
    values = _values(admin)
    found = []
    for pattern in _walk():
        if pattern.startswith(_LEFT_OUT) or "images/" in pattern or "/image/" in pattern:
            continue
        path = _filled(pattern, values)
        if path is not None and (not probed or client.get(path).status_code < 400):
            found.append(Address(pattern or "home", path))
    runs = list(Run.objects.order_by("-pk").values_list("pk", flat=True)[:2])
    if len(runs) == 2:
        query = f"?a={runs[1]}&b={runs[0]}"
        found += [
            Address(f"{one.name}?a&b", one.path + query) for one in found if one.name.endswith(("compare/", "compare"))
        ]
    return found


def _walk(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    for one in (resolver or get_resolver()).url_patterns:
        here = (before + str(one.pattern)).replace("^", "")
        if isinstance(one, URLPattern):
            yield here
        else:
            yield from _walk(one, here)


def _values(admin: User) -> dict[str, object]:
    """By the beginning of what stands before a parameter, or by the parameter alone."""
    category = Category.objects.order_by("pk").first()
    assert category is not None
    me = reviewer_of(admin)
    ballot = Ballot.objects.filter(reviewer=me).order_by("-pk").first()
    vote = Vote.objects.order_by("-pk").first()
    contender = askable_contenders().first()
    assert ballot is not None
    assert vote is not None
    assert contender is not None
    board = Leaderboard.objects.filter(category=category).order_by("pk")[0]
    table = RoutingTable.objects.order_by("-version").first()
    run = Run.objects.annotate(n=Count("contenders")).order_by("-n", "-pk")[0]
    return {
        "battles/<int:pk>": ballot.battle_id,
        "accounts/people/<int:pk>": admin.pk,
        "generations/<int:pk>": Generation.objects.order_by("-pk")[0].pk,
        "quarantine/<int:pk>": QuarantineCase.objects.order_by("-pk")[0].pk,
        "reviewers/<int:pk>": me.pk,
        "runs/<int:pk>": run.pk,
        "runs/<int:run_id>": run.pk,
        "votes/<int:pk>": vote.pk,
        "vote/b/<str:token>": ballot.token,
        "contenders/<path:slug>": contender.slug,
        "providers/<slug:slug>": contender.provider.slug,
        "task-sets/<slug:slug>": TaskSet.objects.order_by("pk")[0].slug,
        "routing/categories/<slug:slug>": category.slug,
        "policy/rules/<slug:slug>": category.slug,
        "<slug:category>": category.slug,
        "<str:category>": category.slug,
        "<int:seq>": board.seq,
        "<int:revision>": board.revision,
        "<int:version>": table.version if table else 1,
        "versions/<int:n>": table.version if table else 1,
        "policy.<str:form>": "yaml",
    }


def _filled(pattern: str, values: dict[str, object]) -> str | None:
    """None where the world has nothing of its kind."""
    path = pattern
    for place, value in values.items():
        before, _, parameter = place.rpartition("<") if "<" in place else (place, "", "")
        path = path.replace(place, before + str(value) if parameter else str(value))
    return None if "<" in path else f"/{path}"
