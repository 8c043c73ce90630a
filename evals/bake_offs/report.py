"""What a bake-off found, as a document, and in sentences. Pure: from what was measured of two runs and the facts of
their starts.

Figures of two runs stand side by side, over the tasks that both asked, each with its interval; nothing here says that a
difference is real. A figure that is not known is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from arena.ui import numbers
from arena.ui.wording import count, listed, plural
from evals.bake_offs.measurements import Measured, Measurements

__all__ = ["SCHEMA", "Occasion", "VotesNeeded", "document", "not_started", "price_words", "summary"]

SCHEMA = "bake-off-report/v1"
# Contenders named in a sentence; the report's tables have them all.
_MOST_NAMED = 8


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """A round and its run. `unknown_costs` are contenders whose calls have no known price: `spent_usd` leaves them
    out."""

    task_set: str
    n: int
    started_at: datetime
    started_by: str
    run: int
    version: int
    state: str
    reason: str
    finished_at: datetime | None
    tasks: int
    samples: int
    spent_usd: float
    budget_usd: float | None
    unknown_costs: Sequence[str]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class VotesNeeded:
    """`votes` it has in the category, and `more` until its distance to the first is sure; None where that cannot be
    said. `words` says so, and upon what that rests."""

    category: str
    name: str
    votes: int
    more: int | None
    words: str


def document(
    now: Occasion,
    measured: Mapping[str, Measurements],
    *,
    before: Occasion | None,
    measured_before: Mapping[str, Measurements],
    votes: Mapping[str, Sequence[VotesNeeded]],
) -> dict[str, Any]:
    """`measured` are by family, `votes` by the slug of a contender that is new."""
    rows = [
        _contender(measured[family], measured_before.get(family), votes, first=before is None)
        for family in sorted(measured)
    ]
    newcomers = {one["model"]: one for one in now.facts.get("newcomers", ())}
    for row in rows:
        joined = newcomers.get(row["model"])
        row["joined_by_rule"] = joined is not None
        row["model_name"] = joined["model_name"] if joined else None
        row["price"] = now.facts.get("prices", {}).get(row["model"])
    return {
        "schema": SCHEMA,
        "task_set": now.task_set,
        "n": now.n,
        "state": now.state,
        "reason": now.reason,
        "started_at": now.started_at.isoformat(),
        "started_by": now.started_by,
        "finished_at": now.finished_at.isoformat() if now.finished_at else None,
        "run": now.run,
        "version": now.version,
        "tasks": now.tasks,
        "samples": now.samples,
        "before": None
        if before is None
        else {"n": before.n, "run": before.run, "started_at": before.started_at.isoformat(), "version": before.version},
        "cost": {
            "spent_usd": now.spent_usd,
            "budget_usd": now.budget_usd,
            "unknown": sorted(now.unknown_costs),
            "before_usd": before.spent_usd if before else None,
        },
        "contenders": rows,
        "left": _left(measured, measured_before) if before else [],
        "prices": _prices(now.facts, before.facts if before else {}),
        "list": now.facts.get("list"),
        "kept_out": list(now.facts.get("kept_out", ())),
        "kept_out_more": now.facts.get("kept_out_more", 0),
    }


def not_started(*, task_set: str, n: int, started_at: datetime, started_by: str, reason: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "task_set": task_set,
        "n": n,
        "state": "not_started",
        "reason": reason,
        "started_at": started_at.isoformat(),
        "started_by": started_by,
        "finished_at": None,
        "run": None,
        "version": None,
        "tasks": 0,
        "samples": 0,
        "before": None,
        "cost": {"spent_usd": 0.0, "budget_usd": None, "unknown": [], "before_usd": None},
        "contenders": [],
        "left": [],
        "prices": [],
        "list": None,
        "kept_out": [],
        "kept_out_more": 0,
    }


def _contender(
    now: Measurements, before: Measurements | None, votes: Mapping[str, Sequence[VotesNeeded]], *, first: bool
) -> dict[str, Any]:
    both = now.rows.keys() & before.rows.keys() if before else set()
    pairs = [(before.rows[place].passed, now.rows[place].passed) for place in both] if before else []
    return {
        "model": now.slug,
        "new": before is None and not first,
        "was": before.slug if before is not None and before.slug != now.slug else None,
        "all": _measured(now.over()),
        # The same tasks in both.
        "now": _measured(now.over(both)) if both else None,
        "before": _measured(before.over(both)) if before and both else None,
        "lost": pairs.count((True, False)),
        "gained": pairs.count((False, True)),
        "failed": dict(now.failed.most_common()),
        "not_asked": now.not_asked,
        "gone": now.gone,
        "votes": [asdict(one) for one in votes.get(now.slug, ())],
    }


def _measured(measured: Measured | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    return {
        "n": measured.n,
        "success": measured.success,
        "success_rate": measured.success / measured.n,
        "success_ci95": list(measured.success_ci95) if measured.success_ci95 else None,
        "success_basis": measured.basis,
        "latency_ms": asdict(measured.latency_ms),
        "ttft_ms": asdict(measured.ttft_ms),
        "usd": measured.usd,
        "usd_per_success": measured.usd_per_success,
    }


def _left(now: Mapping[str, Measurements], before: Mapping[str, Measurements]) -> list[str]:
    return sorted(before[family].slug for family in before.keys() - now.keys())


_KINDS = ("input", "output", "cached_input", "cache_write", "reasoning")


def _prices(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those in force at the two starts that differ; and those that the provider's list has otherwise than the price in
    force, which nobody has taken over yet."""
    moved = []
    prices, earlier = now.get("prices", {}), before.get("prices", {})
    for model in sorted(prices.keys() & earlier.keys()):
        moved += _differences(model, earlier[model], prices[model], kind="in_force")
    told = (now.get("list") or {}).get("prices", {})
    for model in sorted(told.keys() & prices.keys()):
        # What the list does not say of cached tokens is no price that moved.
        moved += _differences(model, prices[model], told[model], kind="listed", only=("input", "output"))
    return moved


