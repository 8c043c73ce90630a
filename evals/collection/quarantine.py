"""Answers that reveal which model wrote them are never shown to a reviewer.

`reveals_its_model` is called when a generation finishes or is imported; its result is stored in
`Generation.quarantine`. It reads every turn's text and tool calls, and `names_itself` looks in each for two things:

- *an introduction*, of any model: "I am ChatGPT", "as a language model trained by Anthropic";
- *the contender's own names*: the provider's id for it, its slug and family, the brand at their front, and the
  provider's name. Names that are everyday words ("command", "small", "together", "Google") do not count by
  themselves: the answer must use more of the name ("Command R+", "Llama 3") or introduce itself.

A name that the task itself mentions reveals nothing, and does not count.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import nh3

from arena.ui.markup import render, visible
from evals.catalog.conversations import calls_in
from evals.models import Contender, Task

__all__ = ["names_itself", "reveals_its_model"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Brands of models. Those in the second group are also everyday words or names.
_BRANDS = _words(
    """
    chatgpt gpt claude gemini mistral mixtral ministral codestral magistral pixtral devstral deepseek qwen qwq gemma
    smollm grok copilot vicuna olmo internlm chatglm glm baichuan exaone jamba wizardlm starcoder codellama openchat
    tulu minicpm
    """
)
_BRANDS_THAT_ARE_WORDS = _words(
    """
    llama alpaca falcon koala dolly orca palm bard command nova titan phi yi aya ernie kimi hermes zephyr starling
    nemo nemotron granite solar stable dolphin arctic luminous jurassic reka molmo inflection step bloom opt
    """
)
# Makers of models. The second group are companies that answers also mention for other reasons.
_MAKERS = _words(
    """
    openai anthropic deepmind deepseek xai lmsys eleutherai huggingface cohere alibaba moonshot zhipu minimax
    nousresearch mistral inflection stepfun
    """
)
_MAKERS_OF_MUCH = _words(
    """
    google microsoft meta amazon apple nvidia ibm azure aws bedrock vertex baidu tencent bytedance huawei samsung
    cloudflare databricks fireworks github perplexity replicate snowflake together
    """
)
_MAKER_PHRASES = (
    "google deepmind|meta ai|meta platforms|mistral ai|alibaba cloud|hugging face|moonshot ai|zhipu ai|nous research|"
    "stability ai|technology innovation institute|allen institute|ai21(?: labs)?|x\\.ai|stanford|lg ai"
)
# Words in slugs, ids and provider names that identify no model.
_EVERYDAY = _words(
    """
    a ai alpha api app assistant auto baseline best beta better big bot candidate challenger champion chat cheap
    clever cloud code coder coding coherent company cool current data deep default delta demo dev distill double
    echo edge embed endpoint engine ensemble example expert external fake fast faster fine first flash
    free frontier full gamma gateway general giant good great green group groq guard haiku hard heavy high home host
    hosted house hub human imported incumbent inference instant instruct intel internal judge lab labs lambda
    language large latest lead light lite little live local long longer low main math mean medium mega micro mini
    mock model models mono nano native neural neuron new next node normal novita office old online open opus
    original other outside own perfect plain plus power preview private prod production proxy public pure
    quality quick random raw real reasoner reasoning red reference relay remote research room router
    sample sandbox scout second server service short silent simple slim slow small smart solid sonnet source spare
    special speed staging standard stub studio super system target team terse test text think thinking third tiny
    tool tools top true turbo ultra upstream verbose version very vision voice weak wise writer wrong
    xlarge
    """
)
_ORDINARY = _EVERYDAY | _BRANDS_THAT_ARE_WORDS | _MAKERS_OF_MUCH


def _either(*words: str) -> str:
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


_WHO = rf"(?P<name>{_MAKER_PHRASES}|{_either(*_MAKERS, *_MAKERS_OF_MUCH)})\b"
_BRAND = rf"(?P<name>(?:{_either(*_BRANDS)})(?:[-\s]?\d[\w.]*)?)\b"
_WORD_BRAND = rf"(?P<name>(?-i:{_either(*(w.capitalize() for w in _BRANDS_THAT_ARE_WORDS))})(?:[-\s]?\d[\w.]*)?)\b"
_I_AM = r"\bI(?:\s+am|['’]m)\s+"
_MADE_BY = (
    r"\b(?:trained|developed|created|made|built|designed|fine-?tuned)(?:\s+and\s+\w+)?\s+(?:by|at)\s+(?:\w+\s+){0,4}?"
)
_MACHINE = (
    r"(?:AI|artificial intelligence|language|chat|conversational)\b[\w\s-]{0,20}?\b(?:model|assistant|system|bot)\b"
)

_INTRODUCTIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # I am ChatGPT; my name is Claude; as Gemini, I …
        rf"(?:{_I_AM}|\bmy\s+name\s+is\s+)(?:called\s+|named\s+)?{_BRAND}",
        rf"{_I_AM}(?:an?|the)\s+{_BRAND}\s+(?:AI|LLM|language|model|assistant|chatbot)\b",
        rf"\bas\s+{_BRAND}\s*,?\s+(?:I|my)\b",
        # I am Llama 3; I'm Kimi, an AI assistant: names that are words need more.
        rf"{_I_AM}{_WORD_BRAND}(?:(?<=\d)|,?\s+an?\s+(?:\w+\s+){{0,2}}(?:AI|LLM|language|model|assistant|chatbot)\b)",
        # I am an AI assistant called Qwen; I am a model based on Llama 3
        rf"{_I_AM}[^.!?\n]{{0,40}}?\b(?:model|assistant|AI|chatbot|version|part)\b[^.!?\n]{{0,30}}?\s"
        rf"(?:called|named|based\s+on|known\s+as|of)\s+(?:the\s+)?(?:model\s+)?(?:called\s+)?{_BRAND}",
        rf"{_I_AM}(?:an?\s+)?[^.!?\n]{{0,40}}?\b(?:model|assistant|AI|chatbot)\b[^.!?\n]{{0,30}}?\s"
        rf"(?:called|named|based\s+on|known\s+as)\s+(?:the\s+)?(?:model\s+)?(?:called\s+)?{_WORD_BRAND}",
        # I was created by Anthropic; as a language model trained by OpenAI
        rf"\bI(?:\s+am|['’]m|\s+was|\s+have\s+been|['’]ve\s+been)\s+(?:\w+\s+)?{_MADE_BY}{_WHO}",
        rf"(?:{_I_AM}[^.!?\n]{{0,30}}?|\bas\s+(?:an?|the)\s+(?:[\w-]+\s+){{0,2}}?)\b{_MACHINE}[^.!?\n]{{0,40}}?(?:{_MADE_BY}|\b(?:from|by)\s+){_WHO}",
        rf"\bmy\s+(?:creators?|developers?|makers?|trainers?)\s*,?\s+(?:(?:is|are|at|from)\s+)?{_WHO}",
        rf"\b{_WHO}['’]s\s+(?:large\s+)?(?:language\s+model|AI\s+assistant|assistant)\b[^.!?\n]{{0,40}}?\b(?:I|me|my)\b",
    )
)
# Without any of these, what is shown is what was written.
_MARKED_UP = re.compile(r"[<>&\[\]()!\\|$*_`~#]")
_EMPHASIS = re.compile(r"[*`~]+|(?<!\w)_+(?=\w)|(?<=[^\W_])_+(?!\w)")


def reveals_its_model(
    written: Iterable[tuple[str, tuple[str, ...]]], contender: Contender, task: Task, *, most: int = 255
) -> str:
    """As `names_itself`, for all that the model wrote (`evals.catalog.conversations.written`); at most so long. Names
    in the task's messages and tools are not counted."""
    asked = [*task.messages, *([json.dumps(task.tools, ensure_ascii=False)] if task.tools else [])]
    pieces = (piece for text, calls in written for piece in (text, *calls) if piece)
    return next(filter(None, (names_itself(piece, contender, messages=asked) for piece in pieces)), "")[:most]


