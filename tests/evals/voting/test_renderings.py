"""Each text of a ballot is laid out once, for everybody; the difference of its answers is its owner's to ask for."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from arena.models import Role
from evals.models import Ballot, Generation, Rendering
from evals.voting import renderings
from evals.voting.casting import skip
from evals.voting.drawing import draw
from evals.voting.queries.battles import battle_page
from evals.voting.renderings import Written, prepare, rendered, rendered_code
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World

pytestmark = pytest.mark.django_db

LONG = "A **long** answer. " * 30


@pytest.fixture(autouse=True)
def _without_memory():
    renderings.forget()
    yield
    renderings.forget()


@pytest.fixture
def ballot(reviewer_user):
    world = World().fill(contenders=2, tasks=1)
    for n, answer in enumerate(Generation.objects.order_by("pk")):
        answer.text = f"{LONG}\n\nNumber {n}."
        answer.save()
    return draw(category=world.category, reviewer=reviewer_of(reviewer_user))


def whole(ballot):
    related = Ballot.objects.select_related("battle__lo", "battle__hi", "battle__task__category", "category")
    return related.get(pk=ballot.pk)


@pytest.mark.on_both(because="rows that another process may have stored first are left as they are")
def test_a_ballots_texts_are_rendered_once_and_kept(ballot, django_assert_num_queries):
    ballot = whole(ballot)
    with django_assert_num_queries(2):
        first = battle_page(ballot)
    assert Rendering.objects.count() == 2
    with django_assert_num_queries(0):
        assert battle_page(ballot) == first
    # Another process, or this one after its restart.
    renderings.forget()
    with django_assert_num_queries(1):
        assert battle_page(ballot) == first


def test_a_rendering_is_found_by_text_kind_and_version(monkeypatch):
    keys = {Written("x").key, Written("x", "").key, Written("x", "json").key, Written("y").key}
    monkeypatch.setattr(renderings, "VERSION", renderings.VERSION + 1)
    assert len(keys | {Written("x").key}) == 5


def test_what_is_kept_is_what_is_rendered(django_assert_num_queries):
    texts = [Written(LONG), Written(LONG, "json"), Written("short")]
    prepare(texts)
    kept = dict(Rendering.objects.values_list("key", "html"))
    assert kept == {Written(LONG).key: rendered(LONG), Written(LONG, "json").key: rendered_code(LONG, "json")}
    with django_assert_num_queries(0):
        prepare(texts)


def test_memory_is_bounded_by_size(monkeypatch):
    monkeypatch.setattr(renderings, "_memory", renderings._Memory(3000))
    for n in range(20):
        rendered(f"{LONG} {n}")
    assert renderings._memory.get(Written(f"{LONG} 0").key) is None
    assert renderings._memory.get(Written(f"{LONG} 19").key) is not None


def test_old_renderings_are_swept():
    prepare([Written(LONG), Written(LONG + "new")])
    Rendering.objects.filter(key=Written(LONG).key).update(made_at=timezone.now() - timedelta(days=15))
    assert renderings.sweep() == 1
    assert [row.key for row in Rendering.objects.all()] == [Written(LONG + "new").key]
    assert renderings.sweep() == 0


def test_two_that_make_the_same_rendering_keep_one(monkeypatch):
    """The other process stored it between this one's look and its own row."""
    real = renderings._make

    def meanwhile(written):
        html = real(written)
        Rendering.objects.get_or_create(key=written.key, defaults={"html": html})
        return html

    monkeypatch.setattr(renderings, "_make", meanwhile)
    prepare([Written(LONG)])
    assert Rendering.objects.count() == 1


# The difference


def address(ballot):
    return reverse("evals:battle-difference", args=[ballot.token])


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_owner_of_an_open_ballot_sees_what_differs(ballot, reviewer_user, client_of):
    page = client_of(reviewer_user).get(address(ballot))
    assert page.status_code == 200
    assert "They differ in one place; the rest is equal." in page.text
    assert sorted(re.findall(r'<mark class="differs">(\d)</mark>', page.text)) == ["0", "1"]
    assert "no-store" in page["Cache-Control"]


def test_what_differs_is_said_in_the_readers_language(ballot, reviewer_user, client_of):
    reviewer_user.language = "de"
    reviewer_user.save(update_fields=["language"])
    html = client_of(reviewer_user).get(address(ballot), headers={"HX-Request": "true"}).text
    assert "Sie unterscheiden sich an einer Stelle; der Rest ist gleich." in html


def test_htmx_gets_the_two_sides_alone(ballot, reviewer_user, client_of):
    html = client_of(reviewer_user).get(address(ballot), headers={"HX-Request": "true"}).text
    assert "<html" not in html
    assert html.count('<div class="compare__text"') == 2


def test_nobody_else_sees_it_and_nobody_once_it_is_closed(ballot, reviewer_user, make_user, client_of):
    assert client_of(make_user(Role.REVIEWER, "other")).get(address(ballot)).status_code == 404
    assert client_of(make_user(Role.VIEWER, "viewer")).get(address(ballot)).status_code == 403
    skip(ballot=ballot)
    assert client_of(reviewer_user).get(address(ballot)).status_code == 404


# The raw view


def test_each_side_and_the_prompt_hold_what_was_written(ballot, reviewer_user, client_of):
    Generation.objects.filter(pk=ballot.battle.lo_id).update(text="  =1+1\u200b **x**\n")
    html = client_of(reviewer_user).get(reverse("evals:battle", args=[ballot.token])).text
    assert html.count('data-act="raw"') == 3
    assert html.count('<div class="written">') == 3
    assert re.search(r'<pre [^>]*>  =1\+1<bdi class="unseen"[^>]*>\u200b</bdi> \*\*x\*\*\n</pre>', html)
