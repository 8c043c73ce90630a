"""A config for Portkey's gateway: conditional by metadata, each target a model with its fallbacks.

`config` is the config itself; each of its targets, one a category, is one as well, for whoever sends it in the
`x-portkey-config` header and knows the category. What a request says of itself, it says in `x-portkey-metadata`.
What the gateway accepts and hands on was read from @portkey-ai/gateway 1.15.2; the tests run it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from arena.ui.wording import listed
from routing.gateways.branches import METADATA, Branch, branches
from routing.gateways.reading import Export, Model, Notes, Place, Table
from routing.policy.schema import CONDITIONS
from routing.publishing.selection import WORKED_OUT

__all__ = ["HANDED_ON", "export"]

# What the gateway hands on of a request in OpenAI's format, and within which bounds; the rest it drops.
HANDED_ON: Mapping[str, tuple[float, float] | None] = dict.fromkeys(
    (
        "audio",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "metadata",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "tool_choice",
        "tools",
        "top_logprobs",
        "user",
        "verbosity",
        "web_search_options",
    )
) | {
    "frequency_penalty": (-2, 2),
    "max_tokens": (0, float("inf")),
    "presence_penalty": (-2, 2),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
_TRUSTED_UNLESS_SAID = {"127.0.0.1", "host.docker.internal", "localhost"}
_PRIVATE = (
    *(".corp", ".home", ".internal", ".intranet", ".invalid", ".lan", ".local", ".localdomain", ".localhost"),
    *(".onion", ".test"),
)
# All headers together, unless Node is told otherwise; some room is for the others.
_NODE_TAKES, _ROOM = 16_384, 2_048
_OTHERS = "any other category"


def export(table: Table) -> Export:
    notes = Notes()
    notes.say(
        f"The gateway does not know that the table expires ({table.document['expires_at']}, "
        f"{table.document['on_expired']}): export again when a version is published."
    )
    unrolled = {category: branches(table, category) for category in (*table.document["categories"], None)}
    written = [branch for made, _ in unrolled.values() for branch in made]
    lost = {route: slugs for _, over in unrolled.values() for route, slugs in over.items()}
    reasons = {slug: _why_not(model) for slug, model in table.models.items()}
    for place in table.places:
        _say_what_is_lost(place, [branch for branch in written if branch.place is place], lost, reasons, notes)
        chosen = table.serving(place)
        if chosen and chosen.escalate_to:
            on = chosen.escalate_to
            notes.say(f"Route {place.route.id}: the gateway never escalates; to go on to {on} is the caller's part.")

    targets = [{"name": category or _OTHERS, **_choice(made, reasons)} for category, (made, _) in unrolled.items()]
    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [
                {"query": {"metadata.category": {"$eq": category}}, "then": category}
                for category in table.document["categories"]
            ],
            "default": _OTHERS,
        },
        "targets": targets,
    }
    asked = sorted({model.slug for branch in written for model in branch.models if not reasons[model.slug]})
    trusted = _say_what_it_must_trust([table.models[slug] for slug in asked], notes)
    _say_what_no_header_takes(targets, notes)
    text = json.dumps(config)
    arena = table.provenance() | {
        "metadata": [name for name in METADATA if f'"metadata.{name}"' in text],
        "environment": table.keys(asked),
        "trusted_custom_hosts": trusted,
        "notes": list(notes),
    }
    # ASCII: the config travels in a header.
    return Export(json.dumps({"arena": arena, "config": config}, indent=2) + "\n", tuple(notes))


def _why_not(model: Model) -> str:
    if model.unreachable:
        return model.unreachable
    host = urlsplit(model.base_url).hostname or ""
    labels = host.split(".")
    if not re.fullmatch(r"[a-z0-9.-]*[a-z0-9-]", host) or len(labels) > 10 or "api.portkey" in model.base_url.lower():
        return f"the gateway refuses its address, {model.base_url}"
    dropped = [name for name in model.settings if name not in HANDED_ON]
    if dropped:
        return f"the gateway drops its setting{'s' if dropped[1:] else ''} {listed(dropped)}"
    bent = [name for name, value in model.settings.items() if not _within(value, HANDED_ON[name])]
    return f"the gateway bends its setting{'s' if bent[1:] else ''} {listed(bent)} to its own bounds" if bent else ""


def _within(value: Any, bounds: tuple[float, float] | None) -> bool:
    return bounds is None or not isinstance(value, int | float) or bounds[0] <= value <= bounds[1]


def _choice(made: Iterable[Branch], reasons: Mapping[str, str]) -> dict[str, Any]:
    """A conditional config without a default: where no branch holds nobody may serve, and the gateway answers 400."""
    conditions, targets = [], {}
    for branch in made:
        target = _target(branch, reasons)
        conditions.append({"query": branch.query, "then": target["name"]})
        targets[target["name"]] = target
    return {"strategy": {"mode": "conditional", "conditions": conditions}, "targets": list(targets.values())}


def _target(branch: Branch, reasons: Mapping[str, str]) -> dict[str, Any]:
    route = branch.place.route
    first, *rest = branch.models
    if reasons[first.slug]:
        # A conditional target without conditions answers 400: better than a model that the table did not choose.
        return {"name": f"{route.id}: refused", **_choice([], reasons)}
    models = [first, *(model for model in rest if not reasons[model.slug])]
    name = f"{route.id}: {' > '.join(model.slug for model in models)}"
    if len(models) == 1:
        return {"name": name, **_asking(first)}
    return {"name": name, "strategy": {"mode": "fallback"}, "targets": [_asking(model) for model in models]}


def _asking(model: Model) -> dict[str, Any]:
    made: dict[str, Any] = {
        # OpenAI's format at whatever address: the only one in which contenders were asked.
        "provider": "openai",
        "custom_host": model.base_url,
        "api_key": f"${{{model.key}}}",
        "override_params": {"model": model.model_name, **model.settings},
    }
    if model.system:
        # As Arena asks: one system message, the contender's own text first.
        prefix = {"prefix": f"{model.system}\n\n", "applyToRole": "system", "addToExisting": True}
        made["input_mutators"] = [{"default.addPrefix": prefix}]
    return made


def _say_what_is_lost(
    place: Place, made: list[Branch], lost: Mapping[str, list[str]], reasons: Mapping[str, str], notes: Notes
) -> None:
    route = place.route
    if place.unknown:
        notes.say(f"Route {route.id} is left out: no caller meets its condition {listed(place.unknown)}.")
        return
    if not made:
        notes.say(f"Route {route.id} is left out: none of its models is shown to meet its own condition.")
        return
    for slug in route.models:
        if reasons[slug]:
            notes.say(f"Contender {slug} is left out: {reasons[slug]}.")
    first = dict.fromkeys(branch.models[0].slug for branch in made)
    behind = dict.fromkeys(
        model.slug for branch in made if not reasons[branch.models[0].slug] for model in branch.models[1:]
    )
    without = [slug for slug in behind if reasons[slug]]
    over = lost.get(route.id, [])
    refused = [slug for slug in first if reasons[slug]]
    if refused:
        notes.say(f"Route {route.id} refuses the requests for which the table chooses {listed(refused)}.")
    if without or over:
        notes.say(f"Route {route.id} goes without its fallbacks {listed([*without, *over])}.")
    facts = {CONDITIONS[name].asks.fact for name in route.when if name in CONDITIONS}
    # A caller says these itself; Arena's own client works them out.
    stated = [fact for fact in WORKED_OUT if fact in facts]
    if stated:
        notes.say(f"Route {route.id} holds only where the caller says {listed(stated)}: the gateway reads no prompt.")
    for model in (model for branch in made for model in branch.models if model.system and not reasons[model.slug]):
        notes.say(f"Contender {model.slug}: an empty line ends its system text, also where the caller sends none.")


def _say_what_it_must_trust(asked: Iterable[Model], notes: Notes) -> list[str]:
    """The gateway refuses a whole config for one address that it does not trust."""
    hosts = {urlsplit(model.base_url).hostname or "" for model in asked}
    private = sorted(host for host in hosts if _is_private(host))
    if set(private) - _TRUSTED_UNLESS_SAID:
        notes.say(f"Start the gateway with TRUSTED_CUSTOM_HOSTS={','.join(private)}, or it refuses the config.")
    return private


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_PRIVATE)


def _say_what_no_header_takes(targets: Iterable[Mapping[str, Any]], notes: Notes) -> None:
    sizes = {target["name"]: len(json.dumps(target, separators=(",", ":"))) for target in targets}
    large = [f"{name} ({size:,} bytes)" for name, size in sizes.items() if size > _NODE_TAKES - _ROOM]
    if large:
        notes.say(
            f"Too large for a header, unless NODE_OPTIONS=--max-http-header-size allows more: {listed(large)}. "
            "A saved config is not limited so."
        )
