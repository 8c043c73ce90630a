"""Request bodies for OpenRouter, one a route, to which a caller adds its messages.

Only contenders that were asked at OpenRouter can stand in one: the same model elsewhere is another contender, which
nobody voted on. A body has one set of settings for all its models.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from arena.ui.wording import listed
from routing.gateways.named import Named, by_name
from routing.gateways.reading import Export, Model, Notes, Table

__all__ = ["export"]

_HOST = "openrouter.ai"
# OpenRouter refuses a request with more: "'models' array must have 3 items or fewer".
_MODELS = 3
# Settings that would choose a model besides `models`.
_CHOOSE = ("models", "route", "preset")


def export(table: Table) -> Export:
    notes = Notes()
    notes.say(
        f"OpenRouter does not know that the table expires ({table.document['expires_at']}, "
        f"{table.document['on_expired']}): export again when a version is published."
    )
    routes = list(by_name(table, _why_not, notes))
    presets = {named.id: _body(named, notes) for named in routes}
    for named in routes:
        _say_what_bodies_cannot(named, notes)
    notes.say(
        "OpenRouter filters no models by a request's needs, budgets or locality, and is hosted: "
        "no request that must stay local may use it."
    )
    document = {
        "arena": table.provenance()
        | {
            "routes": {
                named.id: {"category": named.place.category, "when": dict(named.place.route.when)} for named in routes
            },
            "notes": list(notes),
        },
        "presets": presets,
    }
    return Export(json.dumps(document, indent=2, ensure_ascii=False) + "\n", tuple(notes))


def _why_not(model: Model) -> str:
    if model.unreachable:
        return model.unreachable
    if urlsplit(model.base_url).hostname != _HOST:
        return f"it is asked at {model.provider}, and an OpenRouter id of it is not known"
    if model.local:
        return "it counts as local, and OpenRouter is hosted"
    chosen = [name for name in _CHOOSE if name in model.settings]
    return f"its own settings choose models ({listed(chosen)})" if chosen else ""


def _body(named: Named, notes: Notes) -> dict[str, Any]:
    first, *rest = named.models
    alike = [model for model in rest if model.settings == first.settings and model.system == first.system]
    other = [model.slug for model in rest if model not in alike]
    if other:
        notes.say(
            f"Route {named.id} goes without {listed(other)}: a body has one set of settings, and theirs "
            f"differ from {first.slug}'s."
        )
    kept = [first, *alike]
    if kept[_MODELS:]:
        over = listed([model.slug for model in kept[_MODELS:]])
        notes.say(f"Route {named.id} goes without {over}: OpenRouter takes {_MODELS} models at most.")
    body: dict[str, Any] = {"models": [model.model_name for model in kept[:_MODELS]], **first.settings}
    if first.system:
        body["messages"] = [{"role": "system", "content": first.system}]
    return body


def _say_what_bodies_cannot(named: Named, notes: Notes) -> None:
    if named.place.condition:
        notes.say(f"Route {named.id}: OpenRouter does not test its condition ({named.place.condition}); callers do.")
    if named.models[0].system:
        notes.say(
            f"Route {named.id}: {named.models[0].slug} has a system text; messages go behind it, not in its place."
        )
    if named.escalate_to:
        on = named.escalate_to.slug
        notes.say(f"Route {named.id}: OpenRouter never escalates; to go on to {on} is the caller's part.")
