"""A table's document as its page shows it, and what publishing would do to it: cards, chips, changes, contests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from arena.ui.wording import count, listed, money
from routing.decisions.candidates import CandidateStatus, Place, candidate_statuses
from routing.decisions.gate import RouteDecision
from routing.decisions.history import PendingApproval
from routing.decisions.plan import DEFAULT
from routing.decisions.planner import CategoryDecision
from routing.policy.describe import ChangeGroup, ChangeRow, Chip, chips
from routing.publishing import queries
from routing.publishing.diff import Change, diff
from routing.publishing.publisher import PublishResult

__all__ = [
    "Card",
    "Contest",
    "ForeseenCategory",
    "Row",
    "cards",
    "change_groups",
    "foreseen",
    "names",
    "row",
    "waiting_in",
]

_OUT, _IN = "out", "in"
# The groups of a diff that are no category.
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
    """Every slug a reason may name: set in the mono face."""
    return list(document["models"])


def expires(document: Mapping[str, Any]) -> str:
    """What clients do once it has expired."""
    return _ON_EXPIRED[document["on_expired"]]


def cards(document: Mapping[str, Any], titles: Mapping[str, str]) -> list[Card]:
    """By the categories' names; the default's routes last, if there are any."""
    version = document["version"]
    made = [_card(slug, entry, titles.get(slug, slug), version) for slug, entry in document["categories"].items()]
    made.sort(key=lambda card: card.name.lower())
    default = document["default"]["routes"]
    if default:
        badge, kind = _since(default, version)
        everything = "Categories not named here, and requests no route above serves."
        made.append(Card("", _GROUPS[DEFAULT], everything, badge, kind, tuple(map(row, default))))
    return made


def _card(slug: str, entry: Mapping[str, Any], name: str, version: int) -> Card:
    board = entry["leaderboard"]
    votes = "No votes yet"
    if board:
        votes = f"{count(board['votes'], 'vote')}, {count(board['reviewers'], 'reviewer')}"
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


class Contest(NamedTuple):
    """One route with every contender before it; `row` is None where it is left out of the table."""

    id: str
    chips: list[Chip]
    decision: RouteDecision
    row: Row | None
    standings: list[CandidateStatus]

    @property
    def told(self) -> str:
        """`5 contenders: 1 first, 2 fallbacks, 2 kept out`."""
        places = Counter(one.place for one in self.standings)
        words = [f"{places[place]} {_PLACES[place]}" for place in _PLACES if places[place]]
        return f"{count(len(self.standings), 'contender')}: {listed(words)}"


_PLACES: Mapping[Place, str] = {
    "first": "first",
    "fallback": "behind it",
    "escalation": "to escalate to",
    "free": "free to be routed",
    "out": "kept out",
}


class ForeseenCategory(NamedTuple):
    """What would become of a category; `slug` is empty for the table's default. `rows` are its routes where they come
    of no contest: a rollback's."""

    slug: str
    name: str
    decision: RouteDecision
    contests: list[Contest]
    rows: list[Row]


def foreseen(result: PublishResult, titles: Mapping[str, str]) -> dict[str, Any]:
    """What publishing would do, for `_preview.html`: every route with every contender, and the difference."""
    now = queries.table()
    document = result.document or {"categories": {}, "default": {"routes": []}}
    changes = diff(now.document if now else None, result.document) if result.document and result.cause else []
    return {
        "result": result,
        "next": (result.version or 0) + 1,
        "outcomes": [
            ForeseenCategory(
                one.category,
                titles.get(one.category, one.category),
                one.decision,
                _contests(one),
                [] if one.asked else [row(route) for route in _routes_of(document, one.category)],
            )
            for one in result.decisions
        ],
        "everything_else": [row(route) for route in document["default"]["routes"]],
        "groups": change_groups(changes, titles, {}) if now else [],
        "names": sorted({slug for one in result.decisions for asked in one.asked for slug in asked.question.entrants}),
    }


def _routes_of(document: Mapping[str, Any], category: str) -> list[Mapping[str, Any]]:
    routes: list[Mapping[str, Any]] = document["categories"].get(category, {}).get("routes", [])
    return routes


def _contests(decided: CategoryDecision) -> list[Contest]:
    return [
        Contest(
            asked.id,
            chips(asked.question.route.when.as_dict()),
            asked.decision,
            row(asked.route.as_dict(0)) if asked.route else None,
            candidate_statuses(asked),
        )
        for asked in decided.asked
    ]


def waiting_in(decisions: Iterable[CategoryDecision]) -> list[PendingApproval]:
    """What a person may approve of, as of this look."""
    return [
        PendingApproval(one.category, route_id, decision.before, decision.proposes, decision.reason)
        for one in decisions
        for route_id, decision in one.routes.items()
        if decision.proposes is not None
    ]