def names_itself(text: str, contender: Contender, *, messages: Iterable[Any] = ()) -> str:
    """Why the answer reveals its model, in words for an editor; empty if it does not.

    `messages` are the task's own (`{"role", "content"}`): names in them are not counted. Reads `contender.provider`.
    """
    answer = _plain(_shown(text))
    prompt = _plain("\n".join(_texts(messages)))
    for pattern in _INTRODUCTIONS:
        for found in pattern.finditer(answer):
            name = found["name"]
            if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", prompt, re.IGNORECASE):
                return f"introduces itself: “{' '.join(found[0].split())[:120]}”"
    names = (contender.model_name, contender.family, contender.slug.partition("@")[0])
    for pattern in _own_names(names, (contender.provider.name, contender.provider.slug)):
        own = pattern.search(answer)
        if own and not pattern.search(prompt):
            return f"names its own model or provider: “{own[0][:120]}”"
    return ""


def _shown(text: str) -> str:
    """The text as a reviewer would read it: `Chat&#71;PT` and `[Chat](x)GPT` show the name as well."""
    if not _MARKED_UP.search(text):
        return text
    read = html.unescape(nh3.clean(render(text), tags=set()))
    return re.sub(r"\[image: ([^\]]*)\]", r"\1", read)


def _plain(text: str) -> str:
    """Without emphasis marks around words and without invisible characters."""
    return _EMPHASIS.sub("", visible(text).replace("\u00a0", " "))


