"""The tests' own databases: a flush passes the append-only triggers, and nothing else does; who asks is noted."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection
from django_q.models import Schedule

from arena import triggers
from arena.triggers import declared, missing
from routing.models import PolicyVersion
from routing.policy.queries import policies
from tests.query_sites import QuerySites

pytestmark = pytest.mark.on_both(because="each engine is emptied in its own way")


def a_policy() -> PolicyVersion:
    return PolicyVersion.objects.create(version=1, document={}, sha256="0" * 64)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", [1, 2])
def test_a_transactional_test_leaves_empty_tables_and_keeps_the_triggers(round_: int) -> None:
    assert not PolicyVersion.objects.exists()
    assert missing() == []
    policy = a_policy()
    with pytest.raises(IntegrityError, match="append-only"):
        policy.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", [1, 2])
def test_a_transactional_test_leaves_what_migrate_made_as_it_was(round_: int) -> None:
    kinds = set(ContentType.objects.values_list("app_label", "model"))
    assert ("evals", "vote") in kinds
    assert Permission.objects.count() == 4 * len(kinds)
    assert Schedule.objects.exists()
    assert not Schedule.objects.filter(minutes=59).exists()
    Schedule.objects.update(minutes=59)
    Permission.objects.filter(content_type__app_label="evals").delete()


@pytest.mark.django_db
def test_missing_names_a_trigger_that_a_rebuilt_table_lost() -> None:
    lost = next(trigger for trigger in declared() if trigger.table == "evals_vote")
    with connection.cursor() as cursor:
        cursor.execute(lost.drop(connection.vendor))
    assert missing() == [lost]
    triggers.install([lost])
    assert missing() == []


@pytest.mark.django_db
def test_a_function_that_asks_the_database_is_named_once() -> None:
    named: list[str] = []
    with connection.execute_wrapper(QuerySites(named.append)):
        assert PolicyVersion.objects.count() == 0
        assert named == []
        assert [*policies(), *policies()] == []
    assert named == ["routing/policy/queries.py:policies"]
