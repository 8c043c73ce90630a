"""Nothing a reviewer's browser receives before, or right after, a vote tells who wrote which side."""

import re

import pytest
from django.urls import reverse

from evals.models import Ballot, Generation
from evals.voting.reviewers import reviewer_of

from .conftest import World

HTMX = {"HTTP_HX_REQUEST": "true"}
LEFT, RIGHT = (
    "A first answer, **bold** and short.",
    "Another answer.\n\n```python\nreturn 1  # one\n```\n\n- with\n- a list",
)
TOOLS = {
    "tool_calls": [{"id": "toolu_01A", "name": "search", "arguments": '{"q":"x", "n": 1}'}],
    "ttft_ms": 54321.5,
    "latency_ms": 99999.25,
    "tokens_out": 777777,
    "finish_reason": "end_turn",
}


def stage(reviewer_user, *, left, right, swapped):
    """A battle whose ballot shows `left` left. `swapped`: the other contender wrote it, the other generation is
    older, and the sides are stored the other way round."""
    world = World().fill(contenders=0, tasks=0)
    one = world.contender("granit-9", settings={"temperature": 0.123}, usd_per_mtok_output=55)
    other = world.contender("kiesel-7")
    task = world.task("Say something.")
    first, second = (right, left) if swapped else (left, right)
    world.answer(task, one, first, **TOOLS)
    world.answer(task, other, second, tool_calls=TOOLS["tool_calls"])
    battle = world.category.tasks.get().battles.create(
        lo=Generation.objects.get(contender=one), hi=Generation.objects.get(contender=other)
    )
    return Ballot.objects.create(
        battle=battle,
        category=battle.task.category,
        reviewer=reviewer_of(reviewer_user),
        left="hi" if swapped else "lo",
        reserved_until="2100-01-01T00:00Z",
    )


def neutral(html, ballot):
    """Without what is random in every response: the token, and the mask of the CSRF token."""
    html = html.replace(ballot.token, "TOKEN")
    return re.sub(r'(X-CSRFToken": "|name="csrfmiddlewaretoken" value=")[^"]+', r"\1CSRF", html)


def page(client, ballot):
    return client.get(reverse("evals:battle", args=[ballot.token]))


def headers(response):
    kept = {name: value for name, value in response.headers.items() if name not in ("Expires", "X-Request-ID")}
    return {name: value for name, value in kept.items() if name != "Content-Length"}


@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_the_page_is_the_same_whoever_wrote_which_side(client_of, make_user):
    """Two worlds that differ in nothing but who wrote what: the bytes are the same."""
    user = make_user("reviewer", "mara")
    ballot = stage(user, left=LEFT, right=RIGHT, swapped=False)
    response = page(client_of(user), ballot)
    one, one_headers = neutral(response.text, ballot), headers(response)
    # The other world, in the same rows.
    lo, hi = ballot.battle.lo, ballot.battle.hi
    lo.text, hi.text = hi.text, lo.text
    lo.save(), hi.save()
    Ballot.objects.filter(pk=ballot.pk).update(left="hi", token="another-token")
    ballot.refresh_from_db()
    response = page(client_of(user), ballot)
    assert neutral(response.text, ballot) == one
    assert headers(response) == one_headers


@pytest.mark.parametrize("swapped", [False, True])
def test_swapping_the_answers_swaps_their_text_and_nothing_else(reviewer_user, client_of, swapped):
    ballot = stage(reviewer_user, left=LEFT, right=RIGHT, swapped=swapped)
    html = neutral(page(client_of(reviewer_user), ballot).text, ballot)
    sides = re.findall(r'<article class="side".*?</article>', html, re.DOTALL)
    assert len(sides) == 2
    texts = [re.search(r'<div class="prose">(.*)</div>\s*</article>', side, re.DOTALL)[1] for side in sides]
    assert "first answer" in texts[0]
    assert "Another answer" in texts[1]
    shells = [
        side.replace(text, "TEXT").replace(f"Answer {a}", "Answer").replace(f">{a}<", "><").replace(where, "SIDE")
        for side, text, a, where in zip(sides, texts, "AB", ("left", "right"), strict=True)
    ]
    assert shells[0] == shells[1]


