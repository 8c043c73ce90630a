"""Conversations and tools, asked over real HTTP: what each turn's request holds, what is stored, and what fails."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.collection.providers import Request, RequestRefused
from evals.collection.providers.prompts import as_prompt
from evals.models import Attempt, Generation, Provider
from tests.evals.collection.providers import test_anthropic as anthropic
from tests.servers import DONE, chunk, line, refuses, says, usage
from tests.suites import collect, collect_all, next_claim

FIRST, SECOND = {"role": "user", "content": "Name a city."}, {"role": "user", "content": "Its country?"}
TALK = [{"role": "system", "content": "Be brief."}, FIRST, {"role": "assistant", "content": ""}, SECOND]
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}}},
}
NOT_RUN = "This tool was not run, so there is no result."


def answers(text, tokens=(12, 5)):
    return says(chunk(reasoning_content="Hm."), chunk(text), chunk(finish="stop"), usage(*tokens), DONE)


def calls(told="c1", text=None):
    call = {"index": 0, "id": told, "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    return says(chunk(text, tool_calls=[call]), chunk(finish="tool_calls"), usage(12, 5), DONE)


def test_each_gap_is_asked_in_its_turn_with_the_answers_before_it(suite):
    suite.task("talk", messages=TALK, checks=[{"type": "equals", "value": "Italy."}])
    provider = suite.provider("talks", answers("Rome."), answers("Italy.", (20, 6)))
    suite.run(suite.priced(provider=provider))

    collect_all()

    first, second = (request["messages"] for request in suite.servers["talks"].requests)
    assert first == TALK[:2]
    assert second == [*TALK[:2], {"role": "assistant", "content": "Rome."}, SECOND]
    generation = Generation.objects.get()
    assert (generation.state, generation.text, generation.thinking) == ("done", "Italy.", "Hm.")
    assert [(turn["text"], turn["tokens_in"], turn["cost_usd"]) for turn in generation.turns] == [
        ("Rome.", 12, 0.017),
        ("Italy.", 20, 0.026),
    ]
    assert (generation.tokens_in, generation.tokens_out, generation.cost_usd) == (32, 11, Decimal("0.043"))
    assert generation.ttft_ms == generation.turns[0]["ttft_ms"]
    assert generation.latency_ms == sum(turn["latency_ms"] for turn in generation.turns)
    assert [check["ok"] for check in generation.checks] == [True]
    attempt = Attempt.objects.get()
    assert (attempt.tokens_in, attempt.cost_usd) == (32, Decimal("0.043"))


def test_calls_in_an_answer_go_into_the_next_request_with_a_result_each(suite):
    suite.task("talk", messages=TALK, tools=[TOOL], checks=[{"type": "tool_call", "name": "weather"}])
    own = {"type": "function", "function": {"name": "search", "parameters": {}}}
    mine = {"type": "function", "function": {"name": "weather", "description": "Mine."}}
    provider = suite.provider("talks", calls(text="Let me see."), answers("Italy."))
    suite.run(suite.contender(provider=provider, settings={"tools": [mine, own]}))

    collect_all()

    requests = suite.servers["talks"].requests
    assert [request["tools"] for request in requests] == [[TOOL, own]] * 2
    function = {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert requests[1]["messages"][2:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": NOT_RUN},
        SECOND,
    ]
    generation = Generation.objects.get()
    assert generation.turns[0]["tool_calls"] == [{"id": "c1"} | function]
    assert (generation.tool_calls, generation.turns[1]["tool_calls"]) == ([], [])
    assert [check["ok"] for check in generation.checks] == [True]


def test_anthropic_is_asked_turn_by_turn_with_tools_of_its_own_form(suite):
    suite.task("talk", messages=TALK, tools=[TOOL])
    called = (
        anthropic.start(input_tokens=9, output_tokens=1)
        + anthropic.block(0, type="tool_use", id="toolu_1", name="weather", input={})
        + anthropic.delta(0, "input_json_delta", partial_json='{"city": "Rome"}')
        + anthropic.stop("tool_use", output_tokens=7)
    )
    provider = suite.provider("talks", says(called), says(anthropic.ANSWER), kind=Provider.Kind.ANTHROPIC)
    suite.run(suite.contender(provider=provider))

    collect_all()

    first, second = suite.servers["talks"].requests
    assert first["tools"] == second["tools"]
    assert [(tool["name"], tool["input_schema"]["type"]) for tool in first["tools"]] == [("weather", "object")]
    assert [message["role"] for message in first["messages"]] == ["user"]
    assert second["messages"][1:] == [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": NOT_RUN}]},
        {"role": "user", "content": [{"type": "text", "text": "Its country?"}]},
    ]
    generation = Generation.objects.get()
    assert (generation.text, generation.tokens_in) == ("Hello there.", 21)
    assert [len(turn["tool_calls"]) for turn in generation.turns] == [1, 0]


def test_ollama_hears_whose_result_it_is(suite):
    suite.task("talk", messages=TALK, tools=[TOOL])
    call = {"function": {"name": "weather", "arguments": {"city": "Rome"}}}
    ends = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    provider = suite.provider(
        "talks",
        says(line({"message": {"content": "", "tool_calls": [call]}} | ends)),
        says(line({"message": {"content": "Italy."}} | ends)),
        kind=Provider.Kind.OLLAMA,
    )
    suite.run(suite.contender(provider=provider))

    collect_all()

    second = suite.servers["talks"].requests[1]
    assert second["tools"] == [TOOL]
    assert second["messages"][2:4] == [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": NOT_RUN, "tool_name": "weather"},
    ]


@pytest.mark.parametrize(
    ("second", "cost", "tokens"),
    [(refuses(500, "oops"), Decimal("0.017"), 12), (says(chunk("Ita")), None, 12)],
    ids=["not billed", "cut"],
)
def test_a_failing_turn_fails_the_whole_and_keeps_what_was_spent(suite, second, cost, tokens):
    suite.task("talk", messages=TALK)
    suite.run(suite.priced(provider=suite.provider("talks", answers("Rome."), second, answers("Paris."))))

    collect(next_claim())

    generation, attempt = Generation.objects.get(), Attempt.objects.get()
    assert (generation.state, generation.text, generation.turns) == ("waiting", "", [])
    assert generation.error_detail.startswith("turn 2 of 2: ")
    assert (attempt.cost_usd, attempt.tokens_in) == (cost, tokens)
    assert attempt.ttft_ms is not None

    Generation.objects.update(not_before=generation.created_at)
    collect(next_claim())

    # From the beginning: the first turn's new answer stands before the second.
    assert suite.servers["talks"].requests[3]["messages"][2]["content"] == "Paris."
    assert [turn["text"] for turn in Generation.objects.get().turns] == ["Paris.", "Paris."]


def test_an_unknown_count_of_one_turn_makes_the_whole_unknown(suite):
    suite.task("talk", messages=TALK)
    uncounted = says(chunk("Italy."), chunk(finish="stop"), DONE)
    suite.run(suite.priced(provider=suite.provider("talks", answers("Rome."), uncounted)))

    collect_all()

    generation = Generation.objects.get()
    assert (generation.state, generation.tokens_in, generation.cost_usd) == ("done", None, None)


def test_every_turn_and_every_call_is_searched_for_the_models_name(suite):
    suite.task("talk", messages=TALK)
    suite.task("tools", tools=[TOOL])
    named = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"who": "I am Chat\\u0047PT"}'}}
    provider = suite.provider(
        "talks",
        answers("I am ChatGPT."),
        answers("Italy."),
        says(chunk(tool_calls=[named]), chunk(finish="tool_calls"), DONE),
    )
    suite.run(suite.contender(provider=provider))

    collect_all()

    talk, tools = Generation.objects.order_by("pk")
    assert (talk.text, tools.text) == ("Italy.", "")
    assert "ChatGPT" in talk.quarantine
    assert "ChatGPT" in tools.quarantine


def test_a_provider_that_takes_a_prompt_refuses_tools():
    with pytest.raises(RequestRefused, match="cannot offer the task's tools"):
        as_prompt(Request("owner/name", [FIRST], {}, [TOOL]))


def test_a_conversation_takes_as_many_of_a_minutes_requests_as_it_has_turns(suite):
    suite.task("talk", messages=TALK)
    suite.run(suite.contender(provider=suite.provider("talks", answers("x"), requests_per_minute=60)))

    claim = next_claim()

    provider = Provider.objects.get()
    # A little more than the two seconds of two requests: every minute stays within the limit.
    assert 2 <= (provider.requests_due_at - claim.claimed_at).total_seconds() < 2.1
