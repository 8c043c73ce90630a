"""What a reviewer is shown: a battle without any trace of its contenders, and what may be said about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from arena.ui.differences import Difference, difference
from arena.ui.markup import first_line, render_raw
from evals.catalog.conversations import calls_in, content_text, pretty_arguments, prompt_text, segments, written
from evals.catalog.images.references import images_in
from evals.catalog.images.serving import nth
from evals.models import Ballot, Category, Generation, Reason, Reviewer, Task
from evals.voting.holding import can_be_undone
from evals.voting.kept import Kept
from evals.voting.renderings import Written, prepare, rendered, rendered_code

__all__ = [
    "Answer",
    "BattlePage",
    "Form",
    "Picture",
    "Prompt",
    "Rubric",
    "battle_page",
    "choice_label",
    "difference_on",
    "form_of",
    "image_on",
    "last_closed",
    "rubric",
]

_WHO = {
    "system": gettext_lazy("System"),
    "user": gettext_lazy("User"),
    "assistant": gettext_lazy("Assistant"),
    "tool": gettext_lazy("Tool"),
}

_CHOICE_LABELS = {
    ("left", ""): gettext_lazy("A is better"),
    ("right", ""): gettext_lazy("B is better"),
    ("left", "slightly"): gettext_lazy("A is slightly better"),
    ("right", "slightly"): gettext_lazy("B is slightly better"),
    ("left", "clearly"): gettext_lazy("A is clearly better"),
    ("right", "clearly"): gettext_lazy("B is clearly better"),
    ("tie", ""): gettext_lazy("equally good"),
    ("both_bad", ""): gettext_lazy("both bad"),
}

# Longer prompts than the first are set in two columns, beside which no half of the page is empty; longer ones than the
# second scroll in their own box, where two columns would be read up and down.
_TWO_COLUMNS, _OWN_BOX = 700, 2200


@dataclass(frozen=True)
class Picture:
    """An image as a page shows it: where it is served, and what it is called there. Nothing else about it is known."""

    url: str
    alt: str


@dataclass(frozen=True)
class Turn:
    """`who` is empty where only one speaks. `asked`: said between two answers. `not_run`: the conversation went on
    after its tool calls."""

    who: str
    html: SafeString
    calls: tuple[SafeString, ...] = ()
    images: tuple[Picture, ...] = ()
    asked: bool = False
    not_run: bool = False
    text: str = ""
    call_texts: tuple[str, ...] = ()

    @property
    def raw_calls(self) -> list[SafeString]:
        return [render_raw(call) for call in self.call_texts]

    @property
    def raw(self) -> SafeString:
        """Each character as it was written."""
        return render_raw(self.text)

    @property
    def empty(self) -> bool:
        return not self.html and not self.calls and not self.images


@dataclass(frozen=True)
class Tool:
    name: str
    description: SafeString
    parameters: SafeString


@dataclass(frozen=True)
class Prompt:
    """What is said before the first answer, and the tools that the task offers. `size` is `short`, `medium` or `long`,
    by which the page lays it out."""

    gist: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    size: Literal["short", "medium", "long"] = "short"


@dataclass(frozen=True)
class Answer:
    """`letter` is what the reviewer calls it, `side` what the page posts. Nothing else about it is known here. In a
    conversation `turns` are the answers, and between them what was said next."""

    letter: str
    side: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class BattlePage:
    token: str
    state: str
    prompt: Prompt
    answers: tuple[Answer, Answer]
    guidelines: SafeString
    choice: str


@dataclass(frozen=True)
class Rubric:
    """What a category asks for beside the verdict: reasons by id, dimensions by slug, how much better."""

    reasons: tuple[Reason, ...]
    dimensions: tuple[Category, ...]
    strength: bool


@dataclass(frozen=True)
class ReasonChoice:
    id: int
    key: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class DimensionChoice:
    slug: str
    name: str
    chosen: str


@dataclass(frozen=True)
class Form:
    """What a ballot's form offers, with what its reviewer said before an undo."""

    reasons: tuple[ReasonChoice, ...]
    dimensions: tuple[DimensionChoice, ...]
    asks_strength: bool
    strength: str
    comment: str


