"""What routing tells the first page: tables near their end, changes that wait, categories not decided, webhooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from arena.models import Role, User
from evals.home.needs import needs_of
from evals.models import Category
from routing.models import Delivery, RoutingTable, Webhook
from routing.publishing.publisher import AUTOMATIC, publish
from tests.routing.conftest import FLIPPED, cast

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what is told is decided in Python from rows that both engines read"),
]


def titles(user: User) -> list[str]:
    return [need.title for need in needs_of(user)]


def test_a_table_that_nothing_renewed_is_told_before_and_after_its_end(voted: Category, admin_user: User):
    publish(actor=AUTOMATIC)
    table = RoutingTable.objects.get()
    life = table.expires_at - table.published_at
    assert not any(title.startswith("Table 1") for title in titles(admin_user))
    with time_machine.travel(table.expires_at - 0.2 * life):
        assert titles(admin_user)[0].startswith("Table 1 expires in ")
    with time_machine.travel(table.expires_at + timedelta(hours=2)):
        assert titles(admin_user)[0].startswith("Table 1 expired 2 h")


def test_a_change_that_waits_for_approval(code: Category, eager: Callable[..., None], make_user: Any):
    gate = {"min_votes": 3, "dwell_hours": 0, "mode": "approval"}
    eager(every_category={"gate": gate})
    cast(code, {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5)})
    publish(actor=AUTOMATIC)
    cast(code, FLIPPED)
    publish(actor=AUTOMATIC)
    assert "1 change waits for approval" in titles(make_user(Role.EDITOR))
    assert "1 change waits for approval" not in titles(make_user(Role.VIEWER))


def test_a_category_that_waits_for_votes(code: Category, eager: Callable[..., None], make_user: Any):
    eager()
    cast(code, {("a", "b"): (2, 0, 0), ("a", "c"): (2, 0, 0)})
    publish(actor=AUTOMATIC)
    cast(code, {("a", "b"): (0, 4, 0)})
    publish(actor=AUTOMATIC)
    assert "Code is not decided" in titles(make_user(Role.EDITOR))
    # It moves with the votes of a category in which they vote.
    assert "Code is not decided" not in titles(make_user(Role.REVIEWER))


def test_a_webhook_whose_newest_message_was_given_up(admin_user: User, editor_user: User):
    hook = Webhook.objects.create(url="https://hooks.example/x", description="the gateway")
    delivered = {"webhook": hook, "event": "ping", "body": "{}"}
    Delivery.objects.create(**delivered, message_id="1", state=Delivery.State.FAILED, reason="410")
    assert titles(admin_user) == ["Messages do not reach the gateway"]
    assert titles(editor_user) == []
    Delivery.objects.create(**delivered, message_id="2", state=Delivery.State.DELIVERED)
    assert titles(admin_user) == []
    Delivery.objects.create(**delivered, message_id="3", state=Delivery.State.FAILED, reason="410")
    Webhook.objects.update(disabled_at=timezone.now())
    assert titles(admin_user) == []
