"""Who follows a route's first choice: another provider first, the policy's named one before all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from routing.deciding.eligibility import Entrant, may_stand_in
from routing.deciding.question import Question

__all__ = ["fallbacks", "filled", "stand_ins", "with_second_provider"]


def stand_ins(
    entrants: Mapping[str, Entrant], ranking: Iterable[str], *, default: str | None, fallback_to: str | None
) -> list[str]:
    """Who may be somebody's fallback: the one that the policy has everybody fall back to, then the rated and the
    category's default, as far as nothing bars them."""
    found = [fallback_to] if fallback_to in entrants and may_stand_in(entrants[str(fallback_to)]) else []
    found += [slug for slug in (*ranking, default) if slug in entrants and entrants[str(slug)].eligible]
    return [slug for slug in dict.fromkeys(found) if slug is not None]


def fallbacks(question: Question, to: str, *, kept: Iterable[str], fallback_to: str | None) -> tuple[str, ...]:
    """After `to`, the first choice. Those of `kept` that may stay do, so that a rating's last digit changes nothing."""
    entrants = question.entrants
    found = stand_ins(entrants, question.ranking, default=question.default, fallback_to=fallback_to)
    providers = {slug: one.model.provider for slug, one in entrants.items()}
    ordered = [slug for slug in found if slug != to]
    ordered.sort(key=lambda slug: (slug != fallback_to, providers[slug] == providers[to]))
    first = [slug for slug in ordered if slug == fallback_to]
    made = filled([*first, *kept], ordered, question.rules.fallbacks)
    if question.terms.second_provider == "required":
        return with_second_provider(made, to, ordered, providers, room=question.rules.fallbacks)
    return made


def filled(kept: Iterable[str], ordered: Sequence[str], wanted: int) -> tuple[str, ...]:
    """Those that were there and may stay, then the next in order."""
    return tuple(dict.fromkeys([*(slug for slug in kept if slug in ordered), *ordered]))[:wanted]


def with_second_provider(
    made: Sequence[str], to: str, ordered: Iterable[str], providers: Mapping[str, str], *, room: int
) -> tuple[str, ...]:
    """With somebody at another provider than `to`'s: the first in order, in the last place there is room for."""
    if any(providers[slug] != providers[to] for slug in made):
        return tuple(made)
    elsewhere = next((slug for slug in ordered if providers[slug] != providers[to]), None)
    return tuple(made) if elsewhere is None else (*made[: room - 1], elsewhere)
