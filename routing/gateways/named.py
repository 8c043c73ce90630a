"""For gateways that choose by name alone: each route under its id, with the models that serve it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from arena.ui.wording import listed
from routing.gateways.reading import Model, Notes, Place, Table

__all__ = ["Named", "by_name"]


@dataclass(frozen=True)
class Named:
    """A route that can be asked for by its id. `models`: the first is asked, the rest are its fallbacks. `escalate_to`
    may serve what the route may, or is None."""

    place: Place
    models: tuple[Model, ...]
    escalate_to: Model | None

    @property
    def id(self) -> str:
        return self.place.route.id

    @property
    def local(self) -> bool:
        return all(model.local for model in self.models)


def by_name(table: Table, why_not: Callable[[Model], str], notes: Notes) -> Iterator[Named]:
    """`why_not` says why a model cannot be asked there, "" if it can. A route without its first choice is left out: it
    would send requests where the table does not. Whatever is left out is told."""
    for place in table.places:
        route = place.route
        if place.unknown:
            notes.say(f"Route {route.id} is left out: no caller meets its condition {listed(place.unknown)}.")
            continue
        chosen = table.serving(place)
        if chosen is None:
            notes.say(f"Route {route.id} is left out: none of its models is shown to meet its own condition.")
            continue
        serving = [table.models[slug] for slug in (chosen.model, *chosen.fallbacks)]
        reasons = {model.slug: why_not(model) for model in serving}
        for slug, reason in reasons.items():
            if reason:
                notes.say(f"Contender {slug} is left out: {reason}.")
        first, rest = serving[0], serving[1:]
        if reasons[first.slug]:
            notes.say(f"Route {route.id} is left out, because {first.slug} is.")
            continue
        if first.slug != route.primary:
            notes.say(f"Route {route.id} begins with {first.slug}: {route.primary} does not meet its condition by now.")
        kept = [model for model in rest if not reasons[model.slug]]
        lost = [model.slug for model in rest if reasons[model.slug]]
        if lost:
            notes.say(f"Route {route.id} goes without its fallback{'s' if lost[1:] else ''} {listed(lost)}.")
        escalate = table.models[chosen.escalate_to] if chosen.escalate_to else None
        yield Named(place, (first, *kept), escalate)
