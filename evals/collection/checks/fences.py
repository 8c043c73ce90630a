"""Fenced blocks in an answer: what of it is code, and in which language it says it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

__all__ = ["Block", "chosen_blocks", "fenced_blocks", "unfenced"]

_MARK = re.compile(r"([ \t]*(?:>[ \t]?)*)(`{3,}|~{3,})(.*)")


class Block(NamedTuple):
    """`label`: what stands behind the opening fence, in lower case; empty without one."""

    label: str
    text: str


def fenced_blocks(text: str) -> list[Block]:
    """In their order. A block that is not closed ends with the answer, as Markdown has it."""
    blocks: list[Block] = []
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.splitlines():
        mark = _MARK.match(line)
        if opened is None:
            # A backtick behind the mark makes it code within a line.
            if mark and not (mark[2][0] == "`" and "`" in mark[3]):
                opened, lines = mark, []
        elif mark and mark[2].startswith(opened[2]) and not mark[3].strip():
            blocks.append(_block(opened, lines))
            opened = None
        else:
            lines.append(line)
    if opened is not None:
        blocks.append(_block(opened, lines))
    return blocks


def _block(opened: re.Match[str], lines: Sequence[str]) -> Block:
    label = opened[3].strip().split(maxsplit=1)
    indent = opened[1]
    inside = "\n".join(line.removeprefix(indent) for line in lines)
    return Block(label[0].strip("{}.").split(",")[0].split(":")[0].lower() if label else "", inside)


def chosen_blocks(text: str, *, labels: Collection[str], which: str) -> tuple[list[str], str]:
    """The code that is to be judged, or none and the reason. An answer without a fence is all code; of one with fences,
    the blocks with one of the labels, else those without any. `which` of these: `all`, `first` or `last`."""
    blocks = fenced_blocks(text)
    if not blocks:
        return ([text], "") if text.strip() else ([], "the answer has no text")
    found = [block.text for block in blocks if block.label in labels]
    found = found or [block.text for block in blocks if not block.label]
    if not found:
        others = ", ".join(sorted({block.label for block in blocks})[:5])
        return [], f"no block of it, only of {others}"
    if which == "first":
        found = found[:1]
    elif which == "last":
        found = found[-1:]
    if not any(one.strip() for one in found):
        return [], "the block is empty"
    return found, ""


_FENCE = re.compile(r"\A```[\w+-]*[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL)


def unfenced(text: str) -> str:
    """The inside, if the whole answer is one fenced block, which is the one decoration that readers of JSON strip."""
    text = text.strip()
    fenced = _FENCE.match(text)
    return fenced[1] if fenced and "```" not in fenced[1] else text
