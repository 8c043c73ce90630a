"""The database itself refuses to change or delete a vote, and what a vote refers to is never deleted."""

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.db.utils import DatabaseError

from arena import triggers
from evals.models import Vote
from evals.voting.drawing import draw
from tests.evals.voting.conftest import cast

pytestmark = pytest.mark.on_both(because="each engine has triggers of its own")


@pytest.fixture
def vote(world, reviewer):
    return cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)


def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


ACTS = {
    "save": lambda vote: Vote(
        pk=vote.pk, **{f.attname: getattr(vote, f.attname) for f in Vote._meta.fields[1:]}
    ).save(),
    "update": lambda vote: Vote.objects.update(outcome="tie"),
    "bulk update": lambda vote: Vote.objects.bulk_update([vote], ["row"]),
    "delete": lambda vote: vote.delete(),
    "delete all": lambda vote: Vote.objects.all()._raw_delete("default"),
    "SQL update": lambda vote: sql("UPDATE evals_vote SET outcome = NULL"),
    "SQL update to the same": lambda vote: sql("UPDATE evals_vote SET outcome = outcome"),
    "SQL delete": lambda vote: sql("DELETE FROM evals_vote"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_votes_cannot_be_changed_or_deleted(vote, act):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act(vote)
    kept = Vote.objects.get()
    assert (kept.pk, kept.outcome, kept.seq) == (vote.pk, vote.outcome, vote.seq)


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no TRUNCATE")
def test_votes_cannot_be_truncated(vote):
    connection.check_constraints()  # deferred ones would refuse it first
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql("TRUNCATE evals_vote CASCADE")


def test_the_triggers_are_all_there(db):
    assert triggers.missing() == []


REFERRED_TO = {
    "contender": lambda vote: vote.lo,
    "task": lambda vote: vote.task,
    "generation": lambda vote: vote.ballot.battle.lo,
    "reviewer": lambda vote: vote.reviewer,
}


@pytest.mark.parametrize("referred_to", REFERRED_TO.values(), ids=REFERRED_TO)
def test_nothing_that_a_vote_refers_to_can_be_deleted(vote, referred_to):
    kept = referred_to(vote)
    with pytest.raises(ProtectedError) as refused:
        kept.delete()
    assert {vote, vote.ballot.battle} & refused.value.protected_objects
    kept.refresh_from_db()


def test_migrating_again_leaves_no_trigger_out(db: None) -> None:
    triggers.install_after_migrate(apps.get_app_config("evals"), using="default")
    assert triggers.missing() == []
