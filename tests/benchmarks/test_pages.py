"""A team's year in small: no page or list asks the database more often when there is more of everything."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.desk.addresses import addresses
from benchmarks.desk.world import Shape, build

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="how often a page asks does not depend on the engine"),
]

# Both are enough for a routing table.
FEW = Shape(contenders=3, tasks=40, votes=600, reviewers=6, runs=4, boards=2)
MANY = Shape(contenders=12, tasks=40, votes=800, reviewers=20, runs=40, boards=20)
# What a run would cost is estimated from each contender's own newest answers.
BY_CONTENDER = {"runs/new/"}


def queries(shape: Shape) -> dict[str, int]:
    """By address, of a first call."""
    with transaction.atomic():
        admin = build(shape)
        client = Client()
        client.force_login(admin)
        found = {}
        for name, path in addresses(admin, probed=False):
            if name.startswith("api/") and ("<" in name or "routing" in name or "schema" in name):
                continue  # one thing, not a list
            cache.clear()
            with CaptureQueriesContext(connection) as asked:
                answer = client.get(path)
            if answer.status_code < 400:
                found[name] = len(asked)
        transaction.set_rollback(True)
    return found


def test_no_page_asks_more_often_because_there_is_more():
    few, many = queries(FEW), queries(MANY)
    assert len(many) > 60
    grown = {name: (few[name], n) for name, n in many.items() if name in few and n > few[name] + 2}
    assert grown.keys() <= BY_CONTENDER, grown
