"""Every address of the URLconf as one person may open it, with what is there: headers and bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from django.db.models import Model
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from benchmarks.leaks.world import CANARIES, World
from evals.models import Ballot, Generation, Leaderboard, Vote
from routing.models import PolicyVersion, RoutingTable

__all__ = ["Read", "addresses", "client_of", "everything", "read", "told_by"]

# Not from the machine itself, which may read the metrics.
ELSEWHERE = "203.0.113.7"
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Read:
    """A response; `told` are its headers and its bytes as one text."""

    status: int
    told: str


def client_of(world: World) -> Client:
    client = Client(SERVER_NAME="localhost", REMOTE_ADDR=ELSEWHERE, raise_request_exception=False)
    client.force_login(world.user)
    return client


def addresses(world: World) -> list[str]:
    """Every address there is, with each of its parameters that leads anywhere; the newest where there may be many."""
    found: dict[str, None] = {}
    for pattern in _patterns(get_resolver()):
        for path in _filled(pattern, world):
            found[path] = None
    return list(found)


def everything(client: Client, world: World, *, admin: bool = True) -> dict[str, Read]:
    """What the person gets from each address that opens; `admin` false leaves the admin site's many out."""
    paths = [path for path in addresses(world) if admin or not path.startswith("/admin/")]
    return {path: one for path, one in read(client, paths).items() if one.status == HTTPStatus.OK}


def read(client: Client, paths: Iterable[str]) -> dict[str, Read]:
    return {path: told_by(client.get(path)) for path in paths}


def told_by(response: HttpResponseBase) -> Read:
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    return Read(response.status_code, f"{headers}\n\n{content.decode('utf-8', 'replace')}")


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for one in resolver.url_patterns:
        here = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _patterns(one, here)
        elif isinstance(one, URLPattern):
            yield here


def _filled(pattern: str, world: World) -> list[str]:
    """The pattern with its parameters filled in; none for one that is not an address but a rest (`^api/`, `(?P…)`),
    that signs somebody out, or that asks a provider."""
    if "^" in pattern or "(?P" in pattern or pattern.startswith(("accounts/link/", "accounts/sign-out")):
        return []
    if "providers/" in pattern and "models" in pattern:
        return []
    paths = ["/" + pattern]
    for name in _PARAMETER.findall(pattern):
        values = _values(pattern, name, world)
        paths = [_PARAMETER.sub(str(value), path, count=1) for path in paths for value in values]
    return paths


def _values(pattern: str, name: str, world: World) -> list[object]:
    """What the parameter may be at this address; 1 where nothing is known of it."""
    board = Leaderboard.objects.filter(category=world.category).order_by("-seq").first()
    by_name: dict[str, list[object]] = {
        "category": [world.category.slug],
        "slug": [world.category.slug],
        "token": list(
            Ballot.objects.filter(reviewer=world.reviewer).order_by("-pk").values_list("token", flat=True)[:2]
        ),
        "place": ["left", "right", "prompt"],
        "seq": [board.seq if board else 1],
        "revision": [board.revision if board else 1],
        "run_id": [world.run.pk],
        "form": ["yaml"],
        "version": [_newest(RoutingTable, "version")],
    }
    by_place: dict[tuple[str, str], list[object]] = {
        ("contenders/", "slug"): [canary.slug for canary in CANARIES],
        ("providers/", "slug"): [f"{canary.slug}-provider" for canary in CANARIES],
        ("task-sets/", "slug"): ["tickets"],
        ("runs/", "pk"): [world.run.pk],
        ("generations/", "pk"): list(Generation.objects.order_by("-pk").values_list("pk", flat=True)[:2]),
        ("votes/", "pk"): [_newest(Vote, "pk")],
        ("policy/versions/", "n"): [_newest(PolicyVersion, "version")],
        ("routing/versions/", "n"): [_newest(RoutingTable, "version")],
    }
    here = next((values for (place, one), values in by_place.items() if place in pattern and one == name), None)
    return by_name.get(name, [1]) if here is None else here


def _newest(model: type[Model], field: str) -> object:
    return model._default_manager.order_by(f"-{field}").values_list(field, flat=True).first() or 1
