"""Answers that reveal which model wrote them are never shown to a reviewer.

`reveals_its_model` is called when a generation finishes or is imported. It reads every turn's text and tool calls, and
`names_itself` looks in each for what gives a writer away:

- *an introduction*, of any model, in the languages of `introductions`: "I am ChatGPT", "Anthropic trained me";
- *the contender's own names*: the provider's id for it, its slug and family, the brand at their front, other names of
  the same brand and its maker (`vocabulary`), and the provider's name. Names that are everyday words ("command",
  "small", "together", "Google") do not count by themselves: the answer must use more of the name ("Command R+", "Llama
  3") or introduce itself;
- *marks of a chat template*, which only some models' answers can hold, and a turn of the user that the model made up.

A name that the task itself mentions reveals nothing, and does not count. Neither does a name that means something else
here ("Claude Monet", "the Gemini constellation"), nor a model's own name in a list of several models. Where a reader
could not be sure, it counts: an answer kept back by mistake costs an editor a minute, one that is shown costs a blind
vote.

The time taken grows with the length of the text alone: patterns are tried on a few words around each name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from evals.catalog.conversations import calls_in
from evals.collection.quarantine import vocabulary
from evals.collection.quarantine.folding import folded, spelled_out, without_markup
from evals.collection.quarantine.introductions import LANGUAGES, Language
from evals.models import Contender, Task

__all__ = ["VERSION", "names_itself", "reveals_its_model"]

# Raised with each change that finds more or less: stored answers are then looked through again (`recheck`).
VERSION = 2

# Characters before and after a name in which an introduction is looked for.
_BEFORE, _AFTER = 160, 110
# Around a name, where words can show that it means something else.
_NEAR = 70
# Other families named in the same answer, from which on the own name is one of a list.
_LISTED = 2
# What stands for a name in a window, so that patterns do not depend on it.
_BRAND, _MAKER = "\x01", "\x02"


def _words(text: str) -> frozenset[str]:
    return frozenset(name.replace("_", " ") for name in folded(text).lower().split())


_EVERYDAY = _words(vocabulary.EVERYDAY)
_WORD_BRANDS = _words(vocabulary.WORD_BRANDS)
_MAKERS_OF_MUCH = _words(vocabulary.MAKERS_OF_MUCH)
_PERSON_NAMES = _words(vocabulary.PERSON_NAMES)
_NOT_SURNAMES = _words(vocabulary.NOT_SURNAMES)
_BRANDS = {name: key for key, family in vocabulary.FAMILIES.items() for name in _words(family.brands)}
_MAKERS = {name: key for key, family in vocabulary.FAMILIES.items() for name in _words(family.makers)}
_ORDINARY = _EVERYDAY | _WORD_BRANDS | _MAKERS_OF_MUCH
_OTHER_SENSES = {folded(name).lower(): re.compile(folded(words)) for name, words in vocabulary.OTHER_SENSES.items()}
_MARKS = tuple((what, re.compile(pattern)) for what, pattern in vocabulary.TEMPLATE_MARKS.items())
# Something that a name made of an everyday word must stand beside, to be a model's.
_MODEL_NEAR = re.compile(
    r"mod[ae]l|assist|asist|asyst|chatbot|\b(?:ai|ia|ki|llm|yz|ии|ші)\b|модел|ассист|помощ|помічн|неиро|模型|助手|人工智能|"
    r"モデル|アシスタント|모델|비서|인공지능|نموذج|مساعد|مدل|دستیار|מודל|मॉडल|सहायक"
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[\n。！？।؟]")
_LIST_ON = re.compile(r":[ \t]*\n\s*")


@dataclass(frozen=True, slots=True)
class _Read:
    """A text in the form in which it is searched: `plain` with case, `low` without; the same length. `shown` is what to
    quote, by the same places. `raw` has also what a reader sees only in the raw text, such as addresses of links."""

    plain: str
    low: str
    raw: str
    shown: str

    @classmethod
    def of(cls, text: str) -> _Read:
        kept = folded(text)
        plain = without_markup(kept)
        if ":" in plain:
            plain = _LIST_ON.sub(": ", plain)
        low = plain.lower()
        # One letter in Unicode becomes two in lower case; folding has left none of it, but its rules may change.
        shown = text if len(text) == len(plain) else plain
        return cls(plain, low if len(low) == len(plain) else plain, kept.lower(), shown)


class _Mention(NamedTuple):
    name: str
    kind: str
    start: int
    end: int


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
    answer, prompt = _Read.of(text), _prompt("\n".join(_texts(messages)))
    mentions = list(_mentions(answer))
    return (
        _introduction(answer, prompt, mentions)
        or _own_name(answer, prompt, mentions, contender)
        or _template(text, prompt)
        or _next_turn(answer, prompt)
    )


@lru_cache(maxsize=4)
def _prompt(text: str) -> _Read:
    """Of a task, whose answers often come one after the other."""
    return _Read.of(text)


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


# Names


@lru_cache(maxsize=4096)
def _pattern(name: str, *, version: bool = True) -> re.Pattern[str]:
    """The name between boundaries of its own script: Latin letters part a Latin name from others, and Chinese ones do
    not; Cyrillic names take endings; scripts without spaces between words have no boundaries."""
    words = re.escape(name).replace(r"\ ", r"[\s_-]{0,2}")
    if re.search("[a-z]", name):
        ends = r"(?:[-_. ]?v?\d[\w.]{0,16})?" if version else ""
        return re.compile(rf"(?<![a-z0-9]){words}{ends}s?(?![a-z])")
    if re.search("[а-яіїєґ]", name):
        return re.compile(rf"(?<![а-яіїєґ]){words}[а-яіїєґ]{{0,3}}(?![а-яіїєґ])")
    return re.compile(words)


_KINDS = (
    *((name, _BRAND) for name in _BRANDS),
    *((name, "") for name in sorted(_WORD_BRANDS)),
    *((name, _MAKER) for name in _MAKERS if name not in _BRANDS),
    *((name, _MAKER) for name in sorted(_MAKERS_OF_MUCH - _MAKERS.keys())),
)


_TOKEN = re.compile("[a-z0-9]+")
# Where each name stands in `_KINDS`. Latin names, which a text can hold at the beginning of a token only, by their two
# first letters, each with all letters and digits it begins with; those of other scripts with their first word.
_LATIN: dict[str, list[tuple[str, int]]] = {}
_OTHERS: list[tuple[str, int]] = []
for _at, (_name, _) in enumerate(_KINDS):
    _begins = _TOKEN.match(_name)
    if _begins and re.search("[a-z]", _name):
        _LATIN.setdefault(_begins[0][:2], []).append((_begins[0], _at))
    else:
        _OTHERS.append((_name.partition(" ")[0], _at))
# An ASCII text can hold none of these.
assert not any(word.isascii() for word, _ in _OTHERS)


def _possible(low: str) -> list[int]:
    """Places in `_KINDS` of the names that the text may hold; of all others it holds none."""
    found = {at for word, at in (_OTHERS if not low.isascii() else ()) if word in low}
    for token in set(_TOKEN.findall(low)):
        for begins, at in (*_LATIN.get(token[:1], ()), *_LATIN.get(token[:2], ())):
            if token.startswith(begins):
                found.add(at)
    return sorted(found)


def _mentions(read: _Read) -> Iterator[_Mention]:
    """Names of models and makers, those of everyday words only where they may be a model's. Not those that mean
    something else."""
    for at in _possible(read.low):
        name, kind = _KINDS[at]
        for found in _pattern(name).finditer(read.low):
            start, end = found.span()
            made = _Mention(name, kind or _BRAND, start, end)
            if (not kind and not _is_a_models(read, made)) or _means_something_else(read, made):
                continue
            yield made


def _is_a_models(read: _Read, word: _Mention) -> bool:
    if not read.plain[word.start].isupper():
        return False
    near = read.low[max(word.start - _NEAR, 0) : word.end + _NEAR]
    return read.low[word.end - 1].isdigit() or _MODEL_NEAR.search(near) is not None


def _means_something_else(read: _Read, mention: _Mention) -> bool:
    start, end = mention.start, mention.end
    senses = _OTHER_SENSES.get(mention.name)
    if senses is not None and senses.search(read.low, max(start - _NEAR, 0), end + _NEAR):
        return True
    if mention.name not in _PERSON_NAMES:
        return False
    after = re.match(r"[ -]([^\W\d_]{3,})", read.plain[end : end + 30])
    return after is not None and after[1][0].isupper() and after[1].lower() not in _NOT_SURNAMES


def _in_prompt(name: str, prompt: _Read) -> bool:
    return name.partition(" ")[0] in prompt.raw and _pattern(name).search(prompt.raw) is not None


# Introductions


@lru_cache(maxsize=1)
def _languages() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    """Of each language the cue, and all its patterns as one."""
    return tuple((re.compile(folded(one.cue)), _compiled(one)) for one in LANGUAGES.values())


def _compiled(language: Language) -> re.Pattern[str]:
    return re.compile("|".join(_translated(pattern, language) for pattern in language.patterns))


def _translated(pattern: str, language: Language) -> str:
    while parts := re.findall(r"<(\w+)>", pattern):
        for part in parts:
            pattern = pattern.replace(f"<{part}>", language.parts[part])
    pattern = folded(pattern)
    least = 1 if language.spaced else 0
    outer = [pattern[0] in "@%", pattern[-1] in "@%"]
    between = rf"[^\w{_BRAND}{_MAKER}]"
    pattern = pattern.replace(" ?", between + "{0,4}").replace(" ", between + f"{{{least},4}}")
    pattern = pattern.replace("~", rf"[^{_BRAND}{_MAKER}]{{0,40}}?")
    pattern = pattern.replace("@", _BRAND).replace("%", f"[{_BRAND}{_MAKER}]")
    if not language.spaced:
        return f"(?:{pattern})"
    before, after = "" if outer[0] else r"(?<!\w)", "" if outer[1] else r"(?!\w)"
    return f"{before}(?:{pattern}){after}"


def _introduction(answer: _Read, prompt: _Read, mentions: Iterable[_Mention]) -> str:
    tried: set[str] = set()
    for mention in mentions:
        before = _SENTENCE_END.split(answer.low[max(mention.start - _BEFORE, 0) : mention.start])[-1]
        after = _SENTENCE_END.split(answer.low[mention.end : mention.end + _AFTER], maxsplit=1)[0]
        window = f"{before}{mention.kind}{after}"
        if window in tried:
            continue
        tried.add(window)
        for cue, patterns in _languages():
            if cue.search(window) and patterns.search(window) and not _in_prompt(mention.name, prompt):
                said = answer.shown[mention.start - len(before) : mention.end + len(after)]
                return f"introduces itself: “{_short(said)}”"
    for letters in spelled_out(answer.low):
        named = next((name for name in _BRANDS if len(name) > 4 and name in letters), "")
        if named and not _in_prompt(named, prompt):
            return f"spells out the name of a model: “{named}”"
    return ""


def _short(text: str) -> str:
    return " ".join(text.split())[:120].rstrip(" .,;")


# The contender's own names


class _Own(NamedTuple):
    """One of the contender's names: its pattern, the name as `vocabulary` has it (empty if it does not), and its family
    there; and with what it begins wherever it is found."""

    pattern: re.Pattern[str]
    name: str
    family: str
    begins: str


def _own_name(answer: _Read, prompt: _Read, mentions: list[_Mention], contender: Contender) -> str:
    names = (contender.model_name, contender.family, contender.slug.partition("@")[0])
    for own in _own_names(names, (contender.provider.name, contender.provider.slug)):
        if not (found := _first(own, answer)) or own.pattern.search(prompt.raw):
            continue
        if own.family and any(_in_prompt(name, prompt) for name in _names_of(own.family)):
            continue
        others = {_BRANDS.get(one.name) or _MAKERS.get(one.name) or one.name for one in mentions} - {own.family}
        if own.family and len(others) >= _LISTED:
            continue
        return f"names its own model or provider: “{found[:120]}”"
    return ""


def _first(own: _Own, answer: _Read) -> str:
    """How the answer writes the name, or empty."""
    if own.begins not in answer.low and own.begins not in answer.raw:
        return ""
    for found in own.pattern.finditer(answer.low):
        start, end = found.span()
        if not own.name or not _means_something_else(answer, _Mention(own.name, _BRAND, start, end)):
            return answer.shown[start:end]
    # In an address, which only the raw text shows.
    if len(answer.raw) != len(answer.low) and not own.pattern.search(answer.low):
        hidden = own.pattern.search(answer.raw)
        return hidden[0] if hidden else ""
    return ""


def _names_of(family: str) -> Iterator[str]:
    for names in (_BRANDS, _MAKERS):
        yield from (name for name, key in names.items() if key == family)


@lru_cache(maxsize=1024)
def _own_names(names: tuple[str, ...], providers: tuple[str, ...]) -> tuple[_Own, ...]:
    found: dict[str, _Own] = {}

    def add(pattern: str, name: str = "") -> None:
        key = _BRANDS.get(name) or _MAKERS.get(name) or ""
        compiled = re.compile(rf"(?<![a-z0-9]){pattern}s?(?![a-z0-9])")
        found.setdefault(pattern, _Own(compiled, name, key, _literal(pattern)))

    for whole in dict.fromkeys(part for name in names for part in (name, name.rsplit("/", 1)[-1])):
        pieces = _pieces(whole)
        for pattern in _patterns_of_model(pieces):
            add(pattern, _brand_of(pieces))
        if family := _BRANDS.get(_brand_of(pieces), ""):
            for name in _names_of(family):
                found.setdefault(name, _Own(_pattern(name), name, family, _literal(name)))
    for name in providers:
        for pattern in _patterns_of_provider(_pieces(name)):
            add(pattern, pattern if pattern in _BRANDS or pattern in _MAKERS else "")
    return tuple(found.values())


def _literal(pattern: str) -> str:
    """The letters and digits with which every text begins that matches: one of the patterns below, or a name."""
    begins = re.match(r"[^\W_]*", pattern)
    return begins[0] if begins else ""


def _brand_of(pieces: list[str]) -> str:
    return re.sub(r"\d.*", "", pieces[0]) if pieces else ""


def _pieces(name: str) -> list[str]:
    return [piece for piece in re.split(r"[\W_]+", folded(name).lower()) if piece]


def _patterns_of_model(pieces: list[str]) -> Iterator[str]:
    """The whole name, its front ("gpt-4o" of "gpt-4o-2024-08-06"), and its brand unless that is an everyday word."""
    if not pieces:
        return
    brand = _brand_of(pieces)
    known = brand in _BRANDS or brand in _WORD_BRANDS
    if brand in _BRANDS or (len(brand) >= 4 and brand not in _ORDINARY):
        yield re.escape(brand) + r"(?:[-_. ]?\d\w{0,16})?"
    fronts = [pieces, pieces[:2]] if len(pieces) > 2 and re.search(r"\d", "".join(pieces[:2])) else [pieces]
    for front in fronts:
        letters = "".join(front)
        if len(letters) < 4 or letters.isdigit() or (len(front) == 1 and not re.search(r"\d", letters)):
            continue
        # "GPT 4o" and "Llama3" are read as the name; "a small a" is not read as "small-a".
        loose = known and re.search(r"\d", letters)
        yield (r"[\W_]{0,2}" if loose else r"[-_./:]").join(re.escape(piece) for piece in front)
        if front[-1] == "plus":
            yield r"[\W_]{0,2}".join(map(re.escape, front[:-1])) + r"\+"


def _patterns_of_provider(pieces: list[str]) -> Iterator[str]:
    for piece in pieces:
        if len(piece) >= 4 and not piece.isdigit() and piece not in _ORDINARY:
            yield re.escape(piece)
    if len(pieces) > 1 and not set(pieces) <= _EVERYDAY:
        yield r"[\W_]{1,2}".join(re.escape(piece) for piece in pieces)


# Chat templates

_INLINE_CODE = re.compile(r"`[^`\n]{1,200}`")
# A label alone at the beginning of a line, and what stands before it.
_HUMAN = re.compile(r"(?m)^(?:human|h):[ \t]*\S?")
_USER = re.compile(r"(?m)^user:[ \t]*\S?")
_REPLY = re.compile(r"(?m)^(?:assistant|ai):[ \t]*\S?")
_LABELLED = re.compile(r"[ \t]*(?:human|h|user|assistant|ai|robot|agent|customer|system)\s*:")


def _template(text: str, prompt: _Read) -> str:
    """Marks outside code: in a block of code they are what the answer is about."""
    if not any(sign in text for sign in ("<", "[", "◁", "###", "GPT4")):
        return ""
    blocks = folded(text).split("```")
    # A block that is never closed is more likely an answer that ran on.
    outside = blocks[::2] if len(blocks) % 2 else [*blocks[::2], blocks[-1]]
    shown = _INLINE_CODE.sub("", "\n".join(outside))
    for what, pattern in _MARKS:
        found = pattern.search(shown)
        if found and found[0].strip().lower() not in prompt.raw:
            return f"holds a mark of a chat template ({what}): “{_short(found[0])}”"
    return ""


def _next_turn(answer: _Read, prompt: _Read) -> str:
    """The model went on with what the user says next, as some do under their makers' templates. A dialogue that the
    task asked for begins with a speaker, or after a colon."""
    if _LABELLED.match(answer.low) or "human" in prompt.low or "dialog" in prompt.low or "conversation" in prompt.low:
        return ""
    found = _HUMAN.search(answer.low) if "human:" in answer.low or "h:" in answer.low else None
    asked = _USER.search(answer.low) if found is None and "user:" in answer.low else None
    if asked is not None and _REPLY.search(answer.low, asked.end()):
        found = asked
    if found is None or answer.low[: found.start()].rstrip()[-1:] in ("", ":", "："):
        return ""
    line = answer.plain[found.start() :].partition("\n")[0]
    return f"goes on with a turn of the user: “{_short(line)}”"
