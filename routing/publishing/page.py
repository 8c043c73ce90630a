"""A table's document as its page shows it, and what publishing would do to it: cards, chips, changes, candidates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from arena.ui.wording import count, describe_votes, listed, money
from routing.decisions.candidates import CandidateStatus, Place, candidate_statuses
from routing.decisions.gate import RouteDecision
from routing.decisions.plan import DEFAULT
from routing.decisions.planner import CategoryDecision
from routing.policy.describe import ChangeGroup, ChangeRow, Chip, chips
from routing.publishing import queries
from routing.publishing.diff import Change, diff
from routing.publishing.publisher import PublishResult
from routing.publishing.summaries import address_notice, price_notice

__all__ = [
    "Card",
    "CategoryPreview",
    "RoutePreview",
    "Row",
    "cards",
    "change_groups",
    "expires",
    "names",
    "preview_context",
    "row",
]

_OUT, _IN = "out", "in"
# The groups of a diff that are not categories.
_GROUPS = {DEFAULT: "Everything else", "models": "Contenders", "policy": "Policy", "on_expired": "When it expires"}
_ON_EXPIRED = {
    "use_last_good": "clients keep the last good table",
    "use_default": "clients use the default routes only",
    "refuse": "clients refuse to route",
}


@dataclass(frozen=True)
class Row:
    """One route, read as a client does: when, first, else, then, escalate to."""

    id: str
    chips: tuple[Chip, ...]
    first: str
    rest: tuple[tuple[str, str], ...]
    up: str | None
    reason: str


@dataclass(frozen=True)
class Card:
    """A category's routes. `slug` is empty for the table's default, which has no leaderboard; `evidence` is the
    address of the one the routes rest on."""

    slug: str
    name: str
    votes: str
    badge: str
    badge_kind: str
    rows: tuple[Row, ...]
    evidence: str = ""


def names(document: Mapping[str, Any]) -> list[str]:
    """Every slug that a reason may name, which pages set in the mono face."""
    return list(document["models"])


def expires(document: Mapping[str, Any]) -> str:
    """What clients do once it has expired."""
    return _ON_EXPIRED[document["on_expired"]]


def cards(document: Mapping[str, Any], titles: Mapping[str, str]) -> list[Card]:
    """By the categories' names; the default's routes last, if there are any."""
    version = document["version"]
    found = [_card(slug, entry, titles.get(slug, slug), version) for slug, entry in document["categories"].items()]
    found.sort(key=lambda card: card.name.lower())
    default = document["default"]["routes"]
    if default:
        badge, kind = _since(default, version)
        everything = "Categories not named here, and requests no route above serves."
        found.append(Card("", _GROUPS[DEFAULT], everything, badge, kind, tuple(map(row, default))))
    return found


def _card(slug: str, entry: Mapping[str, Any], name: str, version: int) -> Card:
    board = entry["leaderboard"]
    votes = "No votes yet"
    if board:
        # Tables published before this was counted do not say how many votes compare.
        compared = board.get("votes_compared", board["votes"])
        votes = describe_votes(board["votes"], compared, board["reviewers"])
    badge, kind = _since(entry["routes"], version)
    if entry["basis"] == "default":
        badge, kind = "default", "warn"
    elif entry["basis"] == "pin":
        badge, kind = "pinned", "data"
    return Card(slug, name, votes, badge, kind, tuple(map(row, entry["routes"])), board["url"] if board else "")


def _since(routes: Iterable[Mapping[str, Any]], version: int) -> tuple[str, str]:
    newest = max(route["since_version"] for route in routes)
    return (f"changed in {version}", "live") if newest == version else (f"since {newest}", "")


def row(route: Mapping[str, Any]) -> Row:
    """Of a route as the document has it."""
    words = ["else", *["then"] * len(route["fallbacks"])]
    return Row(
        id=route["id"],
        chips=tuple(chips(route["when"])),
        first=route["primary"],
        rest=tuple(zip(words, route["fallbacks"], strict=False)),
        up=route.get("escalate_to"),
        reason=route["reason"],
    )


def change_groups(
    changes: Iterable[Change], titles: Mapping[str, str], causes: Mapping[str, str], otherwise: str = ""
) -> list[ChangeGroup]:
    """Minus and plus rows for each group, its cause in words under it; `otherwise` where it has none of its own."""
    rows: dict[str, list[ChangeRow]] = {}
    for change in changes:
        label = _label(change)
        group = rows.setdefault(change.group, [])
        if change.before not in (None, []):
            group.append(ChangeRow(_OUT, label, _value(change, change.before)))
        if change.after not in (None, []):
            group.append(ChangeRow(_IN, label, _value(change, change.after)))
    return [
        ChangeGroup(_GROUPS.get(name) or titles.get(name, name), tuple(found), causes.get(name, otherwise))
        for name, found in rows.items()
    ]


def _label(change: Change) -> str:
    if change.group in ("policy", "on_expired"):
        return "rules" if change.group == "policy" else "then"
    if change.group == "models":
        return change.where
    field = change.field.replace("_", " ")
    return field if change.where in (change.group, "") else f"{change.where}: {field}"


def _value(change: Change, value: Any) -> str:
    written = {
        "when": lambda: listed([chip.text for chip in chips(value)]) or "always",
        "usd_per_mtok": lambda: f"{money(value['input'])} in, {money(value['output'])} out per million tokens",
        "policy": lambda: f"policy {value['version']}",
        "on_expired": lambda: _ON_EXPIRED.get(value, str(value)),
        "model": lambda: f"in the table, as {value}",
    }
    if change.field in written:
        return written[change.field]()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if change.group != "models" else f"{change.field.replace('_', ' ')} {text}"


_PLACES: Mapping[Place, str] = {
    "first": "first",
    "fallback": "behind it",
    "escalation": "to escalate to",
    "free": "free to be routed",
    "out": "kept out",
}


@dataclass(frozen=True)
class RoutePreview:
    """One route as it would be, with every contender before it."""

    id: str
    decision: RouteDecision

    @property
    def chips(self) -> list[Chip]:
        question = self.decision.question
        return chips(question.route_rules.when.as_dict()) if question else []

    @property
    def row(self) -> Row | None:
        """None where the route is left out of the table."""
        return row(self.decision.route.as_dict(0)) if self.decision.route else None

    @cached_property
    def candidates(self) -> list[CandidateStatus]:
        return candidate_statuses(self.decision)

    @property
    def candidate_count(self) -> str:
        """`5 contenders: 1 first, 2 behind it, 2 kept out`."""
        places = Counter(one.place for one in self.candidates)
        parts = [f"{places[place]} {words}" for place, words in _PLACES.items() if places[place]]
        return f"{count(len(self.candidates), 'contender')}: {listed(parts)}"


class CategoryPreview(NamedTuple):
    """A category as it would be. `rows` are its routes in the table where none was decided on: a rollback's."""

    slug: str
    name: str
    decision: RouteDecision
    routes: list[RoutePreview]
    rows: list[Row]


