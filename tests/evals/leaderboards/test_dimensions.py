"""The boards of a rubric's dimensions: views of their category's leaderboard, and nowhere by themselves."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from arena.models import Role
from evals.leaderboards.chores import sweep
from evals.leaderboards.queries import all_latest, newest_ids
from evals.models import Leaderboard, Vote
from evals.transfer.exports import export_votes
from evals.voting.casting import Remarks, cast_vote
from evals.voting.category_settings import add_dimension, add_reason
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World, count_now

pytestmark = pytest.mark.on_both(because="votes of dimensions lock ledgers of their own")


@pytest.fixture
def code(db, make_user):
    """Nine votes on `code`, each with a verdict on its tone and a reason."""
    editor = make_user(Role.EDITOR, "editor")
    category = World().fill(contenders=3, tasks=3).category
    tone = add_dimension(category=category, name="Tone", actor=editor)
    reasons = [
        add_reason(category=category, key=key, label=label, actor=editor).pk for key, label in (("1", "c"), ("2", "s"))
    ]
    mara = reviewer_of(make_user(Role.REVIEWER, "mara"))
    for n in range(9):
        remarks = Remarks(dimensions={tone.slug: "tie" if n else "left"}, reasons=reasons[: 1 + n % 2])
        cast_vote(ballot=draw(category=category, reviewer=mara), choice="left", reviewer=mara, remarks=remarks)
    count_now(category)
    return category


def test_a_dimension_is_ranked_with_its_category_and_stands_below_it(code, client_of, viewer_user):
    out = StringIO()
    call_command("rank", "--json", stdout=out)
    (document,) = json.loads(out.getvalue())["leaderboards"]
    (tone,) = document["dimensions"]
    assert (document["category"], tone["category"], tone["dimension_of"], tone["votes"]) == (
        "code", "code--tone", "code", 9,
    )  # fmt: skip
    given = [reason for row in document["ratings"] for reason in row["reasons"]]
    assert sum(one["votes"] for one in given if one["reason"] == "c") == 9
    assert sum(one["votes"] for one in given if one["reason"] == "s") == 4
    # Routing reads these, and routes categories alone.
    assert [board.category for board in all_latest()] == ["code"]
    assert newest_ids().keys() == {"code"}

    client = client_of(viewer_user)
    listed = client.get("/api/v1/leaderboards").json()["results"]
    assert [one["category"] for one in listed] == ["code"]
    assert listed[0] == json.loads(json.dumps(document))
    assert client.get("/api/v1/leaderboards/code--tone").json()["dimension_of"] == "code"
    for address, current in (("/leaderboards/code/", "Overall"), ("/leaderboards/code--tone/", "Tone")):
        page = client.get(address).text
        assert f'aria-current="true">{current}</a>' in page
        assert 'href="/leaderboards/code--tone/"' in page
    assert "chosen for: " in client.get("/leaderboards/code/").text
    assert "code--tone" not in client.get("/leaderboards/").text
    assert client_of(viewer_user).get("/leaderboards/code--tone/battles/").status_code in (403, 404)


def test_the_sweep_ranks_dimensions_that_lag(code):
    assert sweep() == 2
    call_command("rank", stdout=StringIO())
    assert sweep() == 0
    assert Leaderboard.objects.count() == 2


def test_exports_list_votes_once(code, tmp_path, client_of, editor_user):
    assert export_votes(path=tmp_path / "all.jsonl").votes == 9
    assert export_votes(path=tmp_path / "tone.jsonl", category="code--tone").votes == 9
    assert Vote.objects.count() == 18
    client = client_of(editor_user)
    votes = {name: client.get(f"/api/v1/votes{name}").json()["results"] for name in ("", "?category=code--tone")}
    assert {name: {one["category"] for one in found} for name, found in votes.items()} == {
        "": {"code"}, "?category=code--tone": {"code--tone"},
    }  # fmt: skip
    assert [len(found) for found in votes.values()] == [9, 9]
    assert sorted(len(one["reasons"]) for one in votes[""]) == [1] * 5 + [2] * 4