def _texts(messages: Iterable[Any]) -> Iterator[str]:
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else message
        if isinstance(message, dict):
            yield from (f"{name} {arguments}" for name, arguments in calls_in(message.get("tool_calls")))
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from (
                part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
            )


@lru_cache(maxsize=1024)
def _own_names(names: tuple[str, ...], providers: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    parts: dict[str, None] = {}
    for name in names:
        for whole in (name, name.rsplit("/", 1)[-1]):
            parts.update(dict.fromkeys(_patterns_of_model(_pieces(whole))))
    for name in providers:
        parts.update(dict.fromkeys(_patterns_of_provider(_pieces(name))))
    return tuple(re.compile(rf"(?<![\w]){part}(?![\w])", re.IGNORECASE) for part in parts)


def _pieces(name: str) -> list[str]:
    return [piece.lower() for piece in re.split(r"[\W_]+", name) if piece]


def _patterns_of_model(pieces: list[str]) -> Iterator[str]:
    """The whole name, its front ("gpt-4o" of "gpt-4o-2024-08-06"), and its brand unless that is an everyday word."""
    if not pieces:
        return
    brand = re.sub(r"\d.*", "", pieces[0])
    known = brand in _BRANDS or brand in _BRANDS_THAT_ARE_WORDS
    if brand in _BRANDS or (len(brand) >= 4 and brand not in _ORDINARY):
        yield re.escape(brand) + r"(?:[-_. ]?\d\w*)?"
    fronts = [pieces, pieces[:2]] if len(pieces) > 2 and re.search(r"\d", "".join(pieces[:2])) else [pieces]
    for front in fronts:
        letters = "".join(front)
        if len(letters) < 4 or letters.isdigit() or (len(front) == 1 and not re.search(r"\d", letters)):
            continue
        # "GPT 4o" and "Llama3" are read as the name; "a small a" is not read as "small-a".
        loose = known and re.search(r"\d", letters)
        yield (r"[\W_]{0,2}" if loose else r"[-_./:]").join(re.escape(piece) for piece in front)


def _patterns_of_provider(pieces: list[str]) -> Iterator[str]:
    for piece in pieces:
        if len(piece) >= 4 and not piece.isdigit() and piece not in _ORDINARY:
            yield re.escape(piece)
    if len(pieces) > 1 and not set(pieces) <= _EVERYDAY:
        yield r"[\W_]{1,2}".join(re.escape(piece) for piece in pieces)
