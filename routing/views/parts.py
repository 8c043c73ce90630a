"""What several of routing's pages show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from routing import selectors
from routing.decided import Waiting
from routing.deciding.gate import Verdict
from routing.deciding.planning import CategoryVerdict
from routing.deciding.standing import Place, Standing, standings_of
from routing.publishing import PublishResult
from routing.showing.chips import Chip, chips
from routing.showing.pages import Row, change_groups, row
from routing.tables.comparing import diff
from routing.wording import count, listed

__all__ = ["Contest", "Outcome", "foreseen", "waiting_in"]


class Contest(NamedTuple):
    """One route with every contender before it; `row` is None where it is left out of the table."""

    id: str
    chips: list[Chip]
    verdict: Verdict
    row: Row | None
    standings: list[Standing]

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


class Outcome(NamedTuple):
    """What would become of a category; `slug` is empty for the table's default. `rows` are its routes where they come
    of no contest: a rollback's."""

    slug: str
    name: str
    verdict: Verdict
    contests: list[Contest]
    rows: list[Row]


def foreseen(result: PublishResult, titles: Mapping[str, str]) -> dict[str, Any]:
    """What publishing would do, for `routing/_outcome.html`: every route with every contender, and the difference."""
    now = selectors.table()
    document = result.document or {"categories": {}, "default": {"routes": []}}
    changes = diff(now.document if now else None, result.document) if result.document and result.cause else []
    return {
        "result": result,
        "next": (result.version or 0) + 1,
        "outcomes": [
            Outcome(
                one.category,
                titles.get(one.category, one.category),
                one.verdict,
                _contests(one),
                [] if one.asked else [row(route) for route in _routes(document, one.category)],
            )
            for one in result.decisions
        ],
        "everything_else": [row(route) for route in document["default"]["routes"]],
        "groups": change_groups(changes, titles, {}) if now else [],
        "names": sorted({slug for one in result.decisions for asked in one.asked for slug in asked.question.entrants}),
    }


def _routes(document: Mapping[str, Any], category: str) -> list[Mapping[str, Any]]:
    routes: list[Mapping[str, Any]] = document["categories"].get(category, {}).get("routes", [])
    return routes


def _contests(decided: CategoryVerdict) -> list[Contest]:
    return [
        Contest(
            asked.id,
            chips(asked.question.route.when.as_dict()),
            asked.verdict,
            row(asked.route.as_dict(0)) if asked.route else None,
            standings_of(asked),
        )
        for asked in decided.asked
    ]


def waiting_in(decisions: Iterable[CategoryVerdict]) -> list[Waiting]:
    """What a person may approve of, as of this look."""
    return [
        Waiting(one.category, route_id, verdict.before, verdict.proposes, verdict.reason)
        for one in decisions
        for route_id, verdict in one.routes.items()
        if verdict.proposes is not None
    ]
