"""What a caller gets: a decision, and the targets to call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Decision", "Target"]


class Target(Mapping[str, Any]):
    """A model's entry in the table: everything needed to call it.

    A read-only mapping with all of the entry's keys, including those newer than this package. Those that a call needs
    are attributes as well. Values are copies, so that nothing can change the table that was signed.
    """

    __slots__ = ("_entry",)

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry = entry

    def __getitem__(self, name: str) -> Any:
        return deepcopy(self._entry[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entry)

    def __len__(self) -> int:
        return len(self._entry)

    def __repr__(self) -> str:
        return f"Target({dict(self._entry)!r})"

    @property
    def provider(self) -> str:
        return str(self._entry["provider"])

    @property
    def base_url(self) -> str:
        return str(self._entry["base_url"])

    @property
    def model_name(self) -> str:
        """The provider's id of the model."""
        return str(self._entry["model_name"])

    @property
    def settings(self) -> dict[str, Any]:
        """What goes into the request besides model and messages, such as temperature. `system`, however, is a text that
        goes before the request's own instructions. `chat` puts each in its place."""
        return dict(deepcopy(self._entry["settings"]))

    def chat(self, messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The body of an OpenAI-compatible chat request with these messages, made as Arena made it when the model's
        answers were collected for voting. Add `stream` if you like."""
        settings = self.settings
        system = settings.pop("system", None)
        own = [dict(message) for message in messages]
        if isinstance(system, str) and system.strip():
            # A single system message: many models' templates do not take a second one.
            if own and own[0].get("role") == "system" and isinstance(own[0].get("content"), str):
                own[0]["content"] = f"{system}\n\n{own[0]['content']}"
            else:
                own.insert(0, {"role": "system", "content": system})
        return settings | {"model": self.model_name, "messages": own}

    @property
    def locality(self) -> str:
        """`local` or `hosted`."""
        return str(self._entry["locality"])


@dataclass(frozen=True, slots=True)
class Decision:
    """Which model a request goes to, and why.

    `model` and `fallbacks` are contenders' slugs, in the order in which to ask them. `escalate_to` is asked when an
    answer is not good enough. `unmet` names the caller's budgets that gave way. `stale` means that the table has
    expired and is used as the last good one.
    """

    model: str
    fallbacks: tuple[str, ...]
    escalate_to: str | None
    category: str
    route_id: str
    table_version: int
    reason: str
    unmet: tuple[str, ...] = ()
    stale: bool = False
    _models: Mapping[str, Target] = field(default_factory=dict, repr=False, compare=False)

    @property
    def target(self) -> Target:
        """Where and how to call `model`."""
        return self._models[self.model]

    @property
    def targets(self) -> dict[str, Target]:
        """Where and how to call each model of this decision, in order; `escalate_to` comes last."""
        slugs = (self.model, *self.fallbacks, *((self.escalate_to,) if self.escalate_to else ()))
        return {slug: self._models[slug] for slug in slugs}