def _differences(
    model: str,
    before: Mapping[str, Any] | None,
    now: Mapping[str, Any] | None,
    *,
    kind: str,
    only: Iterable[str] = _KINDS,
) -> list[dict[str, Any]]:
    found = []
    for name in only:
        was, is_ = (before or {}).get(name), (now or {}).get(name)
        if was != is_:
            found.append(
                {
                    "model": model,
                    "kind": kind,
                    "of": name,
                    "before": was,
                    "now": is_,
                    "before_as_of": (before or {}).get("as_of"),
                    "as_of": (now or {}).get("as_of"),
                    "source": (now or {}).get("where") or (now or {}).get("source"),
                }
            )
    return found


# In sentences


def summary(found: Mapping[str, Any]) -> list[str]:
    """What changed, most important first: for the page, the e-mail and webhooks."""
    if found["state"] == "not_started":
        return [found["reason"]]
    said: list[str] = []
    if found["state"] == "stopped":
        said.append(f"It was stopped before it had asked everything. {found['reason']}".strip())
    said += _newcomers(found)
    said += _gone(found)
    said += _changes(found)
    said += [price_words(one) for one in found["prices"]]
    said.append(_cost(found))
    return said


def _newcomers(found: Mapping[str, Any]) -> list[str]:
    said = []
    rows = found["contenders"]
    joined = [row["model"] for row in rows if row["joined_by_rule"]]
    added = [row["model"] for row in rows if row["new"] and not row["joined_by_rule"]]
    if joined:
        said.append(f"{count(len(joined), 'model')} joined by the rule: {_named(joined)}.")
    if added:
        said.append(f"{count(len(added), 'contender')} {plural(len(added), 'is', 'are')} new: {_named(added)}.")
    for row in rows:
        said += [f"{row['model']} in {one['name']}: {one['words']}" for one in row["votes"][:3]]
    kept = len(found["kept_out"]) + found["kept_out_more"]
    if kept:
        said.append(f"{count(kept, 'model')} did not join; the report says why.")
    looked = found["list"]
    if looked and looked["problem"]:
        said.append(f"{looked['provider']} gave no list of models, so none could join: {looked['problem']}.")
    elif looked and looked["first_look"]:
        said.append(
            f"{looked['provider']} lists {count(looked['models'], 'model')}; those it lists from now on may join."
        )
    return said


def _gone(found: Mapping[str, Any]) -> list[str]:
    said = []
    looked = found["list"]
    if looked and looked["gone"]:
        said.append(f"{_named(looked['gone'])} {plural(len(looked['gone']), 'is', 'are')} no longer listed by "
                    f"{looked['provider']}.")  # fmt: skip
    gone = [row["model"] for row in found["contenders"] if row["gone"]]
    if gone:
        said.append(f"The provider of {_named(gone)} does not know the model: no task was answered.")
    for row in found["contenders"]:
        if row["failed"] and not row["gone"]:
            failed = sum(row["failed"].values())
            said.append(f"{row['model']} failed for good at {count(failed, 'answer')} of {row['all']['n']:,}.")
    if found["left"]:
        said.append(f"Not asked this time: {_named(found['left'])}.")
    return said


def _changes(found: Mapping[str, Any]) -> list[str]:
    rows = [row for row in found["contenders"] if row["before"]]
    if found["before"] is None:
        return ["It was the first time: there is nothing to compare with yet."]
    said = []
    for row in rows:
        if row["lost"] or row["gained"]:
            was, now = row["before"], row["now"]
            said.append(
                f"{row['model']}: {now['success']:,} of {now['n']:,} answers pass, {was['success']:,} last time. "
                f"{row['lost']:,} {plural(row['lost'], 'passes', 'pass')} no longer, {row['gained']:,} newly."
            )
    steady = [row["model"] for row in rows if not (row["lost"] or row["gained"])]
    if steady:
        said.append(f"As last time, task by task: {_named(steady)}.")
    return said


_OF = {
    "input": "tokens in",
    "output": "tokens out",
    "cached_input": "cached tokens",
    "cache_write": "tokens written to the cache",
    "reasoning": "reasoning tokens",
}


def price_words(one: Mapping[str, Any]) -> str:
    was, now = (_price(one[name]) for name in ("before", "now"))
    of = f"A million {_OF[one['of']]} of {one['model']}"
    day = f", as of {one['as_of']}" if one["as_of"] else ""
    if one["kind"] == "listed":
        return f"{of} cost {now} by {one['source']}{day}, and {was} by the price in force."
    return f"{of} cost {now}{day}, and {was} last time."


def _price(value: float | None) -> str:
    return "an unknown price" if value is None else numbers.money(value)


def _cost(found: Mapping[str, Any]) -> str:
    cost = found["cost"]
    words = f"It cost {numbers.money(cost['spent_usd'])}"
    if cost["budget_usd"] is not None:
        words += f" of a budget of {numbers.money(cost['budget_usd'])}"
    if cost["before_usd"] is not None:
        words += f", {numbers.money(cost['before_usd'])} last time"
    if cost["unknown"]:
        words += f"; what {_named(cost['unknown'])} cost is not known and not counted"
    return f"{words}."


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return listed([*names[:_MOST_NAMED], f"{more:,} more"]) if more > 0 else listed(list(names))
