"""A config.yaml for the LiteLLM proxy, by its documented fields alone: that package is never depended on.

The proxy chooses by name. Each route is a `model_name`, its id; each fallback and each model to escalate to is one,
`contender/<slug>`, which has no fallbacks of its own: what a route falls back to is in the route's list and nowhere
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import yaml

from arena.ui.wording import listed
from routing.gateways.named import Named, by_name
from routing.gateways.reading import Export, Model, Notes, Table

__all__ = ["export"]

# Settings that go among `litellm_params`; the proxy's documentation lists them as OpenAI's. Any other goes into
# `extra_body`, where the proxy hands it on untouched: among its own parameters it might mean something else.
_OPENAI = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "n",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    }
)
_FALLBACKS_UNLESS_SAID = 5


def export(table: Table) -> Export:
    notes = Notes()
    notes.say(
        f"LiteLLM does not know that the table expires ({table.document['expires_at']}, "
        f"{table.document['on_expired']}): export again when a version is published."
    )
    routes = list(by_name(table, _why_not, notes))
    escalations = _escalations(routes, notes)
    _say_what_names_cannot(routes, notes)
    behind = [model for named in routes for model in named.models[1:]] + escalations
    entries = [_entry(table, named.id, named.models[0], route=named.id) for named in routes]
    entries += [_entry(table, _name(model), model) for model in sorted(set(behind), key=lambda one: one.slug)]
    config: dict[str, Any] = {"model_list": entries}
    fallbacks = [{named.id: [_name(model) for model in named.models[1:]]} for named in routes if named.models[1:]]
    if fallbacks:
        config["router_settings"] = {"fallbacks": fallbacks}
        longest = max(len(models) for one in fallbacks for models in one.values())
        if longest > _FALLBACKS_UNLESS_SAID:
            config["router_settings"]["max_fallbacks"] = longest
    written = yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    asked = {model for named in routes for model in named.models} | set(behind)
    return Export("\n".join([*_head(table, routes, asked, notes), written]), tuple(notes))


class _Dumper(yaml.SafeDumper):
    """Writes what is named twice twice: anchors are for programs."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _name(model: Model) -> str:
    return f"contender/{model.slug}"


def _why_not(model: Model) -> str:
    if model.unreachable:
        return model.unreachable
    if model.system:
        return "a config.yaml cannot put its system text before the caller's messages"
    sent = (model.model_name, model.base_url, model.settings)
    if any(text.startswith("os.environ/") for text in _texts(sent)):
        return "LiteLLM would read a variable of its own environment into what it sends, and Arena did not"
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _escalations(routes: Iterable[Named], notes: Notes) -> list[Model]:
    made = []
    for named in routes:
        model = named.escalate_to
        if model is None:
            continue
        reason = _why_not(model)
        if reason:
            notes.say(f"Contender {model.slug} is left out: {reason}.")
        else:
            made.append(model)
        call = "" if reason else f", by calling {_name(model)}"
        notes.say(f"Route {named.id}: LiteLLM never escalates; to go on to {model.slug} is the caller's part{call}.")
    return made


def _say_what_names_cannot(routes: list[Named], notes: Notes) -> None:
    for named in routes:
        if named.place.condition:
            notes.say(f"Route {named.id}: LiteLLM does not test its condition ({named.place.condition}); callers do.")
    local = listed([named.id for named in routes if named.local]) or "none"
    notes.say(
        "LiteLLM filters no models by a request's needs, budgets or locality. "
        f"For requests that must stay local, these routes alone are safe: {local}."
    )


def _entry(table: Table, name: str, model: Model, *, route: str | None = None) -> dict[str, Any]:
    extra = {key: value for key, value in model.settings.items() if key not in _OPENAI}
    params = {
        # OpenAI's format at whatever address: the only one in which contenders were asked.
        "model": f"openai/{model.model_name}",
        "api_base": model.base_url,
        "api_key": f"os.environ/{model.key}",
        **{key: value for key, value in model.settings.items() if key in _OPENAI},
    }
    if extra:
        params["extra_body"] = extra
    return {"model_name": name, "litellm_params": params, "model_info": _info(table, model, route)}


def _info(table: Table, model: Model, route: str | None) -> dict[str, Any]:
    """An unknown price is left out: 0 would count as free."""
    costs = {
        f"{side}_cost_per_token": float(Decimal(str(price)) / 1_000_000)
        for side, price in model.entry["usd_per_mtok"].items()
        if price is not None
    }
    known = {"max_input_tokens": model.entry["context_tokens"]} if model.entry["context_tokens"] else {}
    whose = {"arena_route": route} if route else {}
    return {
        "mode": "chat",
        **costs,
        **known,
        "supports_function_calling": "tools" in model.capabilities,
        "supports_vision": "vision" in model.capabilities,
        "arena_table_version": table.version,
        **whose,
        "arena_contender": model.slug,
    }


def _head(table: Table, routes: list[Named], asked: set[Model], notes: Notes) -> list[str]:
    made = table.provenance()
    names = [
        f"  {named.id}: {named.place.category or 'any other category'}, {named.place.condition or 'always'}"
        for named in routes
    ]
    keys = [f"  {name} ({provider})" for name, provider in table.keys(model.slug for model in asked).items()]
    lines = [
        f"Arena's routing table {made['version']}, for the LiteLLM proxy.",
        f"table {made['table']}",
        f"decisions {made['decision_digest']}",
        f"published {made['published_at']}, expires {made['expires_at']}",
        "",
        "Routes, each a model_name:",
        *(names or ["  none"]),
        "",
        "Keys come from the environment (any text where a server asks for none):",
        *(keys or ["  none"]),
        "",
        "What this file cannot say:",
        *(f"  {note}" for note in notes),
    ]
    return ["\n".join(f"# {_one_line(line)}".rstrip() for line in lines), ""]


def _one_line(text: str) -> str:
    """A comment ends with its line, and YAML knows more ends of lines than one."""
    return "".join(char if char.isprintable() else " " for char in text)
