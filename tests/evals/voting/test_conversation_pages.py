"""A ballot on a conversation or on a tool task: all of it is shown, and nothing that tells the models apart."""

import re

import pytest
from django.urls import reverse

from evals.models import Ballot, Generation
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of

from .conftest import World

pytestmark = pytest.mark.runs_once(on="sqlite", because="what pages say")

GAP = {"role": "assistant", "content": ""}
TOOL = {"type": "function", "function": {"name": "weather", "description": "**Tells** it.", "parameters": {"x": 1}}}


def turn(text, *calls):
    measured = {"ttft_ms": 54321.5, "latency_ms": 99999.25, "tokens_out": 777777, "finish_reason": "end_turn"}
    return measured | {
        "text": text,
        "thinking": "Pondering deeply.",
        "tool_calls": [{"id": told, "name": "weather", "arguments": arguments} for told, arguments in calls],
    }


@pytest.fixture
def ballot(reviewer_user):
    world = World().fill(contenders=2, tasks=0)
    task = world.task("What's the weather?")
    task.messages = [*task.messages, GAP, {"role": "user", "content": "And *tomorrow*?"}]
    task.tools = [TOOL]
    task.save()
    one, other = world.contenders
    ours = [turn("I look.", ("toolu_01A", '{"d":1, "city": "<b>Rome</b>"}')), turn("Sunny.")]
    theirs = [turn("", ("call_9", '{"city": oops')), turn("")]
    world.answer(task, one, "Sunny.", turns=ours)
    world.answer(task, other, "", turns=theirs)
    battle = task.battles.create(lo=Generation.objects.get(contender=one), hi=Generation.objects.get(contender=other))
    return Ballot.objects.create(
        battle=battle,
        category=battle.task.category,
        reviewer=reviewer_of(reviewer_user),
        left="lo",
        reserved_until="2100-01-01T00:00Z",
    )


@pytest.fixture
def html(ballot, reviewer_user, client_of):
    return client_of(reviewer_user).get(reverse("evals:battle", args=[ballot.token])).text


def sides(html):
    return re.findall(r'<article class="side.*?</article>', html, re.DOTALL)


def words(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_side_shows_the_answers_turn_by_turn_with_what_was_said_between(html):
    left, right = map(words, sides(html))
    assert re.search(r"Answer 1 I look\. Tool call .* User And tomorrow \? Answer 2 Sunny\.", left)
    assert re.search(r"Answer 1 Tool call .* User And tomorrow \? Answer 2 This answer is empty\.", right)
    assert [side.count("Tools are not run here") for side in (left, right)] == [1, 1]


def test_the_prompt_ends_where_the_first_answer_begins_and_offers_the_tools(html):
    prompt = words(re.search(r'<details class="prompt .*?<div class="switch"', html, re.DOTALL)[0])
    assert "What's the weather?" in prompt.replace("&#x27;", "'").replace("&#39;", "'")
    assert "tomorrow" not in prompt
    assert "1 tool offered weather Tells it." in prompt


def test_calls_are_escaped_and_what_is_no_json_is_shown_as_it_is(html):
    left, right = sides(html)
    call = re.search(r'<pre class="code" dir="ltr" tabindex="0"><code>(weather.*?)</code>', left, re.DOTALL)[1]
    plain = re.sub(r"</?span[^>]*>", "", call).replace("&quot;", '"')
    assert plain == 'weather({\n  "city": "&lt;b&gt;Rome&lt;/b&gt;",\n  "d": 1\n})'
    assert '{"city": oops)' in re.sub(r"</?span[^>]*>", "", right).replace("&quot;", '"')


def test_no_turn_and_no_call_tells_the_models_apart(html):
    secrets = ("toolu_01A", "call_9", "54321", "99999", "777777", "end_turn", "Pondering", "granit", "kiesel")
    assert [told for told in secrets if told in html] == []


def test_the_messages_of_a_prompt_show_their_calls_and_results(ballot, reviewer_user, client_of):
    call = {"id": "call_of_the_file", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    task = ballot.battle.task
    task.messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_of_the_file", "content": '{"sky": "**blue**"}'},
    ]
    task.save()
    Generation.objects.update(turns=[])

    html = client_of(reviewer_user).get(reverse("evals:battle", args=[ballot.token])).text

    prompt = words(re.search(r'<details class="prompt .*?<div class="switch"', html, re.DOTALL)[0])
    assert re.search(r"User Weather\? Assistant Tool call weather\(\{\}\) Tool \{ .*\*\*blue\*\*", prompt)
    assert "call_of_the_file" not in html


def test_answers_that_differ_in_an_earlier_turn_alone_are_compared(world, reviewer):
    Generation.objects.update(text="Same.", turns=[turn("Same."), turn("Same.")])
    assert draw(category=world.category, reviewer=reviewer) is None
    first = Generation.objects.order_by("pk").first()
    Generation.objects.filter(pk=first.pk).update(turns=[turn("Another."), turn("Same.")])
    drawn = draw(category=world.category, reviewer=reviewer)
    assert first.pk in (drawn.battle.lo_id, drawn.battle.hi_id)
