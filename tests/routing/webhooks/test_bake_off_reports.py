"""Reports of bake-offs are told to the webhooks that asked for them, once, and commit with their report."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from evals.bake_offs.report import not_started
from evals.signals import bake_off_finished
from routing.models import Delivery, Webhook
from routing.webhooks import services
from routing.webhooks.delivery import deliver
from routing.webhooks.messages import BAKE_OFF_FINISHED, MOST_BYTES, PUBLISHED
from routing.webhooks.messages import bake_off_finished as message
from routing.webhooks.services import WebhookError

pytestmark = pytest.mark.on_both(because="a message commits with its report")


def document(**fields: Any) -> dict[str, Any]:
    now = timezone.now()
    return not_started(task_set="code", n=3, started_at=now, started_by="", reason="Not started: a test.") | fields


def finished(report_id: int = 7, **fields: Any) -> None:
    with transaction.atomic():
        bake_off_finished.send(sender=None, report_id=report_id, made_at=timezone.now(), document=document(**fields))


def test_those_that_asked_are_told_and_read_a_signed_message(receiver, db):
    here, there = receiver(), receiver()
    asked = services.add(url=here.url, actor="Mara", events=[BAKE_OFF_FINISHED])
    services.add(url=there.url, actor="Mara")
    finished()

    assert deliver() == 1
    assert there.got == []
    told = here.verified(asked.secret)
    assert told["type"] == "bake_off.finished"
    assert told["data"]["page"] == "/bake-offs/7/"
    assert told["data"]["summary"] == ["Not started: a test."]
    assert Delivery.objects.get().table is None


def test_one_whose_sender_died_is_sent_with_the_same_id(receiver, db):
    here = receiver(500, 204)
    services.add(url=here.url, actor="Mara", events=[BAKE_OFF_FINISHED])
    finished()
    deliver()
    found = Delivery.objects.get()
    services.send_now(delivery_id=found.pk, seen=found.attempts, actor="Mara")
    deliver()
    assert len(set(here.ids)) == 1
    assert Delivery.objects.get().state == "delivered"


def test_what_is_rolled_back_is_told_to_nobody(receiver, db):
    services.add(url=receiver().url, actor="Mara", events=[BAKE_OFF_FINISHED])
    with transaction.atomic():
        finished()
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


def test_what_a_webhook_is_told_of_is_a_closed_list(receiver, db, client_of, admin_user):
    added = services.add(url=receiver().url, actor="Mara")
    with pytest.raises(WebhookError, match="'votes' is not an event"):
        services.ask_for(webhook_id=added.webhook_id, events=["votes"], actor="Mara")
    with pytest.raises(WebhookError, match="at least one"):
        services.ask_for(webhook_id=added.webhook_id, events=[], actor="Mara")
    browser, path = client_of(admin_user), f"/routing/webhooks/{added.webhook_id}/"
    browser.post(f"{path}events/", {"events": [BAKE_OFF_FINISHED, PUBLISHED]})
    assert Webhook.objects.get().events == [PUBLISHED, BAKE_OFF_FINISHED]
    assert "Choose at least one." in browser.post(f"{path}events/", {}).content.decode()
    finished()
    assert "Bake-off" in browser.get(path).content.decode()
    assert "the bake-off" in browser.get("/routing/webhooks/").content.decode()


def test_a_message_stays_below_its_limit_whatever_it_tells_of():
    rows = [
        {"model": f"{n:0100}", "joined_by_rule": True, "failed": {"lost": 1}, "gone": True, "lost": 1, "gained": 0}
        for n in range(500)
    ]
    found = document(contenders=rows)
    made = message(key=uuid4(), at=timezone.now(), report_id=1, found=found, summary=["Ö" * 300 for _ in range(200)])
    data = json.loads(made.body)["data"]
    assert len(made.body.encode()) <= MOST_BYTES + 20
    assert len(data["joined"]) == 20
    assert data["summary_left_out"] == 200 - len(data["summary"]) > 0
