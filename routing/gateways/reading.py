"""What every export reads of a table: its routes in the order they are asked, whom they send to, names of keys."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from routing.decisions.plan import Route
from routing.policy.describe import chips
from routing.policy.schema import BUDGETS, CONDITIONS
from routing.publishing.selection import Ask, NoEligibleModel, Selection, select

__all__ = ["Export", "Model", "Notes", "Place", "Table"]

# Arena sets these itself in each request, whatever a contender's settings say.
_OURS = frozenset({"model", "messages", "stream", "stream_options", "system"})


@dataclass(frozen=True)
class Export:
    """`notes`: what the text cannot say of the table, a sentence each; the text holds them too."""

    text: str
    notes: tuple[str, ...]


class Notes:
    """Sentences in the order they were found, each once."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def say(self, sentence: str) -> None:
        self._sentences.setdefault(sentence)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)


@dataclass(frozen=True, eq=False)
class Model:
    """A contender of the table, equal to itself alone. `system` goes before a request's own instructions, or is ""."""

    slug: str
    provider: str
    model_name: str
    base_url: str
    local: bool
    capabilities: frozenset[str]
    settings: Mapping[str, Any]
    system: str
    key: str
    entry: Mapping[str, Any]

    @property
    def unreachable(self) -> str:
        """Why no gateway can ask it; "" if one can."""
        return "" if self.base_url else "no address is known at which it speaks chat completions"


@dataclass(frozen=True)
class Place:
    """A route and the category it is written under; None is the table's default."""

    category: str | None
    route: Route

    @property
    def condition(self) -> str:
        """`first token ≤ 500 ms, needs tools`, or "" where it always holds."""
        return ", ".join(chip.text for chip in chips(self.route.when))

    @property
    def unknown(self) -> list[str]:
        """Conditions that this version does not know; no request meets them."""
        return sorted(set(self.route.when) - set(CONDITIONS))


@dataclass(frozen=True)
class Table:
    document: Mapping[str, Any]
    sha256: str
    models: Mapping[str, Model] = field(repr=False)

    @classmethod
    def of(cls, body: bytes) -> Table:
        document = json.loads(body)
        keys = _key_names({entry["provider"] for entry in document["models"].values()})
        models = {slug: _model(slug, entry, keys) for slug, entry in document["models"].items()}
        return cls(document, hashlib.sha256(body).hexdigest(), models)

    @property
    def version(self) -> int:
        return int(self.document["version"])

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every route: each category's, then the default's."""
        found = [
            Place(category, Route.of(route))
            for category, entry in self.document["categories"].items()
            for route in entry["routes"]
        ]
        return (*found, *self.default)

    @cached_property
    def default(self) -> tuple[Place, ...]:
        return tuple(Place(None, Route.of(route)) for route in self.document["default"]["routes"])

    def evidence(self, category: str | None) -> Sequence[Mapping[str, Mapping[str, Any]]]:
        """What was measured of each model: the category's, then the pooled."""
        asked = [self.document["categories"][category]] if category is not None else []
        return [{one["model"]: one for one in entry["candidates"]} for entry in (*asked, self.document["default"])]

    def serving(self, place: Place) -> Selection | None:
        """What the table would choose for a request that says what `when` says and nothing else. None: nobody."""
        when = place.route.when
        ask = Ask(
            category=place.category or "",
            needs=frozenset(when.get("needs", ())),
            local_only=bool(when.get("local_only")),
            **{CONDITIONS[name].asks.fact: when.get(name) for name in BUDGETS},
        )
        alone = [place.route.decided() | {"when": {}}]
        default = self.document["default"]
        table = dict(self.document) | {"categories": {}, "default": {**default, "routes": alone}}
        if place.category is not None:
            category = {**self.document["categories"][place.category], "routes": alone}
            table |= {"categories": {place.category: category}, "default": {**default, "routes": []}}
        try:
            return select(table, ask)
        except NoEligibleModel:
            return None

    def provenance(self) -> dict[str, Any]:
        """Which table this is."""
        names = ("version", "decision_digest", "published_at", "expires_at", "on_expired")
        return {"table": f"sha256:{self.sha256}"} | {name: self.document[name] for name in names}

    def keys(self, slugs: Iterable[str]) -> dict[str, str]:
        """Environment variable to provider, for these models."""
        used = {self.models[slug].key: self.models[slug].provider for slug in slugs}
        return dict(sorted(used.items()))


def _model(slug: str, entry: Mapping[str, Any], keys: Mapping[str, str]) -> Model:
    settings = entry["settings"]
    system = settings.get("system")
    return Model(
        slug=slug,
        provider=entry["provider"],
        model_name=entry["model_name"],
        base_url=entry["base_url"].rstrip("/"),
        local=entry["locality"] == "local",
        capabilities=frozenset(entry["capabilities"]),
        settings={name: value for name, value in settings.items() if name not in _OURS},
        system=system if isinstance(system, str) and system.strip() else "",
        key=keys[entry["provider"]],
        entry=entry,
    )


def _key_names(providers: set[str]) -> dict[str, str]:
    """`lm-studio` has its key in LM_STUDIO_API_KEY. Where two providers would share a name, both get one of their
    own: a key must never reach another's server."""
    # No shell sets a variable that begins with a digit.
    plain = {slug: re.sub(r"^(?=\d)|[^A-Z0-9]", "_", slug.upper()) + "_API_KEY" for slug in sorted(providers)}
    shared = Counter(plain.values())
    return {
        slug: name if shared[name] == 1 else f"{name}_{hashlib.sha256(slug.encode()).hexdigest()[:8].upper()}"
        for slug, name in plain.items()
    }
