"""The contenders and categories that a policy names, compared with those that exist.

What cannot be is an error that keeps a policy from being saved. What can, but will hardly be meant, is a notice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from arena.ui.wording import did_you_mean, listed
from evals.catalog.price_list import CHECKED_LONG_AGO
from evals.catalog.queries.categories import category_cards
from evals.catalog.queries.contenders import ContenderCard, contender_cards
from routing.policy.parse import FieldError, Policy
from routing.policy.schema import BEST, CategoryRules

__all__ = ["fields_naming", "notices", "unknown"]


def unknown(policy: Policy) -> list[FieldError]:
    """Slugs of contenders that do not exist, are retired, or are hosted where only local ones may serve; and a default
    without the second provider that the policy requires. One query."""
    cards = {card.slug: card for card in contender_cards()}
    errors = []
    for field, slug, local_only in _named(policy):
        card = cards.get(slug)
        if card is None:
            errors.append(FieldError(field, f"“{slug}” is not a contender. {_near(slug, cards)}"))
        elif card.retired:
            errors.append(FieldError(field, f"{slug} is retired. Bring it back, or name another."))
        elif local_only and card.locality != "local":
            errors.append(FieldError(field, f"{slug} is hosted, but this route is for local contenders only."))
    return [*errors, *([] if errors else _single_provider(policy, cards))]


def notices(policy: Policy) -> list[FieldError]:
    """One query, and another where the policy goes by prices."""
    known = {card.slug for card in category_cards()}
    found = [
        FieldError(
            f"categories.{slug}",
            f"There is no category {slug}: these rules hold for nothing yet. {_near_category(slug, known)}",
        )
        for slug in policy.categories
        if slug not in known
    ]
    return [*found, *_leaks(policy), *_old_prices(policy)]


def fields_naming(policy: Policy, slug: str) -> list[str]:
    """Where the policy names a contender."""
    return [field for field, named, _ in _named(policy) if named == slug]


def _near(slug: str, known: Collection[str]) -> str:
    return did_you_mean(slug, known, otherwise="Write a short name as on the contenders page.")


def _near_category(slug: str, known: Collection[str]) -> str:
    return did_you_mean(slug, known, otherwise="A category comes into being with its first task or vote.")


def _leaks(policy: Policy) -> Iterator[FieldError]:
    """A route that holds by a label, or anything else but local_only, does not bind the routes after it."""
    for place, rules in _places(policy).items():
        for at, route in enumerate(rules.routes):
            limits = rules.terms(route).limits
            conditions = route.when.as_dict()
            lets_go = limits.locality == "local" and rules.limits.locality != "local"
            if lets_go and conditions and route.when.local_only is not True:
                yield FieldError(
                    f"{place}.routes[{at}].when",
                    "If no local contender may serve such a request, the routes after this one do, hosted ones too. "
                    "What must stay local, callers say by local_only: true.",
                )


def _old_prices(policy: Policy) -> Iterator[FieldError]:
    """Where the policy first goes by prices, which of them are old."""
    goes_by = (
        f"{place}.routes[{at}]"
        for place, rules in _places(policy).items()
        for at, route in enumerate(rules.routes)
        if (terms := rules.terms(route)).objective == "cheapest"
        or terms.limits.max_usd_per_success is not None
        or route.when.max_usd is not None
    )
    field = next(goes_by, None)
    if field is None:
        return
    cards = contender_cards(retired=False)
    old = [card.slug for card in cards if card.price is not None and card.price.is_stale]
    if old:
        yield FieldError(
            field,
            f"This goes by prices, and those of {listed(old)} were last checked {CHECKED_LONG_AGO}.",
        )


def _single_provider(policy: Policy, cards: Mapping[str, ContenderCard]) -> Iterator[FieldError]:
    if policy.every_category.second_provider != "required":
        return
    for at, fixed in enumerate(policy.default):
        first = cards[fixed.primary].provider
        if all(cards[slug].provider == first for slug in fixed.fallbacks):
            yield FieldError(
                f"default[{at}].fallbacks",
                f"All of these are at the provider of {fixed.primary}, but every_category.second_provider requires "
                "another. Name a contender at a second provider.",
            )


def _places(policy: Policy) -> dict[str, CategoryRules]:
    """Each place with rules; routes that a category merely inherits are every_category's."""
    places = {"every_category": policy.every_category}
    own = policy.document["categories"]
    return places | {f"categories.{slug}": rules for slug, rules in policy.categories.items() if "routes" in own[slug]}


def _named(policy: Policy) -> Iterator[tuple[str, str, bool]]:
    """Every slug the policy routes to, with its field, and whether only a local one may stand there."""
    for at, fixed in enumerate(policy.default):
        local = fixed.when.local_only is True
        yield f"default[{at}].primary", fixed.primary, local
        for n, slug in enumerate(fixed.fallbacks):
            yield f"default[{at}].fallbacks[{n}]", slug, local
        if fixed.escalate_to is not None:
            yield f"default[{at}].escalate_to", fixed.escalate_to, local
    yield from _named_by("every_category", policy.every_category, None)
    for slug, rules in policy.categories.items():
        yield from _named_by(f"categories.{slug}", rules, policy.document["categories"][slug])


def _named_by(place: str, rules: CategoryRules, own: Collection[str] | None) -> Iterator[tuple[str, str, bool]]:
    """`own` has the names of the fields a category says itself, None for every_category: the rest is told there."""
    everywhere = rules.limits.locality == "local"
    for name in ("default", "fallback_to"):
        slug = getattr(rules, name)
        if slug not in (None, BEST) and (own is None or name in own):
            # Where a route takes only local ones, a hosted one it is told to fall back to is left out.
            yield f"{place}.{name}", slug, everywhere
    if own is not None and "routes" not in own:
        return
    for at, route in enumerate(rules.routes):
        local = route.when.local_only is True or rules.terms(route).limits.locality == "local"
        for name in ("pin", "escalate_to", "fallback_to"):
            slug = getattr(route, name)
            if isinstance(slug, str) and slug != BEST:
                yield f"{place}.routes[{at}].{name}", slug, local
