"""Versions: when one is made, what is stored, and that nobody can change it afterwards."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ
from jsonschema import Draft202012Validator

from evals.catalog.services.contenders import retire
from evals.models import Category
from routing.audit import ReasonMissingError
from routing.models import Decision, PolicyVersion, Publication, RoutingTable
from routing.policy.parse import PolicyError
from routing.policy.services import save_policy
from routing.publication import enqueue_publish
from routing.publishing import chores, publisher, signing
from routing.publishing.freezing import freeze, unfreeze
from routing.publishing.publisher import AUTOMATIC, publish, rollback
from routing.publishing.schema import table_schema
from tests.routing.conftest import EAGER, FLIPPED, cast
from tests.routing.signatures import is_signed

pytestmark = pytest.mark.on_both(because="publishers wait for a row")


def document(table: RoutingTable) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(bytes(table.body))
    return loaded


def newest() -> RoutingTable:
    return RoutingTable.objects.order_by("-version")[0]


def test_the_first_table_is_stored_signed_and_valid(voted: Category):
    result = publish(actor="Mara")
    assert (result.published, result.version, result.cause) == (True, 1, "first")
    table = newest()
    body = bytes(table.body)
    Draft202012Validator(table_schema()).validate(json.loads(body))
    assert table.sha256 == hashlib.sha256(body).hexdigest()
    assert document(table)["decision_digest"] == table.decision_digest
    assert is_signed(body, table.signature, signing.jwk_set())
    assert not is_signed(body + b" ", table.signature, signing.jwk_set())
    assert document(table)["categories"]["code"]["routes"][0]["primary"] == "a"


def test_the_decision_is_stored_with_its_reason_and_its_table(voted: Category):
    publish(actor="Mara")
    decision = Decision.objects.get()
    assert (decision.category, decision.outcome, decision.model_to, decision.table_id) == ("code", "first", "a", 1)
    assert "a leads after 315 votes by 4 reviewers" in decision.reason
    assert decision.leaderboard_seq == 315


def test_nothing_is_published_while_no_category_has_enough_votes(code: Category):
    cast(code, {("a", "b"): (2, 0, 0)})
    result = publish(actor="Mara")
    assert (result.published, result.version) == (False, None)
    assert [(one.category, one.decision.outcome, one.decision.votes_to_go) for one in result.decisions] == [
        ("code", "held", 28)
    ]
    assert Decision.objects.get().outcome == "held"


def test_the_same_decisions_make_no_second_version_and_no_second_decision(voted: Category):
    publish(actor="Mara")
    assert not publish(actor="Mara").published
    assert not publish(actor=AUTOMATIC).published
    cast(voted, {("a", "b"): (5, 1, 0)})
    assert not publish(actor="Mara").published
    assert RoutingTable.objects.count() == 1
    assert list(Decision.objects.values_list("outcome", flat=True)) == ["kept", "kept", "first"]


def test_a_sure_lead_of_another_makes_a_version(voted: Category):
    publish(actor="Mara")
    cast(voted, FLIPPED)
    result = publish(actor=publisher.AUTOMATIC)
    assert (result.published, result.version, result.cause) == (True, 2, "switched")
    table = newest()
    route = document(table)["categories"]["code"]["routes"][0]
    assert (route["primary"], route["since_version"]) == ("b", 2)
    assert document(table)["previous"] == 1
    assert "b leads a by" in table.reason


def test_a_changed_policy_makes_a_version(voted: Category, eager: Any):
    publish(actor="Mara")
    eager(on_expired="refuse")
    result = publish(actor="Mara")
    assert (result.cause, document(newest())["on_expired"]) == ("policy", "refuse")


def test_a_retired_fallback_makes_a_version_for_the_models(voted: Category, contenders: Any):
    publish(actor="Mara")
    retire(contender=contenders["c"])
    result = publish(actor="Mara")
    assert result.cause == "models"
    assert "c" not in document(newest())["models"]


def test_a_dry_run_stores_nothing(voted: Category):
    before = PolicyVersion.objects.count()
    result = publish(actor="Mara", dry_run=True)
    assert (result.published, result.version, result.cause) == (False, None, "first")
    assert result.document is not None
    assert (RoutingTable.objects.count(), Decision.objects.count(), PolicyVersion.objects.count()) == (0, 0, before)


def test_a_reason_given_stands_in_the_history(voted: Category):
    publish(actor="Mara", reason="Second provider signed.")
    assert (newest().reason, newest().actor) == ("Second provider signed.", "Mara")


def test_old_evidence_is_refreshed_with_the_same_decisions(voted: Category):
    publish(actor="Mara")
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        assert not publish(actor=AUTOMATIC).published
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        result = publish(actor=AUTOMATIC)
    assert (result.published, result.cause) == (True, "refresh")
    first, second = RoutingTable.objects.order_by("version")
    assert first.decision_digest == second.decision_digest
    assert first.sha256 != second.sha256
    assert second.expires_at > first.expires_at


def test_a_table_is_refreshed_when_half_its_time_is_gone(voted: Category, eager: Any):
    eager(refresh_every_hours=20, expires_after_hours=24)
    publish(actor="Mara")
    with time_machine.travel(timezone.now() + timedelta(hours=13)):
        assert publish(actor=AUTOMATIC).cause == "refresh"


def test_a_freeze_keeps_decisions_back_and_says_so(voted: Category):
    publish(actor="Mara")
    freeze(reason="Launch week.", actor="Jonas")
    cast(voted, FLIPPED)
    result = publish(actor=AUTOMATIC)
    assert not result.published
    assert result.frozen == "Publishing is frozen by Jonas: Launch week."
    (one,) = result.decisions
    assert (one.decision.outcome, one.decision.to) == ("held", "a")
    assert "Kept back: b leads a" in one.decision.reason
    unfreeze(actor="Jonas", reason="It is over.")
    assert publish(actor=AUTOMATIC).cause == "switched"


def test_a_frozen_table_is_still_refreshed(voted: Category):
    publish(actor="Mara")
    freeze(reason="Launch week.", actor="Jonas")
    cast(voted, FLIPPED)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        result = publish(actor=AUTOMATIC)
    assert (result.published, result.cause) == (True, "refresh")
    first, second = RoutingTable.objects.order_by("version")
    assert first.decision_digest == second.decision_digest
    assert document(second)["categories"]["code"]["leaderboard"]["votes"] == 955


def test_nothing_is_published_first_while_frozen(voted: Category):
    freeze(reason="Not yet.", actor="Jonas")
    assert not publish(actor="Mara").published
    assert RoutingTable.objects.count() == 0


def test_a_rollback_publishes_the_old_decisions_as_a_new_version_and_freezes(voted: Category):
    publish(actor="Mara")
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    result = rollback(to=1, reason="b is too slow.", actor="Mara")
    assert (result.version, result.cause) == (3, "rollback")
    table = newest()
    assert (table.rolled_back_to, table.reason) == (1, "b is too slow.")
    assert table.decision_digest == RoutingTable.objects.get(version=1).decision_digest
    assert document(table)["categories"]["code"]["routes"][0] | {"reason": ""} == {
        **document(RoutingTable.objects.get(version=1))["categories"]["code"]["routes"][0],
        "reason": "",
        "since_version": 3,
    }
    assert "Rolled back to version 1" in Publication.objects.get().frozen_reason
    assert not publish(actor=AUTOMATIC).published
    decision = Decision.objects.filter(table=table).get()
    assert (decision.model_from, decision.model_to) == ("b", "a")


def test_a_rollback_to_nowhere_or_to_the_same_is_refused(voted: Category):
    publish(actor="Mara")
    with pytest.raises(publisher.RollbackError, match="no version 7"):
        rollback(to=7, reason="Why not.", actor="Mara")
    with pytest.raises(publisher.RollbackError, match="decides the same"):
        rollback(to=1, reason="Why not.", actor="Mara")
    with pytest.raises(ReasonMissingError):
        rollback(to=1, reason="  ", actor="Mara")
    assert Publication.objects.get().frozen_at is None


@pytest.mark.parametrize(
    "statement", ["UPDATE routing_routingtable SET reason = 'x'", "DELETE FROM routing_routingtable"]
)
def test_the_database_refuses_to_change_a_table(voted: Category, statement: str):
    publish(actor="Mara")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_refuses_to_change_a_policy(eager: Any, db: None):
    eager()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PolicyVersion.objects.update(reason="x")


@pytest.mark.django_db(transaction=True)
def test_twenty_publishers_at_once_make_one_version_a_change(voted: Category):
    def publish_in_a_thread(n: int) -> publisher.PublishResult:
        try:
            return publish(actor=f"publisher {n}")
        finally:
            connection.close()

    def at_once() -> list[publisher.PublishResult]:
        with ThreadPoolExecutor(20) as pool:
            return list(pool.map(publish_in_a_thread, range(20)))

    assert sum(result.published for result in at_once()) == 1
    cast(voted, FLIPPED)
    assert sum(result.published for result in at_once()) == 1
    versions = list(RoutingTable.objects.order_by("version").values_list("version", flat=True))
    assert versions == [1, 2]
    assert Publication.objects.get().newest == 2


def test_a_new_leaderboard_enqueues_one_look(voted: Category):
    OrmQ.objects.all().delete()
    Publication.objects.update(publish_enqueued_at=None)
    cast(voted, {("a", "b"): (1, 0, 0)})
    cast(voted, {("a", "b"): (1, 0, 0)})
    assert [task.func() for task in OrmQ.objects.all()].count("routing.publishing.chores.publish") == 1
    assert chores.publish() == 1
    assert Publication.objects.get().publish_enqueued_at is None


def test_a_look_that_was_lost_is_enqueued_again(db: None):
    assert enqueue_publish()
    assert not enqueue_publish()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert enqueue_publish()


def test_saving_the_same_policy_again_is_no_new_version(db: None):
    first = save_policy(document=EAGER, reason="Eager.")
    assert save_policy(document=EAGER, reason="Again.").version == first.version
    assert save_policy(document={}, reason="Back.").version == first.version + 1


def test_a_policy_names_only_contenders_that_may_serve(contenders: Any):
    retire(contender=contenders["b"])
    wrong = {
        "default": [{"primary": "nobody"}, {"name": "private", "when": {"local_only": True}, "primary": "a"}],
        "categories": {"code": {"default": "b", "routes": [{"pin": "c"}]}},
    }
    with pytest.raises(PolicyError) as caught:
        save_policy(document=wrong, reason="Try.")
    told = {error.field: error.message for error in caught.value.errors}
    assert set(told) == {"default[0].primary", "default[1].primary", "categories.code.default"}
    assert "hosted" in told["default[1].primary"]
    assert "retired" in told["categories.code.default"]
    # What cannot be read does not hide who is not there, nor is it told twice.
    misspelt = wrong | {"refresh_every_hours": "often", "default": [{"primary": "nobody"}, {"fallbacks": ["c"]}]}
    with pytest.raises(PolicyError) as caught:
        save_policy(document=misspelt, reason="Try.")
    fields = [error.field for error in caught.value.errors]
    assert sorted(fields) == [
        "categories.code.default",
        "default[0].primary",
        "default[1].primary",
        "refresh_every_hours",
    ]


def test_each_table_is_also_written_as_files(
    voted: Category, tmp_path: Path, settings: Any, django_capture_on_commit_callbacks: Any
):
    settings.ARENA_PUBLISH_DIR = str(tmp_path / "tables")
    with django_capture_on_commit_callbacks(execute=True):
        publish(actor="Mara")
    table = newest()
    folder = tmp_path / "tables"
    assert (folder / "1.json").read_bytes() == (folder / "latest.json").read_bytes() == bytes(table.body)
    assert (folder / "1.json.sig").read_text().strip() == table.signature
    assert {path.name for path in folder.iterdir()} == {".lock", "1.json", "1.json.sig", "latest.json"}
    cast(voted, FLIPPED)
    with django_capture_on_commit_callbacks(execute=True):
        publish(actor="Mara")
    assert json.loads((folder / "latest.json").read_bytes())["version"] == 2


def test_a_full_disk_unpublishes_nothing(
    voted: Category, tmp_path: Path, settings: Any, django_capture_on_commit_callbacks: Any
):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    settings.ARENA_PUBLISH_DIR = str(blocked / "tables")
    with django_capture_on_commit_callbacks(execute=True):
        assert publish(actor="Mara").published
    assert RoutingTable.objects.count() == 1


def test_a_category_without_votes_of_its_own_gets_the_policys_default(voted: Category, eager: Any):
    Category.objects.create(slug="chat", name="Chat")
    eager(default=[{"primary": "c", "fallbacks": ["a"]}])
    publish(actor="Mara")
    made = document(newest())
    assert made["categories"]["chat"]["basis"] == "default"
    assert made["categories"]["chat"]["routes"][0]["primary"] == "c"
    assert [route["primary"] for route in made["default"]["routes"]] == ["c"]


def test_a_look_that_changes_nothing_measures_nothing(voted: Category):
    """After every ranking there is a look: it must not read every generation for that."""
    publish(actor="Mara")
    with CaptureQueriesContext(connection) as seen:
        assert not publish(actor=AUTOMATIC).published
    assert not [query for query in seen.captured_queries if "evals_generation" in query["sql"]]
