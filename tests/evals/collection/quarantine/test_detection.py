"""Which answers are found to name their writer, in the languages people use, and which only sound like it.

`answers.jsonl` has a line each: the answer, its language, the contender that gave it, what the task asked, and whether
it names its writer. To add a case, add a line.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from evals.catalog.conversations import written
from evals.collection.quarantine import names_itself, reveals_its_model
from evals.models import Contender, Provider, Task

CASES = [json.loads(line) for line in (Path(__file__).parent / "answers.jsonl").read_text().splitlines()]


def contender(model_name: str, provider: str, slug: str = "") -> Contender:
    slug = slug or model_name.lower().rsplit("/", 1)[-1]
    made = Provider(name=provider, slug=provider.lower().replace(" ", "-"))
    return Contender(slug=slug, family=slug, model_name=model_name, provider=made)


WHO = {
    "claude": contender("claude-3-5-sonnet-20241022", "Anthropic"),
    "command": contender("command-r-plus", "Cohere"),
    "copilot": contender("copilot", "GitHub"),
    "fast": contender("fast", "Imported"),
    "gemini": contender("gemini-2.5-flash", "Google"),
    "gemma": contender("gemma-3-27b", "Ollama"),
    "gpt": contender("gpt-4o-2024-08-06", "OpenAI"),
    "grok": contender("grok-4", "xAI"),
    "llama": contender("meta-llama/Llama-3.1-70B-Instruct", "Together AI"),
    "mistral": contender("mistral-large-2411", "Mistral"),
    "qwen": contender("Qwen/Qwen2.5-72B-Instruct", "DashScope"),
    "yandex": contender("yandexgpt-pro", "Yandex Cloud"),
}


def found(case: dict) -> str:
    asked = [{"role": "user", "content": case["ask"]}] if case["ask"] else []
    return names_itself(case["text"], WHO[case["who"]], messages=asked)


def test_the_cases_are_many_and_in_many_languages():
    named = [case for case in CASES if case["names"]]
    assert len(named) >= 180
    assert len(CASES) - len(named) >= 145
    assert len({case["language"] for case in named}) >= 25


def test_an_answer_that_names_its_writer_is_found_in_whatever_language():
    assert [case["text"] for case in CASES if case["names"] and not found(case)] == []


def test_an_answer_that_mentions_models_for_other_reasons_is_shown():
    assert [(case["text"], found(case)) for case in CASES if not case["names"] and found(case)] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ich bin ChatGPT.", "introduces itself: “Ich bin ChatGPT”"),
        ("Lima. OpenAI trained me.", "introduces itself: “OpenAI trained me”"),
        ("Lima.<|im_end|>", "holds a mark of a chat template (ChatML): “<|im_end|>”"),
        ("Lima.\n\nHuman: And Chile?", "goes on with a turn of the user: “Human: And Chile?”"),
        ("I am C l a u d e.", "spells out the name of a model: “claude”"),
    ],
)
def test_the_reason_quotes_what_gave_it_away(text: str, reason: str):
    assert names_itself(text, WHO["fast"]) == reason


def test_a_name_in_an_address_counts_since_the_raw_text_shows_it():
    assert names_itself("See [the source](https://claude.example/share/1).", WHO["claude"])
    assert names_itself("See [the source](https://claude.example/share/1).", WHO["gpt"]) == ""


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        ("Who made Claude?", "Anthropic did."),
        ("通义千问是谁开发的？", "通义千问由阿里云开发。"),
        ("What does <|im_end|> mean?", "<|im_end|> ends a turn."),
    ],
)
def test_what_the_task_brought_up_gives_nothing_away(ask: str, text: str):
    for who in WHO.values():
        assert names_itself(text, who, messages=[{"role": "user", "content": ask}]) == ""


def test_any_turn_and_any_call_can_give_it_away():
    task = Task(messages=[{"role": "user", "content": "Hi"}], tools=[])
    turns = [{"text": "Hello."}, {"text": "", "tool_calls": [{"name": "say", "arguments": '{"as": "我是ChatGPT"}'}]}]
    assert reveals_its_model(written(text="", tool_calls=[], turns=turns), WHO["fast"], task)
    assert not reveals_its_model(written(text="", tool_calls=[], turns=turns[:1]), WHO["fast"], task)


HOSTILE = [
    "I saw OpenAI ", "ich je soy sono sou ik ja ben я як 我 私 저는 OpenAI ", "[", "[a](", "<|im", "<a", "_", "*", "a ",
    "\u0300\u0316\u3099", "\u1100\u1161", "か\u3099", "&amp", "a", "`a", "Human:\n", "сlа", "### Instruction:",
    "gpt-1.", "gemini ", "作为我", "claude openai gemini ", ":\n", "am " * 9 + "Claude ",
]  # fmt: skip


def seconds(text: str) -> float:
    spent = []
    for _ in range(2):
        began = time.process_time()
        names_itself(text, WHO["claude"])
        spent.append(time.process_time() - began)
    return min(spent)


@pytest.mark.parametrize("unit", HOSTILE)
def test_four_times_as_much_text_takes_about_four_times_as_long(unit: str):
    """Not sixteen times, which is what a pattern costs that reads on from each place."""
    text = unit * (16_000 // len(unit))
    names_itself(text[:200], WHO["claude"])
    assert seconds(text) < 10 * seconds(text[: len(text) // 4]) + 0.02
