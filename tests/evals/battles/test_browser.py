"""The battles browser and its preferences: filters, who sees what, and what is left out."""

import json
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from arena.models import Role
from evals.battles import queries
from evals.battles.filters import read_filters
from evals.battles.preferences import LeftOut, preferences
from evals.battles.queries import search_battles
from evals.models import FileImport, Vote, VoteImport
from evals.voting.casting import Remarks, cast_vote
from evals.voting.category_settings import add_reason
from evals.voting.drawing import draw
from evals.voting.reviewers import exclude, reviewer_of
from tests.evals.voting.conftest import World, count_now
from tests.processes import ROOT

pytestmark = pytest.mark.on_both(because="JSON lists, least and greatest, and keys of two orders")


def judge(category, reviewer, choice, **remarks):
    """`choice`: the slug of the better contender, or tie."""
    ballot = draw(category=category, reviewer=reviewer)
    slugs = {"lo": ballot.battle.lo.contender.slug, "hi": ballot.battle.hi.contender.slug}
    left = slugs[ballot.left]
    side = choice if choice == "tie" else "left" if left == choice else "right"
    cast_vote(ballot=ballot, choice=side, reviewer=reviewer, remarks=Remarks(**remarks))
    count_now(category)
    return ballot


@pytest.fixture
def stones(make_user, editor_user):
    """Two contenders, two tasks, three votes: mara prefers granit twice, jo prefers kiesel once."""
    world = World()
    world.contender("granit")
    world.contender("kiesel")
    first, second = world.task("Which stone?"), world.task("Which colour?")
    world.answer(first, world.contenders[0])
    world.answer(first, world.contenders[1])
    # The other order: here kiesel's is the older answer.
    world.answer(second, world.contenders[1])
    world.answer(second, world.contenders[0])
    category = world.category
    world.correct = add_reason(category=category, key="1", label="correct", actor=editor_user)
    world.mara = reviewer_of(make_user(Role.REVIEWER, "mara"))
    world.jo = reviewer_of(make_user(Role.REVIEWER, "jo"))
    judge(category, world.mara, "granit", reasons=[world.correct.pk])
    judge(category, world.mara, "granit")
    judge(category, world.jo, "kiesel", comment="clearer")
    return world


def found(**given):
    read = read_filters(given)
    assert not read.errors
    return [(row.better, row.reviewer_name) for row in search_battles(read.filters, limit=20).rows]


def test_each_filter_finds_its_votes_in_either_order_of_the_pair(stones):
    mara, jo = ("granit", "mara"), ("kiesel", "jo")
    assert found() == found(category="code") == found(a="kiesel", b="granit") == [jo, mara, mara]
    assert found(a="granit", outcome="a") == found(a="kiesel", b="granit", outcome="b") == [mara, mara]
    assert found(b="kiesel", outcome="b") == [jo]
    assert found(reviewer=str(stones.jo.pk), category="code") == [jo]
    assert found(reason=str(stones.correct.pk)) == [mara]
    assert found(disagreement="1") == [jo, mara]
    assert found(outcome="tie") == []
    rows = search_battles(read_filters({"a": "kiesel"}).filters, limit=20).rows
    assert {(row.a, row.b) for row in rows} == {("kiesel", "granit")}


def test_pages_follow_each_other_and_a_search_that_stops_goes_on(stones, monkeypatch):
    for given in ({}, {"category": "code"}, {"a": "granit", "b": "kiesel"}, {"reviewer": str(stones.mara.pk)}):
        filters = read_filters(given).filters
        whole = [row.id for row in search_battles(filters, limit=20).rows]
        pages, before = [], None
        while True:
            page = search_battles(filters, limit=1, before=before)
            pages += [row.id for row in page.rows]
            if (before := page.next) is None:
                break
        assert pages == whole
    monkeypatch.setattr(queries, "MOST_SEARCHED", 1)
    for given in ({}, {"category": "code"}, {"a": "granit", "b": "kiesel"}):
        filters = replace(read_filters(given).filters, reason=stones.correct)
        rows, before, stops = [], None, 0
        for _ in range(9):
            page = search_battles(filters, limit=20, before=before)
            rows += page.rows
            stops += page.searched is not None
            if (before := page.next) is None:
                break
        assert before is None
        assert stops
        assert [(row.better, row.reviewer_name) for row in rows] == [("granit", "mara")]


def test_what_cannot_be_read_is_told_and_shows_nothing(stones, client_of, editor_user):
    given = {"category": "coed", "a": "granite", "outcome": "b", "reviewer": "x", "reason": "9", "disagreement": "yes"}
    read = read_filters(given)
    assert set(read.errors) == set(given)
    assert "Did you mean granit?" in read.errors["a"]
    assert read_filters({"a": "granit", "b": "granit"}).errors
    page = client_of(editor_user).get("/battles/", given)
    assert "There is no category “coed”. Did you mean code?" in page.text
    assert "mara" not in page.text.split('id="found"')[1]
    assert client_of(editor_user).get("/battles/preferences.jsonl", given).status_code == 400
    assert client_of(editor_user).get("/api/v1/preferences", {"a": "granite"}).status_code == 400


