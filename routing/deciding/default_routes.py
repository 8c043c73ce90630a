"""The table's default: where requests go that no category's route serves. As the policy spells it out, or derived from
the categories. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from routing.deciding.eligibility import binding_limits, entrant, may_take_over
from routing.deciding.fallbacks import filled, with_second_provider
from routing.facts import Facts
from routing.policies import FixedRoute, Limits, Policy, When
from routing.tables.document import DEFAULT, PlannedCategory, Route

__all__ = ["default_id", "derived", "fixed", "last_resort"]


def default_id(route: FixedRoute) -> str:
    return f"{DEFAULT}-{route.name}" if route.name else DEFAULT


def last_resort(default: Sequence[FixedRoute]) -> str | None:
    return next((route.primary for route in default if not route.when.as_dict()), None)


def fixed(policy: Policy, facts: Facts, categories: Sequence[PlannedCategory], *, label: str) -> tuple[Route, ...]:
    """As the policy spells it out, without whoever is retired or may not serve the route's condition. Where a second
    provider is required and none is left, one that categories route; a route for which there is none is left out."""
    routes = []
    for asked in policy.default:
        named = [slug for slug in (asked.primary, *asked.fallbacks) if _serves(facts, slug, asked.when)]
        if not named:
            continue
        others = tuple(dict.fromkeys(slug for slug in named[1:] if slug != named[0]))
        if policy.every_category.second_provider == "required":
            routed = [slug for slug in _routed(categories) if _serves(facts, slug, asked.when)]
            others = _held_to(facts, named[0], others, routed, room=len(others) + 1)
            if not others:
                continue
        escalate = asked.escalate_to if asked.escalate_to and _serves(facts, asked.escalate_to, asked.when) else None
        routes.append(
            Route(
                id=default_id(asked),
                when=asked.when.as_dict(),
                primary=named[0],
                fallbacks=others,
                escalate_to=None if escalate == named[0] else escalate,
                reason=f"Set by {label}.",
            )
        )
    return tuple(routes)


def derived(
    policy: Policy,
    facts: Facts,
    categories: Sequence[PlannedCategory],
    *,
    kept: Route | None,
    now_at: Route | None,
    label: str,
) -> tuple[Route, ...]:
    """No default in the policy: what most categories send to unconditionally, kept as long as any does. `now_at` is the
    default as it stands, `kept` the same while its fallbacks need not be put together anew."""
    mains = _mains(categories)
    primaries = Counter(route.primary for route in mains)
    if not mains:
        return ()
    # Equally many: in the order of the categories, which is by name.
    ordered = [slug for slug, _ in primaries.most_common()]
    to = now_at.primary if now_at is not None and now_at.primary in primaries else ordered[0]
    others = [slug for slug in _routed(categories) if slug != to]
    stay = kept.fallbacks if kept is not None and kept.primary == to else ()
    room = policy.every_category.fallbacks
    fallbacks = filled(stay, others, room)
    if policy.every_category.second_provider == "required":
        fallbacks = _held_to(facts, to, fallbacks, others, room=room)
        if not fallbacks:
            return ()
    routed = f"{primaries[to]} of {len(mains)} routed categories"
    reason = f"No default in {label}: sends where {routed} do."
    return (Route(id=DEFAULT, when={}, primary=to, fallbacks=fallbacks, reason=reason),)


def _routed(categories: Sequence[PlannedCategory]) -> list[str]:
    """Whom categories send to, by how many of them; then whom they fall back to."""
    mains = _mains(categories)
    primaries = Counter(route.primary for route in mains)
    rest = Counter(slug for route in mains for slug in route.fallbacks)
    return list(dict.fromkeys(slug for some in (primaries, rest) for slug, _ in some.most_common()))


def _mains(categories: Sequence[PlannedCategory]) -> list[Route]:
    """Unconditional routes alone: what serves under a condition was not chosen for everything."""
    return [route for one in categories for route in one.routes if not route.when]


def _held_to(facts: Facts, to: str, others: Sequence[str], elsewhere: Iterable[str], *, room: int) -> tuple[str, ...]:
    """With a fallback at a second provider; empty if there is none."""
    providers = {slug: model.provider for slug, model in facts.models.items()}
    found = [slug for slug in elsewhere if slug != to]
    made = with_second_provider(others, to, found, providers, room=room)
    return made if any(providers[slug] != providers[to] for slug in made) else ()


def _serves(facts: Facts, slug: str, when: When) -> bool:
    model = facts.models.get(slug)
    limits = binding_limits(Limits(), when)
    return model is not None and may_take_over(entrant(model, limits=limits), limits)
