"""Neutral text that makes a prompt long. Pure.

Messages hold no filler themselves, but parts that say which is meant; it is written only when a contender is asked. So
a prompt of 128,000 tokens is stored in a few hundred characters, and its digest names its content all the same:

    {"type": "filler", "filler": {"version": 1, "seed": 2087563412, "chars": 15200}}

One version, seed and length make the same text for ever, on every machine: `VERSION` rises with any change of the
sentences below, and earlier versions are kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["CHARS_PER_TOKEN", "MOST_CHARS", "VERSION", "filler", "filler_part", "is_padded", "with_filler"]

VERSION = 1
# Of this text, 4.62 to 4.71 by the tokenizers of SmolLM2, GPT-2, Llama 3, DeepSeek and Command R; rounded down, so that
# a prompt rather has fewer tokens than are said. Others differ: what a provider counts is shown beside the estimate.
CHARS_PER_TOKEN = 4.5
# Of one part: a million tokens and more.
MOST_CHARS = 8_000_000

# Nothing here asks, tells what to do, counts, or names a person, a product or a place that one could look up.
_WHEN = (
    "In the morning", "Before breakfast", "Towards noon", "After lunch", "In the afternoon", "At dusk",
    "Late in the evening", "After the rain", "Before the wind rose", "On the way home", "While the kettle warmed",
    "As the fog lifted", "When the market closed", "During the quiet hour", "Once the ferry had left",
    "While the bread cooled", "As on most days", "A little later", "Not long after that", "Towards the end of the week",
    "When the light changed", "After a long pause", "Around the usual time", "In the last of the sun",
)  # fmt: skip
_WHO = (
    "the gardener", "a neighbour", "the baker", "two old friends", "the ferryman", "a carpenter", "the children",
    "a woman with a blue umbrella", "the caretaker", "a man with a bicycle", "the choir", "the postwoman",
    "a painter", "the beekeeper", "the night porter", "a few students", "the bookbinder", "the cook",
    "an elderly couple", "the clockmaker", "the fishermen", "a visitor", "the schoolteacher", "the apprentice",
    "somebody from the next street", "the weaver", "the miller", "a musician", "the tailor", "the shepherd",
)  # fmt: skip
_DID = (
    "watered the tomatoes", "mended a wooden chair", "carried a basket of apples", "opened all the windows",
    "swept the steps", "listened to the river", "folded the linen", "told an old story", "looked for a lost glove",
    "painted the fence green", "sorted the letters", "walked without hurry", "hung a lantern", "read the newspaper",
    "planted a row of beans", "polished the handles", "counted the clouds", "fed the hens", "tuned a violin",
    "baked a plain cake", "moved the table into the shade", "wrote a short note", "cleaned the lamp",
    "brought back a borrowed ladder", "watched the swallows", "hummed a tune", "tied up the roses",
    "waited for the tea to cool", "closed the shutters", "stacked the firewood", "picked some mint",
    "rested on the bench", "sketched the roofs", "patched a sail", "rinsed the bottles", "drew water from the well",
)  # fmt: skip
_WHERE = (
    "behind the old mill", "near the bridge", "in the narrow yard", "beside the orchard", "under the lime tree",
    "at the edge of the village", "by the harbour wall", "in front of the library", "on the upper floor",
    "along the gravel path", "in the back room", "next to the fountain", "at the corner of the lane",
    "beyond the meadow", "on the south side of the house", "in the greenhouse", "close to the station",
    "by the low stone wall", "at the foot of the hill", "across from the chapel", "in the long corridor",
    "on the wide steps", "beneath the arcade", "outside the workshop",
)  # fmt: skip
_AND = (
    "and nothing else happened", "and the day went on", "as had long been the custom", "without saying much",
    "and nobody thought it strange", "while a dog slept nearby", "and the air smelled of grass",
    "and the bells could be heard from far away", "until the shadows grew long", "and it was quiet again",
    "though there was no hurry", "and a breeze moved the curtains", "and the dust settled slowly",
    "which took most of an hour", "and then went home", "as the water ran by", "and the cat looked on",
    "while the bread was in the oven", "and the matter was not mentioned again", "as one does in that season",
)  # fmt: skip
_SENTENCES = 6


def filler(*, version: int, seed: int, chars: int) -> str:
    """Paragraphs of whole sentences, at most `chars` characters and hardly fewer. ValueError for an unknown version or
    a length that is out of bounds."""
    if version != VERSION:
        raise ValueError(f"there is no version {version} of the filler; the newest is {VERSION}")
    if not 0 <= chars <= MOST_CHARS:
        raise ValueError(f"filler has between 0 and {MOST_CHARS:,} characters, not {chars:,}")
    written: list[str] = []
    length = 0
    for n, sentence in enumerate(_sentences(seed)):
        before = "" if not n else " " if n % _SENTENCES else "\n\n"
        length += len(before) + len(sentence)
        if length > chars:
            return "".join(written)
        written.append(before + sentence)
    raise AssertionError


def _sentences(seed: int) -> Iterator[str]:
    # Of Python's generator only `random` is promised to stay as it is.
    draw = random.Random(seed).random

    def one(of: Sequence[str]) -> str:
        return of[int(draw() * len(of))]

    while True:
        yield f"{one(_WHEN)} {one(_WHO)} {one(_DID)} {one(_WHERE)}, {one(_AND)}."


def filler_part(*, seed: int, chars: int) -> dict[str, Any]:
    return {"type": "filler", "filler": {"version": VERSION, "seed": seed, "chars": chars}}


def is_padded(messages: Sequence[Mapping[str, Any]]) -> bool:
    return any(_is_filler(part) for message in messages for part in _parts(message))


def with_filler(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages as contenders are sent them: parts of a padded one are joined to one text. Takes some 10 ms for each
    100,000 tokens. ValueError as `filler`."""
    return [_written(message) for message in messages]


def _written(message: Mapping[str, Any]) -> dict[str, Any]:
    parts = _parts(message)
    if not any(map(_is_filler, parts)):
        return dict(message)
    texts = [filler(**part["filler"]) if _is_filler(part) else str(part.get("text", "")) for part in parts]
    return {**message, "content": "\n\n".join(text for text in texts if text)}


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _is_filler(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "filler"
