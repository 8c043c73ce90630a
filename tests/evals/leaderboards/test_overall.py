"""The board over categories: weights from the address, what is left out and why, closed to who votes."""

from __future__ import annotations

import pytest
from django.urls import reverse

from evals.leaderboards.overall import read_weights
from evals.leaderboards.ranking import rank_category
from evals.models import Category
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders

STRENGTHS = {"atlas": 0.0, "kestrel": 0.7, "morrow": 1.4}


def test_a_weight_that_cannot_be_read_is_an_error_of_its_category():
    read = read_weights({"w-code": "2.5", "w-for": "0", "w-chat": "many", "w-x": "nan", "w-y": "-1", "for": "9"})
    assert read.weights == {"code": 2.5, "for": 0}
    assert set(read.errors) == {"chat", "x", "y"}
    assert "“many” is not a weight" in read.errors["chat"]


@pytest.mark.django_db
@pytest.mark.on_both(because="the newest boards of all categories are read by a subquery")
def test_the_page_weighs_and_names_what_it_leaves_out(client_of, viewer_user, make_user, django_assert_max_num_queries):
    contenders(*STRENGTHS)
    for n, (slug, votes) in enumerate((("code", 150), ("chat", 150), ("law", 20), ("art", 150))):
        cast(category(slug), simulate(STRENGTHS, votes, seed=n, tasks=10))
        rank_category(category_id=Category.objects.get(slug=slug).pk)
    client = client_of(viewer_user)
    address = reverse("evals:leaderboard-overall")
    client.get(address)
    with django_assert_max_num_queries(10):
        found = client.get(address, {"w-code": "3", "w-art": "0", "w-chat": "1"})
    board = found.context["board"]
    assert {one.slug: one.share for one in board.counted} == {"code": 0.75, "chat": 0.25}
    assert [(one.slug, one.why) for one in board.left_out] == [
        ("law", "too few votes: 20 of 100 that compare two answers"),
        ("art", "its weight is 0"),
    ]
    assert {row.slug for row in board.rows} == set(STRENGTHS)
    html = found.content.decode()
    assert "?w-code=3&amp;w-art=0&amp;w-chat=1&amp;for=people" in html
    assert f"{reverse('evals:battle-browser')}?category=code&amp;a=morrow" in html
    by_tasks = client.get(address).context["board"]
    assert {one.slug: one.weight for one in by_tasks.counted} == {"code": 10, "chat": 10, "art": 10}
    # Somebody who votes in all of them.
    closed = client_of(make_user("reviewer", "votes-here")).get(address)
    assert closed.context["board"].categories == ()
    assert "Code (closed while you vote in it)" in " ".join(closed.content.decode().split())
    assert "morrow" not in closed.content.decode()