def battle_page(ballot: Ballot) -> BattlePage:
    """Everything the page shows of the battle. Any difference between the two answers comes from their texts."""
    battle = ballot.battle
    left, right = _sides(ballot)
    prepare(_texts(ballot))
    return BattlePage(
        token=ballot.token,
        state=ballot.state,
        prompt=_prompt(battle.task, ballot.token),
        answers=(
            _answer("A", "left", left, battle.task, ballot.token),
            _answer("B", "right", right, battle.task, ballot.token),
        ),
        guidelines=rendered(ballot.category.guidelines),
        choice=choice_label(ballot.choice, ballot.strength),
    )


_rubrics: Kept[tuple[int, datetime], Rubric] = Kept()


def rubric(category: Category) -> Rubric:
    """Two queries, once in a few seconds."""
    key = (category.pk, category.created_at)
    found = _rubrics.get(key)
    return found if found is not None else _rubrics.put(key, _rubric(category))


def _rubric(category: Category) -> Rubric:
    reasons = Reason.objects.filter(category=category, retired_at__isnull=True)
    dimensions = Category.with_dimensions.filter(dimension_of=category, retired_at__isnull=True).order_by("name", "pk")
    return Rubric(tuple(reasons), tuple(dimensions), category.ask_strength)


def form_of(ballot: Ballot, rubric: Rubric) -> Form:
    said = ballot.dimensions if isinstance(ballot.dimensions, dict) else {}
    return Form(
        tuple(ReasonChoice(one.pk, one.key, one.label, one.pk in ballot.reasons) for one in rubric.reasons),
        tuple(DimensionChoice(one.slug, one.name, said.get(one.slug, "")) for one in rubric.dimensions),
        rubric.strength,
        ballot.strength,
        ballot.comment,
    )


def difference_on(ballot: Ballot) -> Difference:
    """Where the two answers differ, word by word; turns and tool calls one below another. No query."""
    left, right = _sides(ballot)
    return difference(_whole(left), _whole(right))


def _sides(ballot: Ballot) -> tuple[Generation, Generation]:
    battle = ballot.battle
    return (battle.lo, battle.hi) if ballot.left == "lo" else (battle.hi, battle.lo)


def _whole(generation: Generation) -> str:
    answers = written(text=generation.text, tool_calls=generation.tool_calls, turns=generation.turns)
    return "\n\n".join(piece for text, calls in answers for piece in (text, *calls) if piece)


def _texts(ballot: Ballot) -> Iterator[Written]:
    """All that the page shows as HTML."""
    task = ballot.battle.task
    yield Written(ballot.category.guidelines)
    for message in task.messages:
        yield _message(message)
        yield from (_call(f"{name}({arguments})") for name, arguments in calls_in(message.get("tool_calls")))
    for tool in task.tools:
        yield from _described(tool.get("function", {}))
    for answer in _sides(ballot):
        for text, calls in written(text=answer.text, tool_calls=answer.tool_calls, turns=answer.turns):
            yield Written(text)
            yield from map(_call, calls)


def _answer(letter: str, side: str, generation: Generation, task: Task, token: str) -> Answer:
    """Ids of tool calls are left out: their form reveals the provider."""
    answers = written(text=generation.text, tool_calls=generation.tool_calls, turns=generation.turns)
    said = segments(task.messages)
    next_said = [[], *(_spoken(one, token, before=said[:n], asked=True) for n, one in enumerate(said) if n)]
    pictures = _pictures(token, side, _("answer %s") % letter, count=len(generation.images))
    turns: list[Turn] = []
    for n, (text, calls) in enumerate(answers):
        turns += next_said[n] if n < len(next_said) else []
        who = _("Answer %d") % (n + 1) if len(answers) > 1 else ""
        went_on = n + 1 < len(answers)
        own = generation.turns[n].get("images", 0) if went_on else len(pictures)
        mine, pictures = pictures[:own], pictures[own:]
        shown = tuple(_html(_call(call)) for call in calls)
        # As it was written: `text` is without the space around it.
        exact = generation.turns[n].get("text", "") if generation.turns else generation.text
        turns.append(
            Turn(who, rendered(text), shown, mine, not_run=bool(calls) and went_on, text=str(exact), call_texts=calls)
        )
    return Answer(letter, side, tuple(turns))


