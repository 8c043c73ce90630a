"""How people vote, read from the database: agreement, sides, speed, and who a leader hangs on."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evals.leaderboards.ranking import rank_category
from evals.models import Ballot, Battle, Generation, Reviewer
from evals.voting.casting import cast_vote
from evals.voting.queries.agreement import LAST, leaders_without, panel_agreement, reviewer_agreements, sides_in, speeds
from evals.voting.queries.reviewers import reviewer_rows, voters_in
from evals.voting.reviewers import exclude, imported_reviewers, include
from tests.evals.voting import casting
from tests.evals.voting.conftest import cast, count_now


@pytest.fixture
def battles(world):
    """One of each task, between the first two contenders."""
    made = []
    for task in world.tasks:
        lo, hi = task.generations.order_by("pk")[:2]
        made.append(Battle.objects.create(task=task, lo=lo, hi=hi))
    return made


@pytest.fixture
def people(make_reviewer):
    return [make_reviewer(name) for name in ("mara", "jonas", "aiko")]


def show(battle, reviewer, left="lo", ago=60):
    """A ballot that was shown `ago` seconds ago."""
    now = timezone.now()
    shown = {"shown_at": now - timedelta(seconds=ago), "reserved_until": now + timedelta(minutes=15)}
    return Ballot.objects.create(battle=battle, category=battle.task.category, reviewer=reviewer, left=left, **shown)


def vote(battle, reviewer, outcome, left="lo", ago=60):
    sides = {"lo": "left" if left == "lo" else "right", "hi": "right" if left == "lo" else "left"}
    ballot = show(battle, reviewer, left, ago)
    cast(ballot=ballot, choice=sides.get(outcome, outcome), reviewer=reviewer)
    return ballot


# agreement


def test_votes_on_one_battle_are_compared_whatever_side_they_saw(world, battles, people):
    mara, jonas, _ = people
    for battle in battles:
        vote(battle, mara, "lo", left="lo")
        vote(battle, jonas, "lo", left="hi")
    found = panel_agreement(world.category)
    assert (found.battles, found.votes, found.agree) == (4, 8, 1.0)
    assert reviewer_agreements()[mara.pk].share == 1.0


def test_a_vote_alone_on_its_battle_compares_nobody(world, battles, people):
    vote(battles[0], people[0], "lo")
    vote(battles[1], people[1], "lo")
    assert panel_agreement(world.category).battles == 0
    assert {finding.n for finding in reviewer_agreements().values()} == {0}


def test_a_vote_is_not_compared_while_it_can_be_taken_back(world, battles, people):
    mara, jonas, _ = people
    vote(battles[0], jonas, "lo")
    ballot = show(battles[0], mara)
    cast_vote(ballot=ballot, choice="right", reviewer=mara)
    assert panel_agreement(world.category).battles == 0
    count_now(world.category)
    assert panel_agreement(world.category).agree == 0.0


def test_imported_votes_share_a_task_and_a_pair(db):
    category = casting.category()
    casting.contenders("basalt", "granite", "marble")
    casting.cast(category, [
        ("ana", "task-1", "basalt", "granite", "lo"),
        ("ben", "task-1", "granite", "basalt", "hi"),
        ("ben", "task-2", "basalt", "granite", "lo"),
        ("cleo", "task-1", "basalt", "marble", "lo"),
    ])  # fmt: skip
    found = panel_agreement(category)
    assert (found.battles, found.votes, found.agree) == (1, 2, 1.0)
    assert sides_in(category).n == 0


def test_somebody_excluded_is_compared_with_the_others_and_counts_nowhere(world, battles, people, editor_user):
    mara, jonas, aiko = people
    for battle in battles:
        vote(battle, mara, "lo")
        vote(battle, jonas, "lo")
        vote(battle, aiko, "hi")
    assert panel_agreement(world.category).agree == pytest.approx(1 / 3)
    exclude(reviewer=aiko, reason="votes by length", actor=editor_user)
    assert panel_agreement(world.category).agree == 1.0
    found = reviewer_agreements()
    assert (found[mara.pk].share, found[aiko.pk].share, found[aiko.pk].n) == (1.0, 0.0, 4)
    assert [voter.id for voter in voters_in(world.category)] == [jonas.pk, mara.pk]
    include(reviewer=aiko, reason="it was the layout", actor=editor_user)
    assert panel_agreement(world.category).agree == pytest.approx(1 / 3)


def test_nothing_is_read_again_while_nobody_votes(world, battles, people, django_assert_num_queries):
    vote(battles[0], people[0], "lo")
    panel_agreement(world.category)
    with django_assert_num_queries(1):
        panel_agreement(world.category)


# sides


def test_the_left_side_wins_or_loses(world, battles, people):
    mara = people[0]
    vote(battles[0], mara, "lo", left="lo")
    vote(battles[1], mara, "hi", left="hi")
    vote(battles[2], mara, "lo", left="hi")
    vote(battles[3], mara, "tie")
    found = sides_in(world.category)
    assert (found.n, found.share) == (3, pytest.approx(2 / 3))
    sides = {row.id: row.health.side for row in reviewer_rows(limit=50)}
    assert sides[mara.pk] == found


# speed


def test_a_vote_faster_than_reading_is_counted(world, battles, people):
    mara, jonas, _ = people
    for answer in battles[0].lo, battles[0].hi:
        answer.text = "word " * 300
        answer.save()
    vote(battles[0], mara, "lo", ago=10)
    vote(battles[0], jonas, "lo", ago=300)
    found = speeds(people)
    assert {pk: (finding.n, finding.share) for pk, finding in found.items()} == {mara.pk: (1, 1.0), jonas.pk: (1, 0.0)}


def test_speed_is_of_the_last_votes(world, people):
    """Ten votes of a second each, and then as many careful ones as are looked at."""
    mara, now, task = people[0], timezone.now(), world.tasks[0]
    one, other = world.contenders[:2]
    answers = Generation.objects.bulk_create(
        Generation(task=task, contender=other, sample=n, state="done", text="word " * 400) for n in range(2, LAST + 12)
    )
    first = task.generations.get(contender=one)
    battles = Battle.objects.bulk_create(Battle(task=task, lo=first, hi=answer) for answer in answers)
    Ballot.objects.bulk_create(
        Ballot(
            battle=battle,
            category=battle.task.category,
            reviewer=mara,
            left="lo",
            state="voted",
            reserved_until=now,
            shown_at=now + timedelta(hours=n),
            closed_at=now + timedelta(hours=n, seconds=1 if n < 10 else 600),
        )
        for n, battle in enumerate(battles)
    )
    found = speeds([mara])[mara.pk]
    assert (found.n, found.share, found.state) == (LAST, 0.0, "good")


# who a leader hangs on


@pytest.fixture
def hanging(db):
    """Without cleo granite would lead, and nobody else makes a difference."""
    category = casting.category()
    casting.contenders("basalt", "granite")
    for who, wins, losses in (("ana", 2, 6), ("ben", 2, 6), ("cleo", 30, 0)):
        outcomes = ["lo"] * wins + ["hi"] * losses
        casting.cast(category, [(who, f"{who}-{n}", "basalt", "granite", said) for n, said in enumerate(outcomes)])
    rank_category(category_id=category.pk)
    return category


def test_a_leader_that_hangs_on_somebody_is_found(hanging):
    found = leaders_without(Reviewer.objects.all())
    names = dict(Reviewer.objects.values_list("pk", "name"))
    assert {names[pk]: leaders for pk, leaders in found.items()} == {
        "ana": {"Code": None},
        "ben": {"Code": None},
        "cleo": {"Code": "granite"},
    }


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_who_voted_alone_has_nobody_to_be_left_out_for(db):
    category = casting.category()
    casting.contenders("basalt", "granite")
    casting.cast(category, [("ana", "task-1", "basalt", "granite", "lo")])
    rank_category(category_id=category.pk)
    assert leaders_without(Reviewer.objects.all()) == {}


# the page


def test_the_page_has_five_signs_for_each_person(client_of, editor_user, hanging):
    page = client_of(editor_user).get(reverse("evals:reviewer-list")).text
    assert page.count('class="sign"') == 5 * 3
    assert "Code: granite would lead" in page
    assert "hold without them" in page
    assert "no shared battles" in page
    assert "What the columns mean" in page


def test_who_has_not_voted_has_no_signs(client_of, editor_user, people):
    page = client_of(editor_user).get(reverse("evals:reviewer-list")).text
    assert page.count("No votes yet.") == 3
    assert 'class="sign"' not in page


def test_a_file_that_names_no_judge_is_said_to_be_one(client_of, editor_user, db):
    imported_reviewers(source="import 4feb0a82b602fc9c", names=["votes.csv"])
    page = client_of(editor_user).get(reverse("evals:reviewer-list")).text
    assert "a file that names no judge" in page
    assert "4feb0a82b602fc9c" not in page


def test_more_people_cost_no_more_queries(world, battles, make_reviewer, client_of, editor_user):
    client, address = client_of(editor_user), reverse("evals:reviewer-list")

    def cost(names):
        for reviewer in map(make_reviewer, names):
            for battle in battles:
                vote(battle, reviewer, "lo")
        rank_category(category_id=world.category.pk)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    cost(["mara"])  # what is read once a process is read
    few = cost(["noor", "jonas"])
    assert cost([f"person-{n}" for n in range(20)]) == few
