"""Judged battles with names, verdicts and comments, for those who may see identities."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from arena.models import Role
from evals.models import GoldBattle
from evals.voting.casting import Remarks, cast_vote, skip
from evals.voting.category_settings import add_dimension, add_reason
from evals.voting.drawing import draw
from evals.voting.queries.judged import battle_detail, battle_lines
from evals.voting.reviewers import reviewer_of

from .conftest import World, count_now

pytestmark = pytest.mark.on_both(because="aggregates")


@pytest.fixture
def one(db):
    """A category with one battle."""
    return World().fill(contenders=2, tasks=1).category


def judge(category, reviewer, choice, **remarks):
    """`choice`: lo or hi, wherever it is shown, or tie."""
    ballot = draw(category=category, reviewer=reviewer)
    side = "left" if ballot.left == choice else "right"
    cast_vote(ballot=ballot, choice=choice if choice == "tie" else side, reviewer=reviewer, remarks=Remarks(**remarks))
    count_now(category)
    return ballot


def test_the_newest_judged_comes_first_and_can_be_filtered(world, make_reviewer, editor_user):
    category = world.category
    mara, jo = make_reviewer("mara"), make_reviewer("jo")
    battles = [judge(category, mara, "lo").battle_id for _ in range(5)]
    battles += [judge(category, jo, "hi", comment="unclear").battle_id for _ in range(5)]
    lines = battle_lines(category, limit=20)
    assert [line.id for line in lines] == list(dict.fromkeys(reversed(battles)))
    assert battle_lines(category, limit=3, before=lines[1].seq)[0] == lines[2]
    split = {line.id for line in lines if line.outcomes.keys() == {"lo", "hi"}}
    category.ledger.refresh_from_db()
    assert {line.id for line in battle_lines(category, limit=20, only="split")} == split
    assert {line.comments for line in battle_lines(category, limit=20, only="comments")} == {1}
    assert battle_lines(category, limit=20, only="gold") == []


def test_everything_that_was_said_stands_in_the_pages_own_letters(one, make_reviewer, editor_user, client_of):
    one.ask_strength = True
    one.save(update_fields=["ask_strength"])
    correct = add_reason(category=one, key="1", label="correct", actor=editor_user)
    tone = add_dimension(category=one, name="Tone", actor=editor_user)
    judge(one, make_reviewer("mara"), "hi", strength="clearly", reasons=[correct.pk], comment="<b>B</b> compiles",
          dimensions={tone.slug: "tie"})  # fmt: skip
    skip(ballot=draw(category=one, reviewer=make_reviewer("jo")), reason="too_long")
    held = draw(category=one, reviewer=make_reviewer("held"))
    cast_vote(ballot=held, choice="tie", reviewer=held.reviewer)
    found = battle_detail(held.battle_id)
    assert [(ballot.name, ballot.verdict) for ballot in found.ballots] == [
        ("jo", "skipped: too long to judge"),
        ("mara", "B"),
    ]
    assert (found.ballots[1].strength, found.ballots[1].reasons) == ("clearly", ("correct",))
    assert found.ballots[1].dimensions == (("Tone", "tie"),)

    client, address = client_of(editor_user), f"/battles/{held.battle_id}/"
    page = client.get(address).text
    assert "&lt;b&gt;B&lt;/b&gt; compiles" in page
    assert "granit" in page
    assert "kiesel" in page
    assert client.post(address, {"outcome": "hi", "why": "A is wrong."}).status_code == 302
    gold = GoldBattle.objects.get()
    assert (gold.outcome, gold.why, gold.created_by) == ("hi", "A is wrong.", editor_user)
    assert battle_detail(held.battle_id).ballots[1].right is True
    assert "A is wrong." in client.get(address).text
    client.post(f"{address}gold/retire/")
    assert battle_detail(held.battle_id).gold is None


def test_a_reviewer_of_the_category_reads_no_battle(one, make_user, make_reviewer, client_of):
    ballot = judge(one, make_reviewer("mara"), "tie")
    client = client_of(make_user(Role.REVIEWER))
    assert client.get(f"/battles/{ballot.battle_id}/").status_code == 403
    assert client.get("/leaderboards/code/battles/").status_code == 403


def test_a_viewer_reads_a_battle_without_who_said_what(one, make_user, make_reviewer, client_of):
    ballot = judge(one, make_reviewer("mara"), "tie")
    client = client_of(make_user(Role.VIEWER))
    page = client.get(f"/battles/{ballot.battle_id}/").text
    assert "granit" in page
    assert "mara" not in page
    assert "gold/" not in page
    assert client.get("/leaderboards/code/battles/").status_code == 403


def test_the_list_costs_the_same_few_queries_however_long_it_is(world, client_of, editor_user):
    client, me = client_of(editor_user), reviewer_of(editor_user)

    def cost(votes):
        for _ in range(votes):
            judge(world.category, me, "tie")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/leaderboards/code/battles/").status_code == 200
        return len(queries)

    cost(1)  # renders what is then kept
    few = cost(1)
    assert cost(6) == few
