"""Which answers give their writer away, and which only sound like it."""

import pytest

from evals.collection.quarantine import names_itself
from evals.models import Contender, Provider


def contender(model_name, *, slug="", family="", provider="House", provider_slug="house"):
    slug = slug or model_name.lower().rsplit("/", 1)[-1]
    return Contender(
        slug=slug, family=family or slug, model_name=model_name, provider=Provider(name=provider, slug=provider_slug)
    )


GPT = contender("gpt-4o-2024-08-06", provider="OpenAI", provider_slug="openai")
LLAMA = contender("meta-llama/Llama-3.1-70B-Instruct", provider="Together AI", provider_slug="together")
CLAUDE = contender("claude-3-5-sonnet-20241022", provider="Anthropic", provider_slug="anthropic")
COMMAND = contender("command-r-plus", provider="Cohere", provider_slug="cohere")
GEMINI = contender("gemini-2.5-flash", provider="Google", provider_slug="google")
SMOL = contender("SmolLM2-135M-Instruct", slug="smollm2", provider="Demo model", provider_slug="demo")
SMALL = contender("small-a", provider="Local models", provider_slug="local")
FAST = contender("fast", provider="Imported", provider_slug="imported")


@pytest.mark.parametrize(
    "text",
    [
        "I am ChatGPT, a large language model.",
        "I'm **Claude**, and I would say no.",
        "As a language model trained by OpenAI, I cannot.",
        "As an AI language model developed by Google, I do not have opinions.",
        "I was created by Anthropic to be helpful.",
        "I am a large language model, trained by Google DeepMind.",
        "My name is Gemini.",
        "As ChatGPT, I would rather not.",
        "I’m DeepSeek-V3, an assistant.",
        "My creators at OpenAI did not tell me.",
        "I am an AI assistant called Qwen.",
        "I am Chat\u200bGPT.",
        "I am Chat&#71;PT.",
        "I&nbsp;am&nbsp;ChatGPT.",
        "I am [Chat](https://example.org)GPT.",
        "I am ![ChatGPT](x.png), an assistant.",
        "I am **Chat**GPT.",
        "I am an AI based on the model called Llama 3.",
        "I'm Llama 3, at your service.",
        "I'm Kimi, an AI assistant.",
        "I was built by the team at Google to help.",
        "I am a GPT model.",
    ],
)
def test_an_introduction_counts_whoever_wrote_it(text):
    assert names_itself(text, FAST).startswith("introduces itself")


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (GPT, "GPT-4o thinks so."),
        (GPT, "gpt 4o thinks so."),
        (GPT, "Ask OpenAI."),
        (GPT, "gpt-4o-2024-08-06"),
        (LLAMA, "Llama 3 says so."),
        (LLAMA, "Llama-3.1-70B-Instruct"),
        (LLAMA, "Served by Together AI."),
        (CLAUDE, "Yours, Claude"),
        (CLAUDE, "— CLAUDE 3.5"),
        (COMMAND, "command-r-plus was here"),
        (SMOL, "SmolLM2 says hello"),
        (SMOL, "smollm"),
        (SMALL, "Answer of small-a:"),
        (GEMINI, "gemini-2.5-flash"),
        (contender("zorblax"), "Zorblax has spoken."),
        (contender("gpt-x"), "Signed: GPT-X."),
    ],
)
def test_the_contenders_own_names_count(who, text):
    assert names_itself(text, who).startswith("names its own")


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (SMALL, "A small a is written first, and a local variable holds it."),
        (FAST, "This is fast, and the imported module is faster."),
        (COMMAND, "Run the command in a shell. The parts cohered together."),
        (LLAMA, "A llama is an animal of the Andes. Put it together."),
        (GEMINI, "Search on Google; a flash of light."),
        (GPT, "As an AI language model, I have no opinion."),
        (GPT, "Claude Monet painted it."),
        (GPT, "PyTorch was developed by Meta AI."),
        (GPT, "I am an engineer. The bridge was made by Google."),
        (SMOL, "This is a demo of the model; version 2 has 135 rows."),
        (CLAUDE, "A sonnet has 14 lines. In 3-5 days it is done."),
        (contender("o1"), "Let o1 be the first operand."),
        (contender("m-1"), "m-1 steps remain."),
        (FAST, "This is step 1. I am stable, and I'm solar-powered. I am a Gemini."),
        (FAST, "The constellation known as Gemini; BERT is a language model developed by Google."),
        (FAST, "My phone was made by Apple, and my developers use GitHub."),
        (FAST, "I am using a library that was developed by Meta. A language model from Google could help."),
        (FAST, "As a rule, a system made by people fails."),
        (FAST, "I am a palm reader. My name is Nova, said the falcon."),
        (FAST, ""),
    ],
)
def test_ordinary_words_do_not(who, text):
    assert names_itself(text, who) == ""


def test_names_in_the_task_give_nothing_away():
    ask = [{"role": "user", "content": "Compare ChatGPT, by OpenAI, with GPT-4o."}]
    assert names_itself("ChatGPT is older than GPT-4o; OpenAI made both.", GPT, messages=ask) == ""
    assert names_itself("I am ChatGPT.", FAST, messages=ask) == ""
    assert names_itself("No, I am Claude.", FAST, messages=ask) != ""
    parts = [{"role": "user", "content": [{"type": "text", "text": "What is OpenAI?"}]}]
    assert names_itself("OpenAI is a company.", GPT, messages=parts) == ""