def _pictures(token: str, place: str, of: str, *, count: int, first: int = 1) -> tuple[Picture, ...]:
    """Named by the ballot and their place on it: nothing in an address, such as a digest, is the image's own."""
    numbers = range(first, first + count)
    name = _("Image %(n)d of %(of)s")
    return tuple(
        Picture(reverse("evals:battle-image", args=[token, place, n]), name % {"n": n, "of": of}) for n in numbers
    )


def image_on(ballot: Ballot, place: str, n: int) -> str | None:
    """The SHA-256 of the nth image of the prompt, or of the answer shown left or right; None if there is none."""
    battle = ballot.battle
    left, right = _sides(ballot)
    shown: dict[str, list[str]] = {
        "prompt": images_in(battle.task.messages),
        "left": left.images,
        "right": right.images,
    }
    return nth(shown.get(place), n)


def _call(call: str) -> Written:
    """Written as calls are in most languages; JSON alone is only what stands between the brackets."""
    return Written(call, "javascript")


def _html(one: Written) -> SafeString:
    return rendered(one.text) if one.language is None else rendered_code(one.text, one.language)


def _prompt(task: Task, token: str) -> Prompt:
    said = next(iter(segments(task.messages)), [])
    turns = _spoken(said, token)
    length = sum(len(content_text(message.get("content"))) for message in said)
    return Prompt(
        first_line(prompt_text(task.messages)) if said else _("The prompt's text is not known here."),
        tuple(turns if len(turns) > 1 else (replace(turn, who="") for turn in turns)),
        _tools(task),
        "short" if length < _TWO_COLUMNS else "medium" if length < _OWN_BOX else "long",
    )


def _spoken(
    messages: Sequence[Mapping[str, Any]],
    token: str,
    *,
    before: Sequence[Sequence[Mapping[str, Any]]] = (),
    asked: bool = False,
) -> list[Turn]:
    """`before`: what was said earlier, whose images are counted first."""
    turns: list[Turn] = []
    seen = sum(len(images_in(said)) for said in before)
    for message in messages:
        images = len(images_in([message]))
        calls = tuple(f"{name}({given})" for name, given in calls_in(message.get("tool_calls")))
        turns.append(
            Turn(
                str(_WHO.get(str(message.get("role", "")), str(message.get("role", "")).title())),
                _html(_message(message)),
                tuple(_html(_call(call)) for call in calls),
                _pictures(token, "prompt", _("the prompt"), count=images, first=seen + 1),
                asked=asked,
                text=content_text(message.get("content")),
                call_texts=calls,
            )
        )
        seen += images
    return turns


def _message(message: Mapping[str, Any]) -> Written:
    """The result of a tool is data, not Markdown."""
    text = content_text(message.get("content"))
    return Written(pretty_arguments(text), "json") if message.get("role") == "tool" and text else Written(text)


def _tools(task: Task) -> tuple[Tool, ...]:
    functions = (tool.get("function", {}) for tool in task.tools)
    return tuple(Tool(str(one.get("name", "")), *map(_html, _described(one))) for one in functions)


def _described(function: Mapping[str, Any]) -> tuple[Written, Written]:
    """What a tool does, and its parameters."""
    parameters = json.dumps(function.get("parameters", {}), indent=2, ensure_ascii=False)
    return Written(str(function.get("description", ""))), Written(parameters, "json")


def choice_label(choice: str, strength: str = "") -> str:
    label = _CHOICE_LABELS.get((choice, strength)) or _CHOICE_LABELS.get((choice, ""))
    return "" if label is None else str(label)


def last_closed(reviewer: Reviewer, category: Category) -> Ballot | None:
    """The ballot that undo would reopen; None if there is none or it is too late."""
    closed = Ballot.objects.filter(reviewer=reviewer, category=category).order_by("-closed_at", "-pk")
    # One query per state, so that the index ends the search: a reviewer may have closed thousands.
    newest = [closed.filter(state=state).first() for state in (Ballot.State.VOTED, Ballot.State.SKIPPED)]
    last = max(filter(None, newest), key=attrgetter("closed_at", "pk"), default=None)
    return last if last is not None and can_be_undone(last) else None
