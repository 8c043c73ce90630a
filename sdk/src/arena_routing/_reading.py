"""Reading a table's document with the place in hand, so that a refusal can name the field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

from arena_routing._errors import Refused

__all__ = ["Place", "read"]


def read(body: bytes) -> Place:
    """The document of these bytes. Raises Refused for what is no JSON object."""
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(f"It is no JSON document ({error}).") from None
    place = Place(document, "")
    place.entries()
    return place


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


class Place:
    """A value, and where in the document it stands. Every method raises Refused with that place if the value is of
    another kind than asked for."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def __getitem__(self, name: str) -> Place:
        found = self.get(name)
        return found if found is not None else self._refuse(f"lacks {name}")

    def get(self, name: str) -> Place | None:
        value = self.mapping().get(name)
        return None if value is None else Place(value, f"{self.path}.{name}" if self.path else name)

    def mapping(self) -> Mapping[str, Any]:
        return self.value if isinstance(self.value, dict) else self._refuse("is no object")

    def entries(self) -> Iterator[tuple[str, Place]]:
        return ((name, self[name]) for name in self.mapping())

    def items(self) -> list[Place]:
        if not isinstance(self.value, list):
            self._refuse("is no list")
        return [Place(value, f"{self.path}[{at}]") for at, value in enumerate(self.value)]

    def text(self) -> str:
        return self.value if isinstance(self.value, str) else self._refuse("is no text")

    def one_of(self, *names: str) -> str:
        text = self.text()
        return text if text in names else self._refuse(f"is {text!r}, not one of {', '.join(names)}")

    def whole(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self._refuse("is no whole number")
        return self.value

    def number(self) -> float:
        value = self.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < math.inf:
            self._refuse("is no number")
        return value

    def moment(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text())
        except ValueError:
            self._refuse("is no time")
        return moment if moment.tzinfo is not None else self._refuse("has no time zone")

    def _refuse(self, what: str) -> NoReturn:
        raise Refused(f"{self.path or 'Its document'} {what}.")