def preview_context(result: PublishResult, titles: Mapping[str, str]) -> dict[str, Any]:
    """What publishing would do, for `_preview.html`: every route with every contender, and the difference."""
    now = queries.table()
    document = result.document or {"categories": {}, "default": {"routes": []}}
    changes = diff(now.document if now else None, result.document) if result.document and result.cause else []
    questions = [route.question for one in result.decisions for route in one.routes.values()]
    return {
        "result": result,
        "next": (result.version or 0) + 1,
        "outcomes": [_category_preview(one, document, titles) for one in result.decisions],
        "everything_else": [row(route) for route in document["default"]["routes"]],
        "groups": change_groups(changes, titles, {}) if now else [],
        "address_notice": address_notice(result.document) if result.document else "",
        "price_notice": price_notice(result.document) if result.document else "",
        "names": sorted({slug for question in questions if question for slug in question.candidates}),
    }


def _category_preview(
    decision: CategoryDecision, document: Mapping[str, Any], titles: Mapping[str, str]
) -> CategoryPreview:
    slug = decision.category
    planned = [] if decision.routes else document["categories"].get(slug, {}).get("routes", [])
    return CategoryPreview(
        slug,
        titles.get(slug, slug),
        decision.decision,
        [RoutePreview(route_id, one) for route_id, one in decision.routes.items()],
        [row(route) for route in planned],
    )
