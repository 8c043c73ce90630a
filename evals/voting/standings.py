"""The newest standings of categories, parsed once and cached: parsing one costs more than the rest of a page."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from threading import Lock

from django.db.models import OuterRef, Subquery

from evals.models import Category, Leaderboard
from evals.ratings import Standings

__all__ = ["newest_standings", "newest_standings_of", "standings_of"]

# Leaderboards are immutable, so a parsed one stays valid. The rest distinguishes equal ids of two databases.
_Key = tuple[int, str, str, datetime]
_MOST = 128
_parsed: dict[_Key, Standings] = {}
_lock = Lock()


def newest_standings(category: Category) -> Standings | None:
    """Of the newest leaderboard; None before the first. One query, two if it is not cached."""
    return newest_standings_of([category.pk]).get(category.pk)


def newest_standings_of(categories: Collection[int]) -> dict[int, Standings]:
    """By category; those without a leaderboard are missing. One query, two if some are not cached."""
    # Read from the categories, since there is a leaderboard for every ranking ever made.
    newest = Leaderboard.objects.filter(category=OuterRef("pk")).order_by("-seq", "-revision", "-pk")
    ids = Category.with_dimensions.filter(pk__in=categories).values(newest=Subquery(newest.values("pk")[:1]))
    rows = Leaderboard.objects.filter(pk__in=ids).order_by()
    keys: dict[int, _Key] = {
        category: (pk, digest, params, at)
        for category, pk, digest, params, at in rows.values_list(
            "category_id", "pk", "digest", "params_digest", "computed_at"
        )
    }
    known = _read(keys.values())
    return {category: known[key] for category, key in keys.items()}


def standings_of(leaderboards: Iterable[Leaderboard]) -> dict[int, Standings]:
    """By leaderboard's id, of rows whose `result` may be deferred. A query if some are not cached."""
    keys = {one.pk: (one.pk, one.digest, one.params_digest, one.computed_at) for one in leaderboards}
    known = _read(keys.values())
    return {pk: known[key] for pk, key in keys.items()}


def _read(keys: Collection[_Key]) -> dict[_Key, Standings]:
    with _lock:
        known = {key: _parsed[key] for key in keys if key in _parsed}
    unseen = {key[0]: key for key in keys if key not in known}
    if unseen:
        results = Leaderboard.objects.filter(pk__in=unseen).values_list("pk", "result").order_by()
        known |= _keep({unseen[pk]: Standings.from_json(result) for pk, result in results})
    return known


def _keep(read: dict[_Key, Standings]) -> dict[_Key, Standings]:
    """Evicts the oldest entries."""
    with _lock:
        _parsed.update(read)
        for key in list(_parsed)[:-_MOST]:
            del _parsed[key]
    return read