def test_names_of_reviewers_are_for_editors_and_a_category_is_closed_to_its_reviewers(
    stones, client_of, make_user, editor_user
):
    battle = Vote.objects.latest("pk").ballot.battle_id
    for path in ("/battles/", f"/battles/{battle}/"):
        assert "mara" in client_of(editor_user).get("/battles/").text
        seen = client_of(make_user(Role.VIEWER, f"v{len(path)}")).get(path).text
        assert "granit" in seen
        assert "mara" not in seen
        assert "clearer" not in seen
    client = client_of(stones.jo.user)
    page = client.get("/battles/").text
    assert "granit is better" not in page
    assert "Which stone?" not in page
    assert "Closed while you vote here" in client.get("/battles/?category=code").text
    assert client.get(f"/battles/{battle}/").status_code == 403
    assert client.get(f"/battles/?reviewer={stones.mara.pk}").status_code == 403


def test_preferences_are_pairs_in_messages_without_what_must_be_left_out(stones, editor_user, client_of, tmp_path):
    world = stones
    third = world.task("Which size?")
    chosen = [world.answer(third, one) for one in world.contenders]
    source = VoteImport.objects.create(sha256="0", name="votes.csv", rows=2)
    last = Vote.objects.filter(category=world.category).latest("seq").seq
    imported = {"category": world.category, "reviewer": world.mara, "left": "unknown", "vote_import": source}
    sides = {"lo": world.contenders[0], "hi": world.contenders[1]}
    Vote.objects.create(seq=last + 1, task=third, outcome="hi", row=1, **imported, **sides)
    Vote.objects.create(seq=last + 2, task=third, outcome="tie", row=2, **imported, **sides)
    tally = LeftOut()
    rows = list(preferences(read_filters({}).filters, left_out=tally))
    assert (len(rows), tally.undecided) == (4, 1)
    assert rows[-1] == {
        "prompt": [{"role": "user", "content": "Which size?"}],
        "chosen": [{"role": "assistant", "content": chosen[1].text}],
        "rejected": [{"role": "assistant", "content": chosen[0].text}],
        "metadata": rows[-1]["metadata"],
    }
    assert (rows[-1]["metadata"]["chosen_model"], rows[-1]["metadata"]["source"]) == ("kiesel", "import")
    assert all(row["chosen"][0]["content"].startswith(row["metadata"]["chosen_model"]) for row in rows)
    # The example in reviewers.md is of that form.
    shown = (ROOT / "docs" / "reviewers.md").read_text().partition("test_browser.py -->\n```\n")[2].partition("```")[0]
    example = json.loads(shown)
    assert example.keys() <= rows[-1].keys()
    assert example["metadata"].keys() <= rows[-1]["metadata"].keys()
    streamed = client_of(editor_user).get("/battles/preferences.jsonl?a=granit&outcome=a")
    lines = [json.loads(line) for line in b"".join(streamed.streaming_content).splitlines()]
    assert [line["metadata"]["chosen_model"] for line in lines] == ["granit", "granit"]

    chosen[0].quarantine = "names itself"
    chosen[0].save(update_fields=["quarantine"])
    exclude(reviewer=world.jo, reason="a test", actor=editor_user)
    call_command("export_preferences", str(tmp_path / "out.jsonl"), "--category", "code")
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["metadata"]["chosen_model"] for line in written] == ["granit", "granit"]


def test_votes_of_a_file_count_once_all_of_it_is_stored(stones):
    vote = Vote.objects.order_by("pk").last()
    file = VoteImport.objects.create(sha256="1" * 64, name="votes.csv", rows=2)
    half = Vote.objects.create(
        category=stones.category, seq=vote.seq + 1, n=1, vote_import=file, row=1, reviewer=stones.jo, task=vote.task,
        lo=vote.lo, hi=vote.hi, left="unknown", outcome="lo",
    )  # fmt: skip
    under_way = FileImport.objects.create(kind="votes", state="storing", name=file.name, vote_import=file)
    everything = read_filters({}).filters
    assert half.pk not in {row.id for row in search_battles(everything, limit=10).rows}
    assert half.pk not in set(queries.matching(everything).values_list("pk", flat=True))
    under_way.delete()
    assert half.pk in {row.id for row in search_battles(everything, limit=10).rows}
    assert half.pk in set(queries.matching(everything).values_list("pk", flat=True))


def test_the_number_of_queries_does_not_grow(stones, client_of, editor_user):
    client, counts = client_of(editor_user), []
    for turn in range(2):
        client.get("/battles/?category=code")
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/battles/?category=code").status_code == 200
        counts.append(len(asked))
        for n in range(3):
            task = stones.task(f"Another {turn} {n}?")
            for one in stones.contenders:
                stones.answer(task, one)
            judge(stones.category, stones.mara, "kiesel")
    assert counts[0] == counts[1]
