"""A publication is told to every webhook, in its own transaction or not at all, and waits for none of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from evals.models import Category
from routing import schedules
from routing.models import Delivery, RoutingTable
from routing.publishing.publisher import AUTOMATIC, publish, rollback
from routing.webhooks import chores, services
from routing.webhooks.delivery import deliver
from tests.processes import free_port
from tests.routing.conftest import FLIPPED, cast
from tests.routing.webhooks.conftest import row

pytestmark = pytest.mark.on_both(because="a message commits with its table")


def chores_waiting() -> list[str]:
    return [one.func() for one in OrmQ.objects.all()]


def told() -> list[dict[str, Any]]:
    return [json.loads(one.body)["data"] for one in Delivery.objects.order_by("pk")]


def test_each_enabled_webhook_gets_a_message_of_its_own(receiver, added, published):
    here, there, silent = receiver(), receiver(), receiver()
    added(here.url)
    added(there.url)
    services.disable(webhook_id=added(silent.url).webhook_id, reason="Not now.")

    published()

    assert chores_waiting().count("routing.webhooks.chores.deliver") == 1
    assert deliver() == 2
    assert here.ids == there.ids
    assert silent.got == []
    assert set(Delivery.objects.values_list("state", "event", "table")) == {("delivered", "routing_table.published", 1)}


def test_nobody_to_tell_makes_no_chore(published):
    OrmQ.objects.all().delete()
    published()

    assert not Delivery.objects.exists()
    assert "routing.webhooks.chores.deliver" not in chores_waiting()


def test_every_cause_is_told_refreshes_too(receiver, added, voted: Category, published):
    added(receiver().url)
    published()
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    rollback(to=1, reason="b was slow.", actor="Mara")
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        publish(actor=AUTOMATIC)

    assert [one["cause"] for one in told()] == ["first", "switched", "rollback", "refresh"]
    assert [(one["version"], one["previous"]) for one in told()] == [(1, None), (2, 1), (3, 2), (4, 3)]
    code = {"category": "code", "route": "code"}
    changed = [[one for one in data["changes"] if one["category"] == "code"] for data in told()]
    assert changed == [[code | {"from": None, "to": "a"}], [code | {"from": "a", "to": "b"}],
                       [code | {"from": "b", "to": "a"}], []]  # fmt: skip
    assert told()[2]["reason"] == "b was slow."


def test_the_message_names_the_table_that_is_stored(receiver, added, published):
    added(receiver().url)
    published()

    table = RoutingTable.objects.get()
    assert told()[0]["sha256"] == f"sha256:{table.sha256}"
    assert told()[0]["decision_digest"] == table.decision_digest


def test_what_is_rolled_back_is_told_to_nobody(receiver, added, published):
    added(receiver().url)
    OrmQ.objects.all().delete()
    with transaction.atomic():
        published()
        assert Delivery.objects.exists()
        transaction.set_rollback(True)

    assert not Delivery.objects.exists()
    assert not OrmQ.objects.exists()


def test_a_dead_receiver_does_not_keep_a_table_from_being_published(settings, added, published):
    port = free_port()
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    webhook = added(f"http://127.0.0.1:{port}/")

    assert published().version == 1
    deliver()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    assert delivery.tries.get().error.startswith("no connection")
    assert row(webhook).paused_until is not None


def test_a_secret_nobody_can_read_does_not_either(receiver, added, published, settings):
    here = receiver()
    added(here.url)
    settings.ARENA_ENCRYPTION_KEY = "A" * 43 + "="

    assert published().version == 1
    deliver()

    assert here.got == []
    assert "another ARENA_ENCRYPTION_KEY" in Delivery.objects.get().tries.get().error


def test_what_is_due_is_looked_for_each_minute(db):
    schedules.ensure()

    schedule = Schedule.objects.get(func=services.DELIVER)
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)
    assert import_string(schedule.func) is chores.deliver