def secrets_of(ballot):
    """Whatever could tell: names, ids of rows, measurements, prices, ids of tool calls."""
    told = [
        "granit",
        "kiesel",
        "Quarry",
        "quarry",
        "toolu_01A",
        "0.123",
        "end_turn",
        "99999",
        "777777",
        "54321",
    ]
    for generation in (ballot.battle.lo, ballot.battle.hi):
        told += [generation.contender.slug, generation.contender.model_name, generation.contender.provider.name]
    return told


@pytest.mark.parametrize("htmx", [{}, HTMX], ids=["form", "htmx"])
def test_no_response_names_a_model(reviewer_user, client_of, htmx):
    ballot = stage(reviewer_user, left=LEFT, right=RIGHT, swapped=False)
    client = client_of(reviewer_user)
    address = reverse("evals:battle", args=[ballot.token])
    responses = [client.get(address, **htmx), client.get("/vote/", follow=True)]
    responses += [client.post(address, {"choice": "left"}, follow=True, **htmx), client.get(address)]
    responses += [client.post(reverse("evals:battle-undo", args=[ballot.token]), follow=True, **htmx)]
    responses += [client.post(address, {"choice": "skip"}, follow=True, **htmx), client.get("/vote/code/")]
    for response in responses:
        everything = response.text + repr(sorted(response.headers.items())) + repr(response.cookies)
        assert [told for told in secrets_of(ballot) if told in everything] == []


def test_no_ids_of_rows_are_sent(reviewer_user, client_of):
    ballot = stage(reviewer_user, left=LEFT, right=RIGHT, swapped=False)
    Ballot.objects.filter(pk=ballot.pk).delete()
    ballot.battle.delete()
    for generation, pk in zip(Generation.objects.all(), (73451, 73452), strict=True):
        Generation.objects.filter(pk=generation.pk).update(id=pk)
    battle = ballot.battle.task.battles.create(pk=73453, lo_id=73451, hi_id=73452)
    ballot = Ballot.objects.create(
        pk=73454,
        battle=battle,
        category=battle.task.category,
        reviewer=ballot.reviewer,
        left="lo",
        reserved_until="2100-01-01T00:00Z",
    )
    assert re.findall(r"7345\d", page(client_of(reviewer_user), ballot).text.replace(ballot.token, "")) == []


def test_nothing_is_cached(reviewer_user, client_of):
    ballot = stage(reviewer_user, left=LEFT, right=RIGHT, swapped=False)
    client = client_of(reviewer_user)
    for response in (
        page(client, ballot),
        client.get("/vote/"),
        client.get("/vote/code/"),
        client.post(reverse("evals:battle", args=[ballot.token]), {"choice": "left"}, **HTMX),
    ):
        assert "no-store" in response["Cache-Control"]
        assert "ETag" not in response
        assert "Last-Modified" not in response


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_an_empty_answer_is_shown_as_one(reviewer_user, client_of):
    ballot = stage(reviewer_user, left="", right=RIGHT, swapped=False)
    Generation.objects.update(tool_calls=[])
    assert page(client_of(reviewer_user), ballot).text.count("This answer is empty.") == 1


def test_tool_calls_are_shown_in_one_form(reviewer_user, client_of):
    ballot = stage(reviewer_user, left=LEFT, right=RIGHT, swapped=False)
    Generation.objects.filter(pk=ballot.battle.hi_id).update(
        tool_calls=[{"id": "call_9", "name": "search", "arguments": '{ "n":1,"q": "x" }'}]
    )
    sides = re.findall(
        r'<pre class="code" dir="ltr" tabindex="0"><code>(search.*?)</code>',
        page(client_of(reviewer_user), ballot).text,
        re.DOTALL,
    )
    assert len(sides) == 2
    assert sides[0] == sides[1]
